"""Faces: `mailgate check --send-test`: a mail out by the daemon's next hop, and back in where it is ours."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailgate import wiring
from mailgate.cli.configured import settings_of
from mailgate.cli.finding import Finding, Result
from mailgate.cli.frame import EXIT_CONFIG, EXIT_TRY_AGAIN, Frame
from mailgate.cli.office import at_desk, opened
from mailgate.config import Settings
from mailgate.errors import NotFound
from mailgate.judge import admission
from mailgate.model import OutboxState, Sending, State
from mailgate.store.trips import Trip, trip

LOOK_S = 0.1
NAME = "send-test"

_SUBJECT = "mailgate test of {at:%Y-%m-%d %H:%M:%S} UTC"
_TEXT = """\
This is a test, sent by a person with `mailgate check --send-test {to}` on {name}.

If you read it, mail from {name} arrives here. There is no need to answer.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the test found, and the exit code that says so: 0, 75 (not yet, or not now) or 78 (never like this)."""

    findings: tuple[Finding, ...]
    code: int


def send_test(frame: Frame, to: str, wait_s: float) -> Outcome:
    """Send a test to `to` and watch it for `wait_s` seconds. Raises what a command of the desk raises."""
    settings = settings_of(frame)
    gateway = wiring.gateway_of(settings)
    subject, text = _SUBJECT.format(at=wiring.clock()), _TEXT.format(to=to, name=gateway.name)
    sent = at_desk(frame, lambda desk: desk.send_test(to, subject, text, timedelta(seconds=wait_s)))
    is_ours = admission.mailbox_of(to, gateway) is not None
    seen = asyncio.run(_watched(settings, sent, is_ours=is_ours, wait_s=wait_s))
    if seen.state is OutboxState.READY:
        # Nobody waits for it any more. The daemon may be just about to send it, which harms nobody either.
        with contextlib.suppress(NotFound):
            at_desk(frame, lambda desk: desk.cancel_outbox(sent.outbox_id))
    return _outcome(seen, sent, settings, is_ours=is_ours, wait_s=wait_s)


async def _watched(settings: Settings, sent: Sending, *, is_ours: bool, wait_s: float) -> Trip:
    """How far it got in the end, or in time."""
    async with opened(settings) as database:
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_s
        while True:
            seen = await database.read(lambda conn: trip(conn, sent))
            lost = seen.state in (OutboxState.FAILED, OutboxState.CANCELLED)
            there = seen.judged_at is not None if is_ours else seen.state is OutboxState.SENT
            if lost or there or loop.time() > end:
                return seen
            await asyncio.sleep(LOOK_S)


# ── What it means ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _outcome(seen: Trip, sent: Sending, settings: Settings, *, is_ours: bool, wait_s: float) -> Outcome:
    hop = settings.outbound.relay or f"the mail servers of {sent.rcpt_to.rpartition('@')[2]}"
    if seen.state is OutboxState.FAILED:
        return Outcome((_fault(f"{hop} refused it: {seen.reply}"),), EXIT_CONFIG)
    if seen.state is not OutboxState.SENT and seen.judged_at is None:
        return Outcome((_fault(_why_not_sent(seen, hop, wait_s)),), EXIT_TRY_AGAIN)
    found = [Finding(NAME, Result.OK, f"{hop} took it{_after(seen.left_at, sent)}: {seen.reply}")]
    if not is_ours:
        found += _where_to_look(sent)
        return Outcome(tuple(found), 0)
    if seen.judged_at is None:
        found.append(
            _fault(
                f"it is not back after {wait_s:g} s. The log of {hop} says where it went; "
                "`mailgate setup` prints what must stand there"
            )
        )
        return Outcome(tuple(found), EXIT_TRY_AGAIN)
    return Outcome((*found, _came_back(seen, sent)), 0)


def _why_not_sent(seen: Trip, hop: str, wait_s: float) -> str:
    if not seen.attempts:
        return f"nobody took it up in {wait_s:g} s: is `mailgate serve` running, with this configuration?"
    if seen.reply:
        return f"{hop} does not take it now: {seen.reply}"
    return f"{hop} has not answered in {wait_s:g} s"


def _came_back(seen: Trip, sent: Sending) -> Finding:
    told = f"{sent.rcpt_to} got it{_after(seen.back_at, sent)}, judged{_after(seen.judged_at, sent)}"
    if seen.place is State.CONSUMED:
        return Finding(NAME, Result.OK, f"{told}: {seen.reason}")
    return Finding(NAME, Result.WARNING, f"{told}, but it is {seen.place}: {seen.reason}")


def _where_to_look(sent: Sending) -> Iterator[Finding]:
    """What we cannot see of a mail to somebody else's address."""
    yield Finding(NAME, Result.OK, f"{sent.rcpt_to} is not ours; look there for “{sent.subject}”, among spam too")
    yield Finding(NAME, Result.OK, f"should it bounce, the report comes to {sent.mail_from} and is consumed")


def _after(moment: datetime | None, sent: Sending) -> str:
    return f" after {(moment - sent.at).total_seconds():.2f} s" if moment else ""


def _fault(text: str) -> Finding:
    return Finding(NAME, Result.FAULT, text)
