"""ARC (RFC 8617): is the chain of seals on a mail whole, and who closed it? Never asks DNS: keys are handed in.

Every MTA that passes a mail on may add one set of three fields, numbered from 1: what it found out of the author
(ARC-Authentication-Results), a signature of the mail as it went out (ARC-Message-Signature), and a seal over all sets
so far (ARC-Seal). The chain passes where every seal holds and the newest signature fits the mail (section 5.2).

A chain that passes says only that nobody changed what the sealers wrote. Whether a sealer may be believed is decided
elsewhere. Earlier message signatures are not verified: they break whenever somebody adds a line, and nothing rests
on them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import dkim
from dkim.canonicalization import Relaxed
from dkim.crypto import DigestTooLargeError, RSASSA_PKCS1_v1_5_verify
from dkim.util import InvalidTagValueList, parse_tag_value
from msgspec import Struct
from nacl.exceptions import CryptoError

from mailgate.net import dkim_guard
from mailgate.net.dkim_guard import Field, Judged, Key, Signature

SETS_MAX: Final = 50  # RFC 8617 section 4.2.1
RESULTS_BYTES_MAX: Final = dkim_guard.SIGNATURE_BYTES_MAX

SEAL: Final = b"arc-seal"
_MESSAGE: Final = b"arc-message-signature"
_RESULTS: Final = b"arc-authentication-results"
_OF_SEAL: Final = (b"i", b"a", b"b", b"cv", b"d", b"s")  # RFC 8617 section 4.1.3
_OF_MESSAGE: Final = (b"i", b"a", b"b", b"bh", b"d", b"h", b"s")  # RFC 8617 section 4.1.2
_INSTANCE: Final = re.compile(rb"[1-9][0-9]?")
_HEAD_OF_RESULTS: Final = re.compile(rb"\s{0,64}i\s{0,64}=\s{0,64}([1-9][0-9]?)\s{0,64};")

Tags: TypeAlias = dict[bytes, bytes]


class Chain(Struct, frozen=True):
    """What the chain is worth: `none`, `pass`, `fail` or `temperror`, and why.

    Of a chain that passed: the domain of its outermost sealer; what he found out, a value like that of
    Authentication-Results; and what of the mail his signature leaves open, "" where it covers all that a reader sees.
    """

    result: str
    why: str = ""
    sealer: str = ""
    results: bytes = b""
    open: str = ""


class Set(Struct, frozen=True):
    """One ARC set that can be read. The seal covers the fields as they stand."""

    results: Field
    message: Field
    seal: Field
    found: bytes  # the value of `results` behind its number
    message_tags: Tags
    seal_tags: Tags
    message_signature: Signature
    seal_signature: Signature


def sets(header: Sequence[Field]) -> tuple[Set, ...] | Chain:
    """The sets from the oldest on, or what a chain that cannot be verified is worth."""
    of_kind = {kind: [field for field in header if field[0].lower() == kind] for kind in (_RESULTS, _MESSAGE, SEAL)}
    most = max(map(len, of_kind.values()))
    if not most:
        return Chain("none")
    if most > SETS_MAX:
        return Chain("fail", "it has too many seals")
    try:
        return tuple(_sets(of_kind))
    except _BrokenError as broken:
        return Chain("fail", str(broken))


def key_names(chain: Sequence[Set]) -> tuple[str, ...]:
    """Where the keys stand in DNS that `verify` needs, each once."""
    names = [chain[-1].message_signature.key_name, *(one.seal_signature.key_name for one in chain)]
    return tuple(dict.fromkeys(names))


def verify(header: Sequence[Field], body: bytes, chain: Sequence[Set], keys: Mapping[str, Key]) -> Chain:
    """Verify the chain with what was found under `key_names`. Takes some ms; may run in any thread."""
    newest = chain[-1]
    judged = [_message_holds(header, body, newest, keys), *_seals_hold(chain, keys)]
    fault = next((one for one in judged if one.result not in ("pass", "temperror")), None)
    if fault:
        return Chain("fail", fault.why)
    unsure = next((one for one in judged if one.result == "temperror"), None)
    if unsure:
        return Chain("temperror", unsure.why)
    return Chain("pass", "", newest.seal_signature.domain, newest.found, _open(header, newest))


# ── The sets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class _BrokenError(Exception):
    """The chain has failed, and the text says why."""


def _sets(of_kind: Mapping[bytes, Sequence[Field]]) -> Iterator[Set]:
    found = [_results_of(field) for field in of_kind[_RESULTS]]
    messages = [(field, _tags(field[1], _OF_MESSAGE)) for field in of_kind[_MESSAGE]]
    seals = [(field, _tags(field[1], _OF_SEAL)) for field in of_kind[SEAL]]
    results_by_number = {number: (field, value) for field, number, value in found}
    messages_by_number = {_number(tags[b"i"]): (field, tags) for field, tags in messages}
    seals_by_number = {_number(tags[b"i"]): (field, tags) for field, tags in seals}
    numbers = range(1, max(len(found), len(messages), len(seals)) + 1)
    for by_number in (results_by_number, messages_by_number, seals_by_number):
        if set(by_number) != set(numbers):
            raise _BrokenError("its sets are not complete, or a number stands twice")
    for number in numbers:
        results, value = results_by_number[number]
        message, message_tags = messages_by_number[number]
        seal, seal_tags = seals_by_number[number]
        _confirm_order(number, seal_tags, message_tags)
        signatures = _signature(message_tags), _signature(seal_tags)
        yield Set(results, message, seal, value, message_tags, seal_tags, *signatures)


def _results_of(field: Field) -> tuple[Field, int, bytes]:
    head = _HEAD_OF_RESULTS.match(field[1])
    if len(field[1]) > RESULTS_BYTES_MAX or not head:
        raise _BrokenError("its results cannot be read")
    return field, int(head[1]), field[1][head.end() :]


def _tags(value: bytes, needed: Sequence[bytes]) -> Tags:
    if dkim_guard.is_oversized(value):
        raise _BrokenError("a field is too large")
    try:
        tags: Tags = parse_tag_value(value)
        # dkimpy knows fewer algorithms for ARC than for DKIM, although they are the same (RFC 8617 section 4.1).
        known = {b"a": b"rsa-sha256"} if tags.get(b"a") in dkim_guard.ALGORITHMS else {}
        dkim.validate_signature_fields({**tags, **known}, list(needed), arc=True)
    except (InvalidTagValueList, dkim.ValidationError) as error:
        raise _BrokenError("a field cannot be read") from error
    return tags


def _number(text: bytes) -> int:
    if not _INSTANCE.fullmatch(text):
        raise _BrokenError("a set has no number")
    return int(text)


def _confirm_order(number: int, seal: Tags, message: Tags) -> None:
    if seal[b"cv"] != (b"none" if number == 1 else b"pass"):
        raise _BrokenError("a seal says that it was broken before" if seal[b"cv"] == b"fail" else "it has no beginning")
    names = _signed_names(message)
    # RFC 8617 section 4.1.3 and 4.1.2. Names without number are a way to keep us busy.
    if b"h" in seal or SEAL in names or len(names) > dkim_guard.SIGNED_NAMES_MAX:
        raise _BrokenError("a field cannot be read")


def _signature(tags: Tags) -> Signature:
    domain, selector = tags[b"d"], tags[b"s"]
    if not (dkim_guard.HOST.fullmatch(domain) and dkim_guard.HOST.fullmatch(selector)):
        raise _BrokenError("a seal names no domain")
    relaxed = _canonicalization(tags).endswith(b"/relaxed")
    return Signature(0, domain.decode().lower(), selector.decode().lower(), tags[b"a"], b"", relaxed)


def _signed_names(message: Tags) -> list[bytes]:
    return re.split(rb"\s*:\s*", message[b"h"].lower())


def _canonicalization(tags: Tags) -> bytes:
    # The default of RFC 6376 is `simple/simple`; every sealer that leaves it out means what all of them use.
    return tags.get(b"c", b"relaxed/relaxed")


# ── The sums ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _message_holds(header: Sequence[Field], body: bytes, newest: Set, keys: Mapping[str, Key]) -> Judged:
    signature, tags = newest.message_signature, newest.message_tags
    record = dkim_guard.usable_key(signature, keys[signature.key_name])
    if isinstance(record, Judged):
        return record
    message = dkim.DomainSigner(None, logger=dkim_guard.SILENT)
    message.headers = list(header)
    message.body = dkim_guard.canonical_body(body, relaxed=signature.relaxed_body)
    tags = {**tags, b"c": _canonicalization(tags)}
    try:
        good = message.verify_sig(tags, _signed_names(tags), newest.message, lambda name, timeout: record)
    except dkim.ValidationError:
        return Judged(signature.domain, "fail", f"its body was changed after {signature.domain}")
    except (dkim.DKIMException, binascii.Error):
        return Judged(signature.domain, "permerror", "a field cannot be read")
    return Judged(signature.domain, "pass" if good else "fail", f"its header was changed after {signature.domain}")


def _seals_hold(chain: Sequence[Set], keys: Mapping[str, Key]) -> Iterator[Judged]:
    """Judge each seal. It covers all sets up to its own, itself without its signature (RFC 8617 section 5.1.1)."""
    covered = hashlib.sha256()
    for one in chain:
        signature = one.seal_signature
        covered.update(_canonical(one.results) + _canonical(one.message))
        sealed = covered.copy()
        name, value = one.seal
        sealed.update(_canonical((name, dkim.RE_BTAG.sub(b"\\1", b" " + value))).rstrip())
        covered.update(_canonical(one.seal))
        record = dkim_guard.usable_key(signature, keys[signature.key_name])
        if isinstance(record, Judged):
            yield record
        else:
            good = _is_signed(sealed, one.seal_tags[b"b"], record)
            yield Judged(signature.domain, "pass" if good else "fail", f"the seal of {signature.domain} is broken")


def _is_signed(covered: Any, encoded: bytes, record: bytes) -> bool:
    """Is this the signature of the digest under the key?"""
    try:
        signature = base64.b64decode(b"".join(encoded.split()))
        key, _, kind, _ = dkim.evaluate_pk("", record)
        if kind == b"rsa":
            return bool(RSASSA_PKCS1_v1_5_verify(covered, signature, key))
        key.verify(covered.digest(), signature)
    except (binascii.Error, DigestTooLargeError, CryptoError, dkim.DKIMException):
        return False
    return True


def _canonical(field: Field) -> bytes:
    """The relaxed form (RFC 6376 section 3.4.2), the only one that seals use."""
    [(name, value)] = Relaxed.canonicalize_headers([field])
    return bytes(name + b":" + value)


def _open(header: Sequence[Field], newest: Set) -> str:
    """What somebody may have changed or added since, although the newest signature fits."""
    if b"l" in newest.message_tags:
        return "the end of its body"
    return dkim_guard.unsigned(header, _signed_names(newest.message_tags))
