"""Ground: errors by whose fault they are. The sender's fault is never an error; it is a value in the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing an operator must mend: where it stands, what was found, and what to write instead."""

    file: str
    line: int  # 0 where no line is known
    key: str
    found: str
    allowed: str
    nearest: str = ""
    column: int = 0  # characters from 1; 0 where it is not known
    width: int = 0  # characters
    shown: str = ""  # the line, without passwords; "" where nobody may see it
    caret: str = ""  # what stands below it to point at the place

    @property
    def place(self) -> str:
        """File, line and column, as far as they are known."""
        known = (self.line, self.column) if self.line and self.column else (self.line,) if self.line else ()
        return ":".join(map(str, (self.file, *known)))

    def __str__(self) -> str:
        hint = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return f"{self.place}: {self.key}: found {self.found}; allowed: {self.allowed}{hint}"


class ConfigError(Exception):
    """The operator's fault: carries every fault at once. Commands exit 78 (EX_CONFIG) with the list."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class TryAgain(Exception):
    """Nobody's fault for long: the store or the net is in trouble. Answer `code` `public`; nothing was written."""

    def __init__(self, private: str, *, code: int = 451, public: str = "4.3.0 Try again later") -> None:
        super().__init__(private)
        self.code = code
        self.public = public


class Overtaken(Exception):
    """Nobody's fault: somebody else did it in the meantime. Nothing was written, and nothing is left to do."""


class NotFound(Exception):
    """A person named something that is not there: a ticket, a held mail, an address."""


class NotAllowed(Exception):
    """A person asked for something that cannot be done in the present state; the text says why."""


class Damaged(Exception):
    """A copy is not what it was made from: `differences` says where. Whatever it was to replace is still there."""

    def __init__(self, what: str, differences: Sequence[str] = ()) -> None:
        super().__init__("\n".join([what, *differences]))
        self.differences = differences
