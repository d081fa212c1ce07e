"""Mail in the name of people who did not write it, in every shape that proves nothing of them, and what it proves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization

from mailgate.mail.parse import parse
from mailgate.model import Accepted, Authentication, Mail, Peer
from mailgate.net.authenticate import Authenticator
from mailgate.net.resolver import Lookup, Trouble
from tests.fakes import seals
from tests.fakes.dns import Zone

FORGER, HIS = "evil.test", "198.51.100.66"
PEER = Peer(ip=HIS, helo="mx.evil.test")
_KEY = seals.KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
)
# What the victims' owners say of their domains, and what the forger says of his own.
ZONE: dict[tuple[str, str], Lookup[Any]] = {
    ("hard.test", "TXT"): (b"v=spf1 ip4:192.0.2.1 -all",),
    ("soft.test", "TXT"): (b"v=spf1 ip4:192.0.2.1 ~all",),
    ("neutral.test", "TXT"): (b"v=spf1 ?all",),
    ("trouble.test", "TXT"): Trouble("no answer"),
    ("broken.test", "TXT"): (b"v=spf1 include:broken.test -all",),
    ("strict.test", "TXT"): (b"v=spf1 -all",),
    ("_dmarc.strict.test", "TXT"): (b"v=DMARC1; p=reject; aspf=s; adkim=s",),
    (FORGER, "TXT"): (b"v=spf1 ip4:198.51.100.0/24 -all",),
    (f"s1._domainkey.{FORGER}", "TXT"): (seals.record(),),
    ("s1._domainkey.signs.test", "TXT"): (seals.record(),),
}
VICTIMS = (
    *("hard.test", "soft.test", "neutral.test", "trouble.test", "broken.test", "strict.test", "silent.test"),
    *("signs.test", "gmail.com"),
)


@dataclass(frozen=True)
class Shape:
    """One way to forge: the author as written, the reverse-path, further fields, and who signs how."""

    author: str = "{victim}"
    mail_from: str = "{victim}"
    more: str = ""
    signed_by: str = ""
    signs_part: bool = False


SHAPES = {
    "as if it were he": Shape(),
    "a reverse-path of the forger's, which SPF passes": Shape(mail_from="me@evil.test"),
    "signed by the forger": Shape(mail_from="me@evil.test", signed_by=FORGER),
    "signed by the forger under the victim's reverse-path": Shape(signed_by=FORGER),
    "the victim's sub-domain in the reverse-path": Shape(mail_from="x@evil.test.{domain}"),
    "two authors": Shape(author="{victim}, me@evil.test", mail_from="me@evil.test", signed_by=FORGER),
    "two From fields": Shape(more="From: me@evil.test\r\n", mail_from="me@evil.test", signed_by=FORGER),
    "the victim's name in the forger's comment": Shape(author='"me@evil.test" <{victim}>', mail_from="me@evil.test"),
    "a group": Shape(author="friends: {victim}, me@evil.test;", mail_from="me@evil.test"),
    "the null reverse-path": Shape(mail_from=""),
    "forged results": Shape(more="Authentication-Results: mx.g.test; spf=pass; dkim=pass header.d={domain}\r\n"),
    "a signature of but a part, l=": Shape(author="kim@signs.test", signed_by="signs.test", signs_part=True),
}


@dataclass(frozen=True)
class Forgery:
    """One forged mail without its words, and what it proves."""

    shape: Shape
    author: str
    mail_from: str
    head: str
    proof: Authentication
    mail: Mail

    def accepted(self, number: int, at: datetime) -> Accepted:
        return Accepted(number, f"q{number}", at, self.mail_from, "off@g.test", PEER, b"")


def forgeries() -> list[Forgery]:
    """Each shape in the name of each victim, authenticated by the real verifiers over what DNS says."""
    return asyncio.run(_proven())


async def _proven() -> list[Forgery]:
    names, found = Authenticator(Zone(dict(ZONE))), []
    for shape, domain in _pairs():
        victim = {"victim": f"kim@{domain}", "domain": domain}
        mail_from = shape.mail_from.format(**victim)
        head = f"From: {shape.author.format(**victim)}\r\n{shape.more.format(**victim)}To: off@g.test\r\n"
        raw = _signed(f"{head}Subject: My printer burns\r\nDate: Mon, 5 Jan 2026 09:00:00 +0000\r\n", shape)
        mail = parse(raw)
        author_domain = mail.author.address.rpartition("@")[2] if mail.author else ""
        proof = await names.authenticate(raw, mail_from, PEER, author_domain)
        found.append(Forgery(shape, victim["victim"], mail_from, head, proof, mail))
    return found


def _pairs() -> Iterator[tuple[Shape, str]]:
    for shape in SHAPES.values():
        for domain in VICTIMS:
            yield shape, domain


def _signed(head: str, shape: Shape) -> bytes:
    raw = f"{head}\r\nIt really does.\r\n".encode()
    if not shape.signed_by:
        return raw
    fields = [b"from", b"to", b"subject", b"date"]
    options: dict[str, Any] = {"include_headers": fields, "privkey": _KEY, "length": shape.signs_part}
    signed = dkim.sign(raw, b"s1", shape.signed_by.encode(), canonicalize=(b"relaxed", b"relaxed"), **options) + raw
    return signed + b"And this was added by somebody else.\r\n" if shape.signs_part else signed
