"""A key that signs mail: how it signs, and what stands of it in DNS (RFC 6376 section 3.6.1, RFC 8463).

The sums are cryptography's, since dkimpy's own RSA takes twenty times as long.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from dkim.util import parse_tag_value

from mailgate.model import DkimAlgorithm, DkimKey
from mailgate.net import dkim_guard
from mailgate.net.dkim_guard import Judged, Signature
from mailgate.net.resolver import Lookup, Missing

_KINDS: Final = {DkimAlgorithm.RSA: "rsa", DkimAlgorithm.ED25519: "ed25519"}  # as k= says it
_PKCS1: Final = padding.PKCS1v15()
_SHA256: Final = utils.Prehashed(hashes.SHA256())


def signing(key: DkimKey) -> Callable[[bytes], bytes]:
    """What makes a signature of a SHA-256 hash. Raises ValueError: the key is damaged, or not of its algorithm."""
    private = _loaded(key)
    if isinstance(private, rsa.RSAPrivateKey):
        return partial(_by_rsa, private)
    return private.sign  # RFC 8463 section 3: Ed25519 signs the hash


def record(key: DkimKey) -> str:
    """What stands in DNS under the selector of `key`. Raises ValueError: it is damaged."""
    private = _loaded(key)
    if isinstance(private, rsa.RSAPrivateKey):
        der = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        public = private.public_key().public_bytes(*der)
    else:
        public = private.public_key().public_bytes_raw()
    return f"v=DKIM1; k={_KINDS[key.algorithm]}; p={base64.b64encode(public).decode()}"


def published(key: DkimKey, domain: str, found: Lookup[bytes]) -> Judged:
    """What a receiver makes of the TXT records under this key's name: "pass", or "none" where nothing is there yet."""
    asked = Signature(0, domain, key.selector, key.algorithm.encode(), b"", relaxed_body=True)
    if isinstance(found, Missing):
        return Judged(domain, "none", "nothing is there")
    usable = dkim_guard.usable_key(asked, found)
    if isinstance(usable, Judged):
        return usable
    theirs, ours = (b"".join(parse_tag_value(one)[b"p"].split()) for one in (usable, record(key).encode()))
    return Judged(domain, "pass") if theirs == ours else Judged(domain, "fail", "another key is there")


def _by_rsa(private: rsa.RSAPrivateKey, digest: bytes) -> bytes:
    return private.sign(digest, _PKCS1, _SHA256)


def _loaded(key: DkimKey) -> rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    try:
        private = serialization.load_der_private_key(key.private, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the key of {key.selector} is damaged") from error
    if key.algorithm is DkimAlgorithm.RSA and isinstance(private, rsa.RSAPrivateKey):
        return private
    if key.algorithm is DkimAlgorithm.ED25519 and isinstance(private, ed25519.Ed25519PrivateKey):
        return private
    raise ValueError(f"the key of {key.selector} is not for {key.algorithm}")
