"""What the roads say about their work, to whoever counts it. Here nobody listens; `mailgate.daemon.metrics` does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from mailgate.judge.docket import Outcome, Planned
from mailgate.model import Due, ErrandKind, ErrandState, Peer, Settlement


class Meter:
    """Hears of each step once, after it is written, and forgets it. Must neither wait nor raise."""

    def accepted(self, peer: Peer, mails: int, waited_s: float) -> None:
        """`mails` rows came into the journal that were not there before; their sender waited for the disk."""

    def refused(self, rule: str) -> None:
        """A rule refused a mail at the door, for all its recipients."""

    def judged(self, outcome: Outcome, waited_s: float) -> None:
        """One mail took its place, `waited_s` after it was accepted."""

    def batch(self, prepare_s: float, record_s: float) -> None:
        """A batch was read and authenticated, then judged and written; the seconds of each."""

    def granted(self, planned: Iterable[Planned]) -> None:
        """Automatic mails were granted that no mail in caused: somebody pressed a button."""

    def attempted(self, due: Due, settlement: Settlement, took_s: float) -> None:
        """One mail out was tried."""

    def carried(self, kind: ErrandKind, state: ErrandState) -> None:
        """One errand was tried, and stands so since."""

    def audited(self, *, balanced: bool) -> None:
        """The ledger was counted."""


UNHEARD: Final = Meter()
