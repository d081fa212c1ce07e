"""Faces: an explanation as a support agent reads it: whole sentences, with the header and the rule that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailgate.judge.machine import LABELS
from mailgate.judge.rules import HEADER
from mailgate.model import Disposition, Kind

RULES = "rules/"  # the folder that a finding's file stands in
LONGEST_TEXT_SHOWN = 300  # characters of what the person wrote
_WIDTH = 15  # of the left column

_IS = {**LABELS, Kind.HUMAN: "a person's mail"}
_GOES = {
    Disposition.TICKET: "it becomes a ticket, or joins the one it answers",
    Disposition.QUIET: "it is kept in a quiet ticket that wakes nobody",
    Disposition.APPEND: "it is kept beside the mail of ours that it is about",
    Disposition.PARK: "it is kept in the tray of automatic mail that belongs to no ticket",
    Disposition.CONSUME: "it is taken as a report about a mail of ours, and kept",
    Disposition.DUPLICATE: "it is linked to the same mail that came before",
    Disposition.HOLD: "it waits, kept and in view, until the sender confirms himself or an agent lets it in",
    Disposition.REJECT: "it is refused while its sender's server still waits, so that he is told",
}
_QUOTED = frozenset({"mail_from", "mail_from_local", "from_local", "sender_local", "from_domain", "to_local"}) | {
    *("subject", "bare_subject", "opening", "content_type", "passed_ours", "loop_ours")
}
_YES = {
    (True, True): "an acknowledgement or a challenge may be sent",
    (True, False): "an acknowledgement may be sent, but no challenge",
    (False, True): "a challenge may be sent, but no acknowledgement",
    (False, False): "nothing automatic may be sent: no acknowledgement and no challenge",
}


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """The lines of one explanation, as `mailgate explain` makes it."""
    yield found["path"]
    if found["error"]:
        yield f"  cannot be explained: {found['error']}"
        return
    findings, respond, kind = found["findings"], found["respond"], found["kind"]
    whys = [evidence(one) for one in findings if one.get("kind") == kind]
    reasons = [_reason(words, findings) for words in respond["reasons"]]
    told = {*respond["reasons"], *(one["says"] for one in findings if one.get("kind") == kind)}
    others = [evidence(one) for one in findings if one["says"] not in told]
    yield from _point("What it is", _because(_IS[Kind(kind)], whys), whys)
    yield from _point("Who sent it", _sender(found))
    yield from _point("Where it goes", _GOES[Disposition(found["disposition"])])
    yield from _point("Answers", _because(_YES[respond["acknowledge"], respond["challenge"]], reasons), reasons)
    if others:
        yield from _point("Also seen", "", others)
    if found.get("spam") is not None:
        yield from _point("Points of spam", f"{found['spam']:g}", list(weighed(found)))
    if found["report"]:
        fates = [_fate(one) for one in found["report"]["recipients"]]
        yield from _point("It reports", "" if fates else "but names no recipient", fates)
    if written := (found["reply_text"] or "")[:LONGEST_TEXT_SHOWN].strip().splitlines():
        yield from _point("What it says", written[0], written[1:], mark="")


def _point(name: str, words: str, more: Sequence[str] = (), mark: str = "- ") -> Iterator[str]:
    yield f"  {name:<{_WIDTH}}{words}".rstrip()
    yield from (f"  {'':<{_WIDTH}}{mark}{each}" for each in more)


def _because(words: str, reasons: Sequence[str]) -> str:
    return f"{words}, because:" if reasons else words


def _sender(found: Mapping[str, Any]) -> str:
    proof = found["authentication"]
    return f"{found['from'] or 'nobody is named'}; {proof['why'] or 'not proven'}"


def _reason(words: str, findings: Sequence[Mapping[str, Any]]) -> str:
    """A reason with the finding that it came from, where it came from one."""
    return next((evidence(one) for one in findings if one["says"] == words), words)


def evidence(finding: Mapping[str, Any]) -> str:
    """What a finding says, the value that says so, and the rule that reads it so: "mass mail: the header …"."""
    says, field, value = finding["says"] or finding["id"], finding.get("field", ""), finding["value"]
    seen = ""
    if field.startswith(HEADER):
        name = field.removeprefix(HEADER).title()
        says = says.removesuffix(f"({name})").strip()
        # Some say the whole of it themselves: "an automatic reply (Auto-Submitted: auto-replied)".
        seen = "" if f"{name}: {value}".lower() in says.lower() else f": the header {name} says {value!r}"
    elif field in _QUOTED:
        seen = f": {value!r}"
    return f"{says}{seen}; {RULES}{finding['rule']}"


def weighed(verdict: Mapping[str, Any]) -> Iterator[str]:
    """Each reason for or against spam with its points, heaviest first, in a verdict that has them."""
    for one in verdict.get("weighed") or ():
        saw = f": {one['saw']!r}" if one["saw"] else ""
        place = f"; {RULES}{one['rule']}" if one["rule"] else ""
        yield f"{one['points']:+g} {one['says']}{saw}{place}"


def _fate(recipient: Mapping[str, str]) -> str:
    told = " ".join(filter(None, (recipient["status"], recipient["reason"])))
    return f"{recipient['action'] or 'something'} for {recipient['address'] or 'somebody'}{f': {told}' if told else ''}"
