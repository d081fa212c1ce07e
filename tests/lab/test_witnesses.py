"""Whose word counts, as the configuration names them, from the wire to what is sent."""

from __future__ import annotations

from typing import Any

import pytest

from mailgate import testing
from mailgate.cases import judge_alone
from mailgate.config import settings_of
from mailgate.config.tomlfile import TomlFile
from mailgate.context import Mint
from mailgate.model import Accepted, Authentication, Peer
from mailgate.rulebook import load, shipped_folder
from tests.fakes import seals
from tests.fakes.letters import letter
from tests.fakes.stores import Laboratory

BEHIND = {"listener": [{"bind": "127.0.0.1:2525", "protocol": "lmtp"}]}
TRUSTING = {"authentication": {"trusted_upstreams": ["192.0.2.0/24"], "trusted_authserv_ids": ["mx.example.com"]}}
SEALING = {"forwarder": [{"preset": "alias", "arc_sealers": ["f.test"]}]}
RECEIVED = b"Received: from mail.x.test by mx.example.com; Mon, 5 Jan 2026 09:00:00 +0000\r\n"
RESULTS = b"Authentication-Results: mx.example.com; spf=pass smtp.mailfrom=anne@x.test\r\n"


async def heard(laboratory: Laboratory, raw: bytes, peer: str, **overrides: Any) -> tuple[str, list[str]]:
    """Why the author counts as proven or not, and what was sent."""
    async with laboratory(overrides={**BEHIND, **overrides}) as lab:
        lab.dns["s1._domainkey.f.test", "TXT"] = [seals.record().decode()]
        handed = await lab.receive(raw, mail_from="anne@x.test", auth="verify", peer=peer)
        await lab.settle()
        verdict = lab.verdict(handed)
        assert verdict is not None
        return verdict["authentication"]["why"], [sent.kind for sent in lab.sent]


@pytest.mark.parametrize(
    ("raw", "peer", "trust", "proof"),
    [
        pytest.param(RESULTS + RECEIVED + letter(), "192.0.2.25", TRUSTING, True, id="the upstream"),
        pytest.param(RESULTS + RECEIVED + letter(), "198.51.100.25", TRUSTING, False, id="another peer"),
        pytest.param(RESULTS + RECEIVED + letter(), "192.0.2.25", {}, False, id="nobody is listed"),
        pytest.param(RECEIVED + RESULTS + letter(), "192.0.2.25", TRUSTING, False, id="below Received"),
    ],
)
async def test_an_unknown_sender_whom_our_mta_has_proven_is_challenged(
    laboratory: Laboratory, raw: bytes, peer: str, trust: dict[str, Any], proof: bool
) -> None:
    why, sent = await heard(laboratory, raw, peer, **trust)

    assert (why == "proven by SPF of x.test, as mx.example.com says", sent) == (proof, ["challenge"] if proof else [])


@pytest.mark.parametrize("sealing", [SEALING, {}], ids=["named", "nobody is named"])
async def test_an_unknown_sender_whom_a_named_sealer_has_proven_is_challenged(
    laboratory: Laboratory, sealing: dict[str, Any]
) -> None:
    raw = seals.seal(letter(Date="Mon, 5 Jan 2026 09:00:00 +0000"), "f.test; dkim=pass header.d=x.test")

    why, sent = await heard(laboratory, raw, "198.51.100.25", **sealing)

    assert (why == "proven by x.test, as f.test sealed it", sent) == (bool(sealing), ["challenge"] if sealing else [])


def test_rules_do_not_see_results_in_our_own_name() -> None:
    """T115: the field is forged, so nobody but the raw mail keeps it."""
    raw = b"Authentication-Results: (x) MX.g.test 1; dkim=pass header.d=x.test\r\n" + RESULTS + letter()
    settings = settings_of(TomlFile("laboratory", testing.CONFIG), shipped_folder())
    accepted = Accepted(1, "forged", testing.START, "anne@x.test", "support@g.test", Peer(), raw)

    filing = judge_alone(
        accepted,
        Authentication(),
        gateway=settings.gateway_for(testing.KEYS),
        book=load(shipped_folder()),
        mint=Mint(lambda: 1),
        now=testing.START,
    )

    assert filing.case.mail.headers["authentication-results"] == (RESULTS.decode().partition(": ")[2].strip(),)
    assert b"MX.g.test" in filing.case.accepted.raw
