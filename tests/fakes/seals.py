"""A sealer of mail (RFC 8617), written from the standard and not from our verifier: adds one ARC set on top."""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

KEY = rsa.generate_private_key(65537, 1024)
ED_KEY = ed25519.Ed25519PrivateKey.generate()
SIGNED = "from:to:subject:date"


def record(key: rsa.RSAPrivateKey = KEY) -> bytes:
    """The TXT record of the key."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(der)


def ed_record() -> bytes:
    return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(ED_KEY.public_key().public_bytes_raw())


def seal(
    raw: bytes,
    results: str,
    *,
    domain: str = "f.test",
    number: int = 1,
    cv: str = "",
    signed: str = SIGNED,
    ed: bool = False,
    length: int | None = None,
) -> bytes:
    """`raw` with a set of `domain` that says `results`; of the body only `length` bytes are signed, where given."""
    head, body = raw.split(b"\r\n\r\n", 1)
    fields = _fields(head)
    name = f"a={'ed25519' if ed else 'rsa'}-sha256; d={domain}; s=s1; i={number}"
    digest = base64.b64encode(hashlib.sha256(_relaxed_body(body)[:length]).digest()).decode()
    aar = f"ARC-Authentication-Results: i={number}; {results}"
    message = f"ARC-Message-Signature: {name}; c=relaxed/relaxed; h={signed}; bh={digest}; "
    message += "b=" if length is None else f"l={length}; b="
    covered = "".join(_relaxed(found) for each in signed.split(":") if (found := _last(fields, each)))
    message += _sign(covered + _relaxed(message).rstrip("\r\n"), ed)
    last = f"ARC-Seal: {name}; cv={cv or ('none' if number == 1 else 'pass')}; b="
    before = "".join(_relaxed(field) for each in range(1, number) for field in _set(fields, each))
    last += _sign(before + _relaxed(aar) + _relaxed(message) + _relaxed(last).rstrip("\r\n"), ed)
    return "\r\n".join((last, message, aar, "")).encode() + raw


def _fields(head: bytes) -> list[str]:
    return re.split(r"\r\n(?![ \t])", head.decode())


def _last(fields: list[str], name: str) -> str:
    return next((field for field in reversed(fields) if field.lower().startswith(f"{name}:")), "")


def _set(fields: list[str], number: int) -> list[str]:
    names = ("arc-authentication-results", "arc-message-signature", "arc-seal")
    own = [field for field in fields if re.search(rf"[:;]\s*i={number};", field)]
    return [field for name in names for field in own if field.lower().startswith(f"{name}:")]


def _relaxed(field: str) -> str:
    name, _, value = field.partition(":")
    return f"{name.lower()}:{' '.join(value.split())}\r\n"


def _relaxed_body(body: bytes) -> bytes:
    text = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return text + b"\r\n" if text else b""


def _sign(text: str, ed: bool) -> str:
    if ed:
        return base64.b64encode(ED_KEY.sign(hashlib.sha256(text.encode()).digest())).decode()
    return base64.b64encode(KEY.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
