"""What it costs to sign a mail that leaves, beside what the library alone would take."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.benches.latency import figures
from benchmarks.promise import AtMost
from mailgate.mail.compose import Draft, compose
from mailgate.model import DkimAlgorithm, DkimKey, Mailaddr, Purpose
from mailgate.net.dkim_sign import Signer

_MAILS, _MAILS_QUICK = 2000, 50
_SLOWER = 20  # so many times fewer by dkimpy alone
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
DOMAIN = "bench.test"
BY_TWO_KEYS = "mailgate, RSA and Ed25519"


@asynccontextmanager
async def _sign(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    mails = _MAILS_QUICK if quick else _MAILS
    by_rsa = rsa.generate_private_key(65537, 2048)
    by_ed = ed25519.Ed25519PrivateKey.generate()
    der = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = by_rsa.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    keys = (
        DkimKey("mg1", DkimAlgorithm.RSA, by_rsa.private_bytes(*der)),
        DkimKey("mg1e", DkimAlgorithm.ED25519, by_ed.private_bytes(*der)),
    )
    raw = _answer()
    yield [
        Contestant(BY_TWO_KEYS, partial(_each, mails, partial(Signer(keys).sign, raw, NOW))),
        Contestant("mailgate, Ed25519", partial(_each, mails, partial(Signer(keys[1:]).sign, raw, NOW))),
        Contestant(
            "dkimpy, RSA", partial(_each, mails // _SLOWER, partial(dkim.sign, raw, b"mg1", DOMAIN.encode(), pem))
        ),
    ]


def _answer() -> bytes:
    """A person's answer of 2 KB."""
    return compose(
        Draft(
            purpose=Purpose.AGENT,
            sender=Mailaddr(f"support@{DOMAIN}"),
            to=Mailaddr("anne@customer.test"),
            subject="Re: The printer is on fire [#1]",
            body="We have looked into it, and found the following.\n" * 40,
            date=NOW,
            message_id=f"<1@{DOMAIN}>",
            trace="v=1",
            marker="mg-10000000-00000000",
            reply_to=f"support+1@{DOMAIN}",
            in_reply_to="<1@customer.test>",
            references=("<0@customer.test>", "<1@customer.test>"),
        )
    )


async def _each(mails: int, work: Callable[[], object]) -> Found:
    took = []
    for _ in range(mails):
        begun = time.perf_counter()
        work()
        took.append((time.perf_counter() - begun) * 1000)
    return Found(figures(took), len(took))


SIGN = Bench(
    "sign",
    f"{_MAILS} answers of 2 KB, signed in one process beside nothing else",
    _sign,
    (AtMost(1.0, "median_ms", BY_TWO_KEYS),),
)
