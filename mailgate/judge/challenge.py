"""The challenge: one question to a proven stranger, and what counts as his answer.

It is a courtesy to people, never a gate that loses mail: whoever does not answer is read by a person all the same.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from mailgate.judge.docket import Docket
from mailgate.judge.history import Mint
from mailgate.judge.limits import Timing
from mailgate.judge.lives import CHALLENGE, Turn
from mailgate.model import Authentication, Case, Challenge, ChallengeState, PageState


def doubt(docket: Docket, challenge: Challenge) -> str:
    """Why this reply does not confirm `challenge`; "" where it does.

    A responder without any mark would confirm itself by answering the Reply-To, hence time, proof and own words.
    """
    at, soonest_s = docket.at, docket.gateway.confirm_min_s
    sent = challenge.sent_at
    checks = (
        (docket.sender != challenge.address, "it came from another address than the one asked"),
        (not challenge.state.running, "the challenge is over"),
        (at >= challenge.expires_at, "the challenge has expired"),
        (
            not docket.authentication.level.reaches(challenge.level),
            "it is proven less well than the mail it speaks for",
        ),
        (not docket.respond.challenge, next(iter(docket.respond.reasons), "")),
        (sent is None or at < sent + timedelta(seconds=soonest_s), f"it came within {soonest_s} s"),
        (not docket.case.text.strip(), "it says nothing of its own"),
        (_says_what_a_machine_said(docket), "an automatic reply of this address said the same before"),
    )
    return next((words for failed, words in checks if failed), "")


def _says_what_a_machine_said(docket: Docket) -> bool:
    said = docket.history.facts.machine_words.get(docket.sender, ())
    return bool(docket.case.words) and docket.case.words in said


def page(challenge: Challenge | None, at: datetime) -> PageState:
    """What the page of a challenge shows at `at`, before anybody presses its button."""
    if challenge is None:
        return PageState.UNKNOWN
    match challenge.state:
        case ChallengeState.CONFIRMED:
            return PageState.DONE
        case ChallengeState.SUPERSEDED:
            return PageState.ACCEPTED
        case _ if not challenge.state.running or at >= challenge.expires_at:
            return PageState.EXPIRED
        case _:
            return PageState.ASK


def pressed(challenge: Challenge | None, at: datetime, timing: Timing) -> PageState:
    """What pressing the button does: DONE means that it confirms. A machine that clicks is too soon."""
    state = page(challenge, at)
    if state is not PageState.ASK or challenge is None:
        return state
    seen, sent = challenge.seen_at, challenge.sent_at
    if seen is None or at < seen + timedelta(seconds=timing.page_wait_s):
        return PageState.TOO_SOON
    if sent is None or at < sent + timedelta(seconds=timing.page_after_sent_s):
        return PageState.TOO_SOON
    return PageState.DONE


def moved(asked: Challenge, turn: Turn) -> Challenge:
    """The challenge after `turn`; as it was where nothing follows for one that stands so."""
    return replace(asked, state=CHALLENGE[turn].get(asked.state, asked.state))


def opened(case: Case, sender: str, authentication: Authentication, timing: Timing, mint: Mint) -> Challenge:
    """A new challenge to the author of `case`."""
    return Challenge(
        id=mint.new_id(),
        address=sender,
        token_id=mint.nonce(),
        mailbox=case.mailbox.address,
        state=ChallengeState.QUEUED,
        level=authentication.level,
        domain=authentication.domain,
        created_at=case.accepted.at,
        expires_at=case.accepted.at + timedelta(days=timing.challenge_days),
    )
