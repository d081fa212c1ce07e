"""How the tests of loops play: a desk that answers whom it may, one peer, and an account that must add up."""

from __future__ import annotations

from typing import Any

from mailgate.lab.account import Account, visible_and_judged
from mailgate.lab.peer import Peer
from mailgate.lab.play import DESK, play
from mailgate.testing import Lab

GUARDED: dict[str, Any] = {}


async def played(peer: Peer, *, days: float = 1, most_mails: int = 100, desk: dict[str, Any] | None = None) -> Account:
    """Play `peer` against a new gateway; whatever came of it, no mail is lost, hidden or without a reason."""
    async with Lab(overrides=DESK if desk is None else desk) as lab:
        account = await play(lab, peer, days=days, most_mails=most_mails)
        assert visible_and_judged(lab)
    assert account.ledger.accepted == account.mails
    assert account.kept
    return account
