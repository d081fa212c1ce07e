"""Mail as evil peers write it: in the thread or out of it, with every mark or with none."""

from __future__ import annotations

import email
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message

MAILBOX = "support@g.test"  # the laboratory's own

_WHO = ("driver", "neighbour", "clerk", "teacher", "plumber", "cousin", "doctor", "lawyer")
_WHAT = ("printer", "invoice", "parcel", "contract", "garden", "window", "camera", "bicycle")
_DID = ("lost", "repaired", "painted", "forgot", "ordered", "returned", "measured", "sold")
_WHERE = ("in Rome", "at home", "by the sea", "on Monday", "in the rain", "after lunch", "near Graz", "last week")
_LISTS = (_WHO, _WHAT, _DID, _WHERE)


@dataclass(frozen=True, slots=True)
class Post:
    """A mail that a peer hands in, `after` so long since what caused it. `auth` is how well its author is proven."""

    raw: bytes
    mail_from: str
    rcpt_to: str = MAILBOX
    auth: str = "A2"
    after: timedelta = timedelta(0)
    peer: str = "192.0.2.1"


def letter(author: str, to: str = MAILBOX, *, identity: str, subject: str, text: str, **fields: str) -> bytes:
    """One mail as CRLF bytes. `fields` are further header fields; an underscore in a name is a hyphen."""
    head = {"From": author, "To": to, "Subject": subject, "Message-ID": f"<{identity}>"}
    head |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in head.items() if value]
    return "\r\n".join([*lines, "", *text.split("\n"), ""]).encode()


def plain(author: str, number: int, to: str = MAILBOX) -> bytes:
    """What a person might write who never heard of us; each number says something else, in words and not in digits."""
    sentence = words(number)
    identity = f"{number}.{author.partition('@')[0]}@{author.partition('@')[2]}"
    return letter(author, to, identity=identity, subject=sentence[:40], text=f"Hello,\n\n{sentence}.\n")


def words(number: int) -> str:
    """A sentence of its own for each number: the same number, the same sentence."""
    parts = []
    while True:
        who, what, did, where = (one[number >> (3 * place) & 7] for place, one in enumerate(_LISTS))
        parts.append(f"the {who} {did} a {what} {where}")
        number >>= 12
        if not number:
            return " and ".join(parts).capitalize()


def read(raw: bytes) -> Message:
    """The header fields of a mail."""
    return email.message_from_bytes(raw)


def body(raw: bytes) -> str:
    """The text of a mail of one part."""
    payload = read(raw).get_payload(decode=True)
    return payload.decode() if isinstance(payload, bytes) else ""


def quoted(raw: bytes) -> str:
    """The text of a mail as an answer quotes it."""
    return "\n".join(f"> {line}" for line in body(raw).splitlines())


def where_to(raw: bytes) -> str:
    """The address that an answer to this mail goes to."""
    asked = read(raw)
    return str(asked["Reply-To"] or asked["From"]).rpartition("<")[2].rstrip("> ")


def written_by(raw: bytes) -> str:
    """The address that a mail is from."""
    return str(read(raw)["From"]).rpartition("<")[2].rstrip("> ")


def in_thread(raw: bytes) -> Mapping[str, str]:
    """The fields by which an answer joins the thread of a mail."""
    asked = read(raw)
    identity = str(asked["Message-ID"])
    references = " ".join(f"{asked.get('References', '')} {identity}".split())
    return {"In_Reply_To": identity, "References": references}


def stripped(author: str, number: int, post: Post) -> Post:
    """The same mail after a relay that leaves nothing by which we could know it: no header, no token, no quote.

    It looks human, has a subject and a text of its own, is proven to be its author's, and goes to our plain address.
    """
    return Post(plain(author, number), author, auth="A2", after=post.after, peer=post.peer)
