"""What an admin's rules do to a mail that came: they make mailgate quieter, never louder.

No rule passes the send gate, and none touches what our own people write, mail of ours that came back, or a report about
it: those have their places already when rules are asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from mailgate.judge import hooks, machine, places, redirect
from mailgate.judge.docket import Docket, Placement
from mailgate.model import Effect, HeldState, Kind, Standing, State

_HANDED_ON = frozenset({State.TICKETED, State.APPENDED, State.QUIET, State.PARKED})
UNTOUCHED = machine.REPORTS | {Kind.OWN_LOOP}


def placed(docket: Docket) -> Placement | None:
    """Where the rules put the mail; None where they leave that to others. What they silence is silent from here on."""
    if docket.kind in UNTOUCHED or docket.agent is not None:
        return None
    ruling = docket.ruling
    if ruling.silent:
        reasons = (f"the rule {ruling.silent} says so", *docket.respond.reasons)
        docket.respond = replace(docket.respond, acknowledge=False, challenge=False, reasons=reasons)
    if docket.known.standing is Standing.BLOCKED:
        return None
    if ruling.reject:
        return places.held(docket, f"refused by the rule {ruling.rejected_by}: {ruling.reject}", HeldState.SPAM)
    if ruling.hold:
        return places.held(docket, f"held by a rule: {ruling.hold}")
    if why := hooks.withheld(docket.routed.webhooks, docket.sender, docket.authentication.level, docket.gateway):
        return places.held(docket, f"held, for the rule {ruling.hooked_by} hands it on: {why}")
    if ruling.redirect and (sent_on := redirect.placed(docket, ruling.redirect, ruling.redirected_by)):
        return sent_on
    if ruling.quiet:
        return machine.quiet(docket, f"{machine.LABELS[docket.kind]} that the rule {ruling.quiet} keeps quiet,")
    return None


def handed_on(docket: Docket, placed: Placement) -> list[Effect]:
    """The errands of a mail that rules hand to others, once it has a place of its own; a held one waits with it."""
    if not docket.hits or placed.state not in _HANDED_ON:
        return []
    if docket.routed.webhooks:
        docket.note("webhook", f"handed to {', '.join(docket.routed.webhooks)}: {docket.ruling.hooked_by}")
    at, new_id, give_up_s = docket.case.judged_at, docket.mint.new_id, docket.limits.timing.errand_give_up_s
    return hooks.to_webhooks(docket.routed.webhooks, docket.message_id, at, give_up_s, new_id)
