"""What an admin's rules do to a mail that came: they make mailgate quieter, never louder.

No rule passes the send gate, and none touches what our own people write, mail of ours that came back, or a report about
it: those have their places already when rules are asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from mailgate.judge import hooks, machine, places
from mailgate.judge.docket import Docket, Placement
from mailgate.model import ErrandKind, HeldState, Kind, Standing

_UNTOUCHED = machine.REPORTS | {Kind.OWN_LOOP}


def placed(docket: Docket, *, again: bool = False) -> Placement | None:
    """Where the rules put the mail; None where they leave that to others. What they silence is silent from here on.

    What they hand on is handed on `again` only where that could not be before its author was proven.
    """
    if docket.kind in _UNTOUCHED or docket.agent is not None:
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
    if why := hooks.withheld(ruling.webhooks, docket.sender, docket.authentication.level, docket.gateway):
        return places.held(docket, f"held, for the rule {ruling.hooked_by} hands it on: {why}")
    _hand_on(docket, again=again)
    if ruling.quiet:
        return machine.quiet(docket, f"{machine.LABELS[docket.kind]} that the rule {ruling.quiet} keeps quiet,")
    return None


def _hand_on(docket: Docket, *, again: bool) -> None:
    publishing = {one.name for one in docket.gateway.webhooks if one.publishes}
    names = [name for name in docket.ruling.webhooks if not again or name in publishing]
    give_up_s, new_id = docket.limits.timing.errand_give_up_s, docket.mint.new_id
    for name in names:
        docket.note("webhook", f"handed to {name}, as the rule {docket.ruling.hooked_by} says")
        docket.effects.append(
            hooks.errand(ErrandKind.WEBHOOK, docket.message_id, docket.case.judged_at, give_up_s, new_id, target=name)
        )
