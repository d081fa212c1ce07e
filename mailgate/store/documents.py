"""Store: what is kept as a document: the verdict with its whole trail, so that every mail can say why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import asdict

from mailgate.model import Filing, Finding, Opinion

REASONS_SHOWN = 2  # in lists


def verdict_document(filing: Filing) -> dict[str, Any]:
    """Everything that was found and decided of one mail, in the words in which it was decided."""
    verdict, proof = filing.verdict, filing.case.authentication
    return {
        "kind": verdict.kind.value,
        "disposition": verdict.disposition.value,
        "state": filing.state.value,
        "reason": verdict.reason,
        "respond": {
            "acknowledge": verdict.respond.acknowledge,
            "challenge": verdict.respond.challenge,
            "reasons": list(verdict.respond.reasons),
        },
        "marks": [mark.value for mark in verdict.marks],
        "suppressed": verdict.suppressed,
        "authentication": {
            "level": proof.level.value,
            "spf": proof.spf,
            "dkim": proof.dkim,
            "dmarc": proof.dmarc,
            "arc": proof.arc,
            "domain": proof.domain,
            "why": proof.why,
        },
        "findings": [_finding(finding) for finding in verdict.findings],
        "rules_hit": [{"rule": hit.rule, "place": hit.place, "shadow": hit.shadow} for hit in verdict.hits],
        "opinions": [_opinion(opinion) for opinion in filing.case.opinions],
        "spam": verdict.spam,
        "weighed": [asdict(one) for one in verdict.weighed],
        "trail": [{"check": step.check, "result": step.result} for step in verdict.trail],
        "rules": filing.case.rules,
        "judged_at": filing.case.judged_at.isoformat(),
        "defects": list(filing.case.mail.defects),
    }


def against(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The strongest reasons to take a mail for spam, as its document names them; none in one of before they did."""
    found = [one["says"] for one in document.get("weighed", ()) if one["points"] > 0]
    return tuple(found[:REASONS_SHOWN])


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "strength": finding.strength.value,
        "value": finding.value,
        "rule": finding.rule,
        "kind": finding.kind,
        "field": finding.field,
        "says": finding.says,
    }


def _opinion(opinion: Opinion) -> dict[str, Any]:
    return {
        "judge": opinion.judge,
        "points": opinion.points,
        "says": list(opinion.says),
        "unknown": opinion.unknown,
    }
