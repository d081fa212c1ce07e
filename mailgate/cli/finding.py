"""Faces: one line of what `mailgate check` finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailgate.errors import Fault


class Result(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"  # works, but not as somebody may expect
    FAULT = "fault"  # `serve` would refuse it, or mail would suffer


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the list."""

    check: str
    result: Result
    text: str
    fault: Fault | None = None
