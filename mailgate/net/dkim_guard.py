"""DKIM (RFC 6376, 8301, 8463) behind a guard: dkimpy does the sums, and everything it is too lenient about stands here.

dkimpy accepts signatures that do not cover From, that cover only a part of the body, that use SHA-1, or whose key is
only for tests, and hostile input can keep it busy for minutes. So each signature is first read here, then its key,
and only what is sound and bounded is put to the verifier. Never asks DNS: keys are handed in.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final, TypeAlias

import dkim
from dkim.canonicalization import compress_whitespace
from dkim.crypto import UnparsableKeyError, parse_public_key
from dkim.util import InvalidTagValueList, parse_tag_value
from msgspec import Struct

from mailgate.net.resolver import Lookup, Trouble

HEADER_BYTES_MAX: Final = 512 * 1024
FIELDS_MAX: Final = 1000
SIGNATURE_BYTES_MAX: Final = 8192  # load-bearing: dkimpy's expressions take the square of this
FOLDS_MAX: Final = 200  # likewise
SIGNED_NAMES_MAX: Final = 128
KEY_BYTES_MAX: Final = 4096
RSA_BITS: Final = range(1024, 4097)  # RFC 8301 section 3.2; larger keys are not wanted and cost much
RSA_EXPONENT_MAX: Final = 2**32

ALGORITHMS: Final = {b"rsa-sha256": b"rsa", b"ed25519-sha256": b"ed25519"}
_MUST_BE_SIGNED: Final = (b"from", b"subject", b"date")
_NEXT_FIELD: Final = re.compile(rb"\r?\n(?![\t ])")
_FIELD: Final = re.compile(rb"([\x21-\x39\x3b-\x7e]+):")
_LONG_GAP: Final = re.compile(rb"\s{64}")
HOST: Final = re.compile(rb"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
# dkimpy reports each broken signature as an error of ours. A level above all others keeps it silent.
SILENT: Final = logging.Logger("dkim", logging.CRITICAL + 1)

Field: TypeAlias = tuple[bytes, bytes]
Key: TypeAlias = Lookup[bytes]  # the TXT records found under a key's name


class Judged(Struct, frozen=True):
    """What one signature proves, in the words of RFC 8601 section 2.7.1, and why not more."""

    domain: str
    result: str
    why: str = ""


class Signature(Struct, frozen=True):
    """A signature that is worth asking for its key. `index` counts from the top."""

    index: int
    domain: str
    selector: str
    algorithm: bytes
    identity: bytes  # the domain of i=, "" where there is none
    relaxed_body: bool

    @property
    def key_name(self) -> str:
        """Where its key stands in DNS."""
        return f"{self.selector}._domainkey.{self.domain}"


def split(raw: bytes) -> tuple[bytes, bytes]:
    """Header and body of a mail as received, cut at the first empty line, which belongs to neither."""
    crlf = raw.find(b"\n\r\n")
    lf = raw.find(b"\n\n", 0, crlf + 1 if crlf >= 0 else None)
    if lf >= 0:
        return raw[:lf].removesuffix(b"\r"), raw[lf + 2 :]
    if crlf >= 0:
        return raw[:crlf].removesuffix(b"\r"), raw[crlf + 3 :]
    return raw.removesuffix(b"\n").removesuffix(b"\r"), b""


def fields(header: bytes) -> list[Field] | None:
    """The fields as written, each value with its line end; None where they are malformed or beyond the bounds."""
    if len(header) > HEADER_BYTES_MAX:
        return None
    lines = _NEXT_FIELD.split(header)
    names = [_FIELD.match(line) for line in lines]
    if len(lines) > FIELDS_MAX or not all(names):
        return None
    return [(name[1], line[name.end() :] + b"\r\n") for name, line in zip(names, lines, strict=True) if name]


def signatures(header: Sequence[Field]) -> list[Signature | Judged]:
    """Every DKIM-Signature, topmost first: worth verifying, or already judged."""
    present = Counter(name.lower() for name, _ in header)
    values = [value for name, value in header if name.lower() == b"dkim-signature"]
    return [_read(index, value, present) for index, value in enumerate(values)]


def verify(header: Sequence[Field], body: bytes, signed: Sequence[tuple[Signature, Key]]) -> list[Judged]:
    """Verify each signature with what was found under its key name. Takes some ms; may run in any thread."""
    message = dkim.DKIM(None, logger=SILENT)
    message.headers = list(header)
    return [_verify(message, body, signature, records) for signature, records in signed]


def is_oversized(value: bytes) -> bool:
    """Would the expressions that read a signature take too long with this one?"""
    return len(value) > SIGNATURE_BYTES_MAX or value.count(b"\n") > FOLDS_MAX or bool(_LONG_GAP.search(value))


def unsigned(header: Sequence[Field], names: Sequence[bytes]) -> str:
    """The first of From, Subject and Date that a signature of these names (lower case) leaves open; "" for none."""
    return _unsigned(Counter(name.lower() for name, _ in header), names)


def usable_key(signature: Signature, records: Key) -> bytes | Judged:
    """The record to verify `signature` with, or what a signature without one is worth."""
    if isinstance(records, Trouble):
        return Judged(signature.domain, "temperror", "its key could not be asked for")
    # More than one record is undefined (RFC 6376 section 3.6.2.2); a TXT without p= is something else's.
    record = next((txt for txt in records if b"p=" in txt), b"") if isinstance(records, tuple) else b""
    if not record or len(record) > KEY_BYTES_MAX:
        return Judged(signature.domain, "permerror", "it has no key")
    fault = _key_fault(signature, record)
    return Judged(signature.domain, *fault) if fault else record


# ── The signature ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(index: int, value: bytes, present: Counter[bytes]) -> Signature | Judged:
    if is_oversized(value):
        return Judged("", "permerror", "the signature field is too large")
    try:
        tags: dict[bytes, bytes] = parse_tag_value(value)
        domain, selector = tags[b"d"], tags[b"s"]
        algorithm, names = tags[b"a"], re.split(rb"\s*:\s*", tags[b"h"].lower())
    except (InvalidTagValueList, KeyError):
        return Judged("", "permerror", "the signature cannot be read")
    if not (HOST.fullmatch(domain) and HOST.fullmatch(selector)):
        return Judged("", "permerror", "the signature names no domain")
    fault = _fault(tags, algorithm, names, present)
    if fault:
        return Judged(domain.decode().lower(), *fault)
    return Signature(
        index,
        domain.decode().lower(),
        selector.decode().lower(),
        algorithm,
        tags.get(b"i", b"").rpartition(b"@")[2].lower(),
        tags.get(b"c", b"").endswith(b"/relaxed"),
    )


def _fault(
    tags: dict[bytes, bytes], algorithm: bytes, names: list[bytes], present: Counter[bytes]
) -> tuple[str, str] | None:
    """Why this signature proves nothing, whatever its key says."""
    if b"from" not in names:
        return "permerror", "From is not signed"  # RFC 6376 section 5.4
    if algorithm not in ALGORITHMS:
        return "policy", "the algorithm is not accepted"  # RFC 8301 section 3.1, RFC 8463
    if b"l" in tags:
        return "policy", "only a part of the body is signed"  # RFC 6376 section 8.2
    if len(names) > SIGNED_NAMES_MAX:
        return "policy", "too many fields are signed"
    open_field = _unsigned(present, names)
    return ("policy", f"{open_field} is not signed") if open_field else None


def _unsigned(present: Counter[bytes], names: Sequence[bytes]) -> str:
    # A field that was added beside the signed one is what the reader may see.
    missing = (name for name in _MUST_BE_SIGNED if names.count(name) < present[name])
    return next(missing, b"").decode().capitalize()


# ── The key ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _key_fault(signature: Signature, record: bytes) -> tuple[str, str] | None:
    """Why this key does not count for this signature. RFC 6376 section 3.6.1 and 6.1.2."""
    try:
        tags: dict[bytes, bytes] = parse_tag_value(record)
    except InvalidTagValueList:
        return "permerror", "the key cannot be read"
    kind = tags.get(b"k", b"rsa")
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or b"p" not in tags:
        return "permerror", "the key cannot be read"
    if not tags[b"p"]:
        return "permerror", "the key was revoked"
    if kind != ALGORITHMS[signature.algorithm] or not _lists(tags, b"h", b"sha256", b"sha256"):
        return "permerror", "the key is for another algorithm"
    if not _lists(tags, b"s", b"*", b"*", b"email"):
        return "permerror", "the key is not for mail"
    if _lists(tags, b"t", b"", b"y"):
        return "policy", "the key is only for tests"
    if _lists(tags, b"t", b"", b"s") and signature.identity not in (b"", signature.domain.encode()):
        return "permerror", "the key is not for sub-domains"
    return _rsa_fault(tags[b"p"]) if kind == b"rsa" else None


def _rsa_fault(encoded: bytes) -> tuple[str, str] | None:
    try:
        key = parse_public_key(base64.b64decode(encoded))
    except (binascii.Error, UnparsableKeyError, AssertionError):
        return "permerror", "the key cannot be read"
    if key["modulus"].bit_length() not in RSA_BITS or not 1 < key["publicExponent"] < RSA_EXPONENT_MAX:
        return "policy", "the key has no accepted size"
    return None


def _lists(tags: dict[bytes, bytes], tag: bytes, default: bytes, *wanted: bytes) -> bool:
    listed = {item.strip() for item in tags.get(tag, default).split(b":")}
    return not listed.isdisjoint(wanted)


# ── The sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _verify(message: dkim.DKIM, body: bytes, signature: Signature, records: Key) -> Judged:
    record = usable_key(signature, records)
    if isinstance(record, Judged):
        return record
    message.body = canonical_body(body, relaxed=signature.relaxed_body)
    try:
        good = message.verify(signature.index, dnsfunc=lambda name, timeout: record)
    except dkim.ValidationError as error:
        return Judged(signature.domain, "fail", _words(error))
    except (dkim.DKIMException, binascii.Error):
        return Judged(signature.domain, "permerror", "the signature cannot be read")
    return Judged(signature.domain, "pass") if good else Judged(signature.domain, "fail", "its header was changed")


def canonical_body(body: bytes, *, relaxed: bool) -> bytes:
    """The body in a form that dkimpy leaves as it is: its own way there takes the square of a long run of blanks."""
    if relaxed:
        body = compress_whitespace(body).replace(b" \r\n", b"\r\n")
    kept = body.rstrip(b"\r\n")
    empty_lines, odd = divmod(len(body) - len(kept), 2)
    return kept + b"\r\n" if not odd and body.endswith(b"\r\n" * empty_lines) and empty_lines else body


def _words(error: dkim.ValidationError) -> str:
    text = str(error)
    if text.startswith("body hash"):
        return "its body was changed"
    return "it is expired" if text.startswith("x= value is past") else "it is not valid"
