"""Which webhooks a mail may be handed to, and when one that did not answer is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailgate.judge import hooks
from mailgate.model import ErrandKind, Gateway, Keys, Level, Mailbox, Webhook
from mailgate.net.webhook import signature

NOW = datetime(2026, 11, 30, tzinfo=UTC)
SITE = Webhook("site", publishes=True, senders=("anne@x.test", "@news.test"))
CRM = Webhook("crm")
KEYS = Keys("test0001", "1", {"1": b"x" * 32})
GATEWAY = Gateway("mx.g.test", (Mailbox("support@g.test", "support"),), KEYS, webhooks=(SITE, CRM))


@pytest.mark.parametrize(
    ("sender", "level", "why"),
    [
        ("anne@x.test", Level.A2, ""),
        ("anne@x.test", Level.A1, ""),
        ("joe@news.test", Level.A2, ""),
        ("anne@x.test", Level.A0, "webhook site publishes, and nobody is proven to have sent it"),
        ("", Level.A2, "webhook site publishes, and nobody is proven to have sent it"),
        ("bob@x.test", Level.A2, "webhook site publishes, and its sender is not among those who may"),
        ("joe@sub.news.test", Level.A2, "webhook site publishes, and its sender is not among those who may"),
        ("joe@evilnews.test", Level.A2, "webhook site publishes, and its sender is not among those who may"),
    ],
)
def test_what_is_published_must_be_proven_and_its_sender_listed(sender: str, level: Level, why: str) -> None:
    assert hooks.permitted(SITE, sender, level) == why
    assert hooks.withheld(["crm", "site"], sender, level, GATEWAY) == why
    assert hooks.permitted(CRM, sender, level) == ""


def test_nobody_publishes_where_nobody_is_listed() -> None:
    assert hooks.permitted(Webhook("site", publishes=True), "anne@x.test", Level.A2)


def test_waits_grow_and_end_with_the_time_that_an_errand_has() -> None:
    errand = hooks.errand(ErrandKind.WEBHOOK, 1, NOW, 86_400, lambda: 7, target="crm")
    assert (errand.id, errand.target, errand.give_up_at) == (7, "crm", NOW + timedelta(days=1))
    waits = [hooks.next_try(attempt, NOW, errand.give_up_at) for attempt in range(1, 10)]
    minutes = [(one - NOW) / timedelta(minutes=1) for one in waits if one]
    assert minutes == [1, 5, 15, 30, 60, 120, 240, 240, 240]
    assert hooks.next_try(1, errand.give_up_at, errand.give_up_at) is None


def test_a_document_is_signed_with_its_moment() -> None:
    # printf '%s' '1796000000.{}' | openssl dgst -sha256 -hmac secret
    moment = datetime.fromtimestamp(1_796_000_000, UTC)
    expected = "57bc54136841b3e8fecdbd2debaa2060481b12d0ad680da97df5105c7f915223"
    assert signature("secret", moment, b"{}") == f"t=1796000000,v1={expected}"
