"""Mail as the programs of people write it, each in its own shape: fields, parts, and how it quotes what it answers.

All of it is what these programs are known to do; no mail of anybody was copied. Each takes what a person did in it
(made.py) and gives the mail as CRLF bytes.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta

from tests.story.made import (
    Attached,
    Old,
    Said,
    blocks,
    client,
    escaped,
    flowed,
    multipart,
    standing,
    text_part,
    whole,
    with_files,
)

# ── Gmail in a browser ────────────────────────────────────────────────────────────────────────────────────────────────


@client
def gmail(said: Said) -> bytes:
    """Both forms of the text, the old mail in a `gmail_quote`, and the whole chain of references."""
    boundary = f"000000000000{said.digits(16)}"
    fields = {
        "MIME-Version": "1.0",
        **said.chain(),
        **standing(said),
        "X-Gm-Features": f"AWEUYZ{said.digits(40)}",
        "Message-ID": f"<CAF+{said.digits(42, 'gmail')}@mail.gmail.com>",
        "Subject": said.whole_subject(),
    }
    plain, marked = said.text, f'<div dir="ltr">{blocks(said.text, "<div>{}</div>", "<div><br></div>")}</div>'
    if said.signature:
        plain += f"\n\n-- \n{said.signature}"
        sign = '<span class="gmail_signature_prefix">-- </span>'
        inner = blocks(said.signature, "{}<br>", "<br>")
        marked += f'<br>{sign}<br><div dir="ltr" class="gmail_signature"><div dir="ltr">{inner}</div></div>'
    if said.old:
        below, marked_below = _below_in_gmail(said, said.old)
        plain, marked = f"{plain}\n\n{below}", f"{marked}<br>{marked_below}"
    both = multipart("alternative", boundary, [text_part("plain", plain), text_part("html", marked)])
    return whole(said, fields, with_files(said, f"0000000000{said.digits(18, 'mixed')}", both))


def _below_in_gmail(said: Said, old: Old) -> tuple[str, str]:
    when = f"{old.at:%a, %b} {old.at.day}, {old.at:%Y} at {old.at:%I:%M}\u202f{old.at:%p}".replace(" at 0", " at ")
    link = f'&lt;<a href="mailto:{old.address}">{old.address}</a>&gt;'
    opened = '<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
    if said.forwarding:
        head = f"From: {old.from_}\nDate: {when}\nSubject: {old.subject}\nTo: <{old.to.strip('<>')}>"
        title = "---------- Forwarded message ---------"
        return f"{title}\n{head}\n\n\n{old.text}", (
            f"{opened}{title}<br>{escaped(head).replace(chr(10), '<br>')}<br></div><br><br>{old.as_html()}</div>"
        )
    style = "margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex"
    return f"On {when} {old.name} <\n{old.address}> wrote:\n\n{old.quoted()}", (
        f'{opened}On {when} {escaped(old.name)} {link} wrote:<br></div><blockquote class="gmail_quote" '
        f'style="{style}">{old.as_html()}</blockquote></div>'
    )


# ── Outlook ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@client
def outlook(said: Said) -> bytes:
    """Outlook on Windows: HTML as Word writes it, and the old mail unmarked below a block of its header.

    It sets nothing above a signature; ours is that of a house which asks its people for the rule of two hyphens.
    """
    paragraph, empty = '<p class="MsoNormal">{}<o:p></o:p></p>', '<p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
    words = f"{said.text}\n\n-- \n{said.signature}" if said.signature else said.text
    plain, marked = words, blocks(words, paragraph, empty)
    if said.old:
        plain += f"\n\n{_header_block(said.old)}\n\n{said.old.text}"
        line = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"
        marked += (
            f'{empty}<div><div style="{line}"><p class="MsoNormal">{_bold_block(said.old)}<o:p></o:p></p></div></div>'
        )
        marked += f"{empty}{blocks(said.old.text, paragraph, empty)}"
    page = (
        '<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
        'xmlns:w="urn:schemas-microsoft-com:office:word" xmlns="http://www.w3.org/TR/REC-html40">\n<head>'
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
        '<meta name="Generator" content="Microsoft Word 15 (filtered medium)">'
        "<style><!-- p.MsoNormal {margin:0cm; font-size:11.0pt;} --></style></head>"
        f'<body lang="EN-GB" link="#0563C1" vlink="#954F72">\n<div class="WordSection1">{marked}</div></body></html>'
    )
    return _by_exchange(said, plain, page)


@client
def outlook_web(said: Said) -> bytes:
    """Outlook in a browser: the old mail below a rule and `divRplyFwdMsg`."""
    plain, marked = said.text, blocks(said.text, '<div class="elementToProof">{}</div>', "<div><br></div>")
    if said.signature:
        plain += f"\n\n-- \n{said.signature}"
        marked += f'<div id="Signature">{blocks(said.signature, "<div>{}</div>", "<div><br></div>")}</div>'
    return _by_exchange(said, *_below_in_browser(said, plain, f'<div dir="ltr">{marked}</div>'))


@client
def outlook_mobile(said: Said) -> bytes:
    """Outlook on a telephone: its advertisement, and below it as in a browser."""
    plain = f"{said.text}\n\nGet Outlook for iOS<https://aka.ms/o0ukef>"
    marked = blocks(said.text, '<div dir="ltr">{}</div>', "<div><br></div>")
    marked += '<div id="ms-outlook-mobile-signature">Get <a href="https://aka.ms/o0ukef">Outlook for iOS</a></div>'
    return _by_exchange(said, *_below_in_browser(said, plain, marked))


def _below_in_browser(said: Said, plain: str, marked: str) -> tuple[str, str]:
    if said.old:
        plain += f"\n________________________________\n{_header_block(said.old)}\n\n{said.old.text}"
        marked += '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
        marked += (
            f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif">{_bold_block(said.old)}</font></div>'
        )
        marked += f'<div class="BodyFragment">{said.old.as_html()}</div>'
    return (
        plain,
        f'<html><head><style type="text/css">P {{margin-top:0;}}</style></head><body dir="ltr">{marked}</body></html>',
    )


def _header_block(old: Old) -> str:
    sent = f"{old.at:%A}, {old.at.day} {old.at:%B %Y %H:%M}"
    return f"From: {old.from_}\nSent: {sent}\nTo: {old.to}\nSubject: {old.subject}"


def _bold_block(old: Old) -> str:
    fields = (line.partition(":") for line in _header_block(old).split("\n"))
    return "<br>".join(f"<b>{name}:</b>{escaped(value)}" for name, _, value in fields)


def _by_exchange(said: Said, plain: str, page: str) -> bytes:
    host, serial = "eurprd04.prod.outlook.com", f"AM0PR04MB{said.digits(4).upper()}"
    boundary = f"_000_{serial}{said.digits(16, 'part')}{serial}eurp_"
    fields = {
        **standing(said),
        "Subject": said.whole_subject("RE: ", "FW: "),
        "Thread-Topic": said.whole_subject("", ""),
        "Thread-Index": thread_index(said),
        "Message-ID": f"<{serial}{said.digits(22, 'id').upper()}@{serial}.{host}>",
        **said.chain(),
        "Accept-Language": "en-GB, en-US",
        "Content-Language": "en-GB",
        "X-MS-Has-Attach": "yes" if said.attachments else "",
        "X-Originating-IP": "[192.0.2.44]",
        "MIME-Version": "1.0",
    }
    both = multipart("alternative", boundary, [text_part("plain", plain), text_part("html", page)])
    return whole(said, fields, with_files(said, boundary.replace("_000_", "_004_"), both))


def thread_index(said: Said) -> str:
    """The conversation index ([MS-OXOMSG] 2.2.1.3): 22 bytes that begin a thread, five more for each answer in it."""
    old = said.old
    if said.answering and old and old.thread_index:
        child = int((said.at - old.at).total_seconds() * 1e7) >> 18 & 0x7FFFFFFF
        salt = hashlib.sha256(said.digits(8).encode()).digest()[:1]
        return b64encode(b64decode(old.thread_index) + child.to_bytes(4, "big") + salt).decode()
    ticks = (said.at - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10
    head = ticks.to_bytes(8, "big")[:6]
    return b64encode(head + bytes.fromhex(said.digits(32, "guid"))).decode()


# ── Apple ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

_APPLE_HEAD = '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'


@client
def apple_mail(said: Said) -> bytes:
    """Mail on a Mac: what introduces the quote stands inside it."""
    plain, marked = said.text, blocks(said.text, "<div>{}</div>", "<div><br></div>")
    if said.old:
        introduced = f"On {_day(said.old)}, at {said.old.at:%H:%M}, {said.old.from_} wrote:"
        plain += f"\n\n> {introduced}\n> \n{said.old.quoted(empty='> ')}"
        marked += (
            f'<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>{escaped(introduced)}</div>'
            f'<br class="Apple-interchange-newline"><div>{said.old.as_html()}</div></blockquote></div><br>'
        )
    page = f"{_APPLE_HEAD}<body>{marked}</body></html>"
    boundary = f"Apple-Mail=_{said.uuid().upper()}"
    parts = [
        text_part(
            "plain",
            flowed(plain),
            charset="us-ascii" if plain.isascii() else "utf-8",
            parameters=";\r\n\tformat=flowed",
        ),
        text_part("html", page, charset="utf-8"),
    ]
    fields = {
        "Mime-Version": "1.0 (Mac OS X Mail 16.0 \\(3774.600.62\\))",
        "Subject": said.whole_subject(),
        **standing(said),
        **said.chain(),
        "Message-Id": f"<{said.uuid().upper()}@{said.address.partition('@')[2]}>",
        "X-Mailer": "Apple Mail (2.3774.600.62)",
    }
    return whole(said, fields, with_files(said, f"{boundary}1", multipart("alternative", boundary, parts)))


@client
def ios_mail(said: Said) -> bytes:
    """Mail on an iPhone: it names only the mail that it answers, and forgets the chain before it."""
    plain, marked = f"{said.text}\n\nSent from my iPhone", blocks(said.text, "<div>{}</div>", "<div><br></div>")
    marked += '<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">Sent from my iPhone</div>'
    if said.old:
        introduced = f"On {_day(said.old)}, at {said.old.at:%H:%M}, {said.old.from_} wrote:"
        plain += f"\n\n> {introduced}\n> \n> \ufeff{said.old.quoted(empty='> ')[2:]}"
        marked += (
            f'<div dir="ltr"><br><blockquote type="cite">{escaped(introduced)}<br><br></blockquote></div>'
            f'<blockquote type="cite"><div dir="ltr">\ufeff{said.old.as_html()}</div></blockquote>'
        )
    page = f'{_APPLE_HEAD}<body dir="auto">{marked}</body></html>'
    boundary = f"Apple-Mail-{said.uuid().upper()}"
    parts = [text_part("plain", plain, charset="utf-8"), text_part("html", page, charset="utf-8")]
    nearest = said.old.id if said.answering and said.old else ""
    fields = {
        **standing(said),
        "Mime-Version": "1.0 (1.0)",
        "Subject": said.whole_subject(),
        "Message-Id": f"<{said.uuid().upper()}@{said.address.partition('@')[2]}>",
        "References": nearest,
        "In-Reply-To": nearest,
        "X-Mailer": "iPhone Mail (22F76)",
    }
    return whole(said, fields, with_files(said, f"{boundary}-1", multipart("alternative", boundary, parts)))


def _day(old: Old) -> str:
    return f"{old.at.day} {old.at:%b %Y}"


# ── Thunderbird and K-9 ───────────────────────────────────────────────────────────────────────────────────────────────


@client
def thunderbird(said: Said) -> bytes:
    """Thunderbird answers below what it quotes, and signs below a rule."""
    signed = f"\n\n-- \n{said.signature}" if said.signature else ""
    plain, marked = said.text, blocks(said.text, "<p>{}</p>", "")
    if said.old:
        introduced = f"On {said.old.at:%d/%m/%Y %H:%M}, {said.old.name} wrote:"
        plain = f"{introduced}\n{said.old.quoted()}\n\n{plain}"
        cited = f'<blockquote type="cite" cite="mid:{escaped(said.old.id.strip("<>"))}">'
        marked = (
            f'<div class="moz-cite-prefix">{escaped(introduced)}<br></div>{cited}'
            f'<pre class="moz-quote-pre" wrap="">{escaped(said.old.text)}</pre></blockquote>{marked}'
        )
    if said.signature:
        marked += f'<pre class="moz-signature" cols="72">-- \n{escaped(said.signature)}</pre>'
    page = (
        '<!DOCTYPE html>\n<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head>'
        f"<body>{marked}</body></html>"
    )
    parts = [
        text_part("plain", flowed(plain) + signed, parameters="; format=flowed"),
        text_part("html", page),
    ]
    fields = {
        "Message-ID": f"<{said.uuid()}@{said.address.partition('@')[2]}>",
        **standing(said),
        "MIME-Version": "1.0",
        "User-Agent": "Mozilla Thunderbird",
        "Subject": said.whole_subject(),
        **said.chain(),
        "Content-Language": "en-GB",
    }
    both = multipart("alternative", f"------------{said.digits(24, 'part')}", parts)
    return whole(said, fields, with_files(said, f"------------{said.digits(24, 'mixed')}", both))


@client
def k9(said: Said) -> bytes:
    """K-9 on a telephone, as it comes: the answer above what it quotes."""
    return _k9(
        said,
        f"{said.text}\n-- \nSent from my Android device with K-9 Mail. Please excuse my brevity.\n\n{_prefixed(said)}",
    )


@client
def k9_below(said: Said) -> bytes:
    """K-9 where its owner answers below what he quotes."""
    return _k9(said, f"{_prefixed(said)}\n\n{said.text}".lstrip("\n"))


@client
def k9_header(said: Said) -> bytes:
    """K-9 where its owner chose quotes as Outlook has them: unmarked, below a header."""
    old = said.old
    if not old:
        return _k9(said, said.text)
    head = f"From: {old.from_}\nSent: {_day(old)} {old.at:%H:%M:%S} GMT\nTo: {old.to}\nSubject: {old.subject}"
    return _k9(said, f"{said.text}\n\n\n-------- Original Message --------\n{head}\n\n{old.text}")


def _prefixed(said: Said) -> str:
    if not said.old:
        return ""
    old = said.old
    return f"On {old.at.day} {old.at:%B %Y %H:%M:%S} GMT, {old.from_} wrote:\n{old.quoted('>')}"


def _k9(said: Said, plain: str) -> bytes:
    fields = {
        **standing(said),
        "Subject": said.whole_subject(),
        "User-Agent": "K-9 Mail for Android",
        **said.chain(),
        "Message-ID": f"<{said.uuid().upper()}@{said.address.partition('@')[2]}>",
        "MIME-Version": "1.0",
    }
    return whole(said, fields, with_files(said, f"----{said.digits(30, 'mixed').upper()}", text_part("plain", plain)))


# ── What anybody attaches ─────────────────────────────────────────────────────────────────────────────────────────────

SCREENSHOT = Attached("Screenshot 2026-01-05.png", "image/png", bytes.fromhex("89504e470d0a1a0a") + bytes(range(256)))
INVOICE = Attached("invoice-2041.pdf", "application/pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"0 " * 200 + b"%%EOF\n")

ANSWERING = {
    "gmail": gmail,
    "outlook": outlook,
    "outlook in a browser": outlook_web,
    "outlook on a telephone": outlook_mobile,
    "apple mail": apple_mail,
    "ios mail": ios_mail,
    "thunderbird": thunderbird,
    "k-9": k9,
    "k-9, below": k9_below,
    "k-9, header": k9_header,
}
