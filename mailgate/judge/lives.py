"""The lives of a sender, of a challenge and of a held mail, as tables: what happens, and what each then is.

House rules of this file: a table says where something moves, never whether it happened, and never how long it lasts.
What is not in a table leaves everything as it is, so whatever happens twice changes nothing the second time.
docs/challenge.md tells the same in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from mailgate.model import ChallengeState, HeldState, Standing


class Turn(StrEnum):
    """What happens, by mail, by a person, or by time alone."""

    ASKED = "a challenge is on its way"
    TAKEN = "the next hop took the challenge"
    UNSENT = "the challenge was not sent"
    CAME_BACK = "mail came back for good"
    DOUBTED = "the challenge was answered, but not as it should be"
    MACHINE = "a machine answers for the address"
    CONFIRMED = "the sender confirmed"
    RAN_OUT = "its time is over"
    REVIVED = "a proven mail of a person came from the address"
    VOUCHED = "a person of ours accepted the mail or trusts the address"
    WRITTEN_TO = "a person of ours wrote to the address"
    IMPORTED = "the address stands in our customer base"
    BLOCKED = "a person of ours blocked the address"
    CLEARED = "a person of ours holds nothing against the address any more"
    MARKED = "a person of ours judged the mail spam"
    DISTRUSTED = "mail of the address was judged spam too often"
    UNTOUCHED = "nobody touched the spam for long"


_EVERY = tuple(Standing)
_RUNNING = tuple(state for state in ChallengeState if state.running)

SENDER: Mapping[Turn, Mapping[Standing, Standing]] = {
    Turn.ASKED: {Standing.UNKNOWN: Standing.CHALLENGED, Standing.EXPIRED: Standing.CHALLENGED},
    Turn.UNSENT: {Standing.CHALLENGED: Standing.UNKNOWN},
    Turn.CONFIRMED: dict.fromkeys((Standing.UNKNOWN, Standing.CHALLENGED, Standing.EXPIRED), Standing.TRUSTED),
    Turn.VOUCHED: dict.fromkeys(_EVERY, Standing.TRUSTED),
    # A letter to a machine makes no person of it.
    Turn.WRITTEN_TO: dict.fromkeys((one for one in _EVERY if one is not Standing.ROBOT), Standing.TRUSTED),
    # A list says nothing of what an address did, so it lifts nothing that is held against one.
    Turn.IMPORTED: dict.fromkeys(
        (Standing.UNKNOWN, Standing.CHALLENGED, Standing.EXPIRED, Standing.TRUSTED), Standing.TRUSTED
    ),
    # Whoever holds our mail can write a report, so it frees nobody: who was silenced longer stays so.
    Turn.CAME_BACK: dict.fromkeys(
        (one for one in _EVERY if one not in (Standing.BLOCKED, Standing.ROBOT)), Standing.UNDELIVERABLE
    ),
    Turn.MACHINE: dict.fromkeys((one for one in _EVERY if one is not Standing.BLOCKED), Standing.ROBOT),
    Turn.REVIVED: {Standing.UNDELIVERABLE: Standing.UNKNOWN},
    Turn.RAN_OUT: {
        Standing.CHALLENGED: Standing.EXPIRED,
        Standing.TRUSTED: Standing.UNKNOWN,
        Standing.ROBOT: Standing.UNKNOWN,
        Standing.UNDELIVERABLE: Standing.UNKNOWN,
    },
    Turn.DISTRUSTED: {Standing.TRUSTED: Standing.UNKNOWN},
    Turn.BLOCKED: dict.fromkeys(_EVERY, Standing.BLOCKED),
    Turn.CLEARED: dict.fromkeys((Standing.ROBOT, Standing.UNDELIVERABLE, Standing.BLOCKED), Standing.UNKNOWN),
}

CHALLENGE: Mapping[Turn, Mapping[ChallengeState, ChallengeState]] = {
    Turn.TAKEN: {ChallengeState.QUEUED: ChallengeState.SENT},
    Turn.UNSENT: {ChallengeState.QUEUED: ChallengeState.CANCELLED},
    Turn.CAME_BACK: dict.fromkeys(_RUNNING, ChallengeState.BOUNCED),
    # An answer may be here before we have written down that the challenge left.
    Turn.DOUBTED: dict.fromkeys(_RUNNING, ChallengeState.DOUBTFUL),
    Turn.MACHINE: {
        ChallengeState.QUEUED: ChallengeState.CANCELLED,
        ChallengeState.SENT: ChallengeState.ANSWERED_AUTO,
        ChallengeState.DOUBTFUL: ChallengeState.ANSWERED_AUTO,
    },
    Turn.CONFIRMED: dict.fromkeys((ChallengeState.SENT, ChallengeState.DOUBTFUL), ChallengeState.CONFIRMED),
    Turn.VOUCHED: {
        ChallengeState.QUEUED: ChallengeState.CANCELLED,
        ChallengeState.SENT: ChallengeState.SUPERSEDED,
        ChallengeState.DOUBTFUL: ChallengeState.SUPERSEDED,
    },
    Turn.WRITTEN_TO: {
        ChallengeState.QUEUED: ChallengeState.CANCELLED,
        ChallengeState.SENT: ChallengeState.SUPERSEDED,
        ChallengeState.DOUBTFUL: ChallengeState.SUPERSEDED,
    },
    Turn.BLOCKED: dict.fromkeys(_RUNNING, ChallengeState.CANCELLED),
    Turn.RAN_OUT: dict.fromkeys(_RUNNING, ChallengeState.EXPIRED),
}

_TO_PEOPLE: Mapping[HeldState, HeldState | None] = {HeldState.WAIT: HeldState.HUMAN}
# None: it is let in.
HELD: Mapping[Turn, Mapping[HeldState, HeldState | None]] = {
    Turn.UNSENT: _TO_PEOPLE,
    Turn.CAME_BACK: _TO_PEOPLE,
    Turn.DOUBTED: _TO_PEOPLE,
    Turn.MACHINE: _TO_PEOPLE,
    Turn.RAN_OUT: _TO_PEOPLE,
    # What a person of ours judged spam is let in by a person's word alone.
    Turn.CONFIRMED: dict.fromkeys((HeldState.WAIT, HeldState.HUMAN, HeldState.LIKELY_SPAM), None),
    Turn.WRITTEN_TO: dict.fromkeys((HeldState.WAIT, HeldState.HUMAN, HeldState.LIKELY_SPAM), None),
    Turn.VOUCHED: dict.fromkeys(HeldState, None),
    Turn.MARKED: dict.fromkeys((HeldState.WAIT, HeldState.HUMAN, HeldState.LIKELY_SPAM), HeldState.SPAM),
    Turn.BLOCKED: dict.fromkeys((HeldState.WAIT, HeldState.HUMAN, HeldState.LIKELY_SPAM), HeldState.SPAM),
    Turn.UNTOUCHED: {HeldState.SPAM: HeldState.ARCHIVED},
}
