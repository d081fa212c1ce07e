"""What mailgate is held to: a ratio to a peer in the same run, or a limit of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.run import UNITS, Run, Spread, values


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`ours` does `factor` times what `theirs` does: the median over the repeats, each a pair of neighbours in time."""

    factor: float
    figure: str
    ours: str
    theirs: str
    their_figure: str = ""  # where it is another one

    @property
    def words(self) -> str:
        """Who is compared with whom, in what."""
        theirs = UNITS[self.their_figure].heading if self.their_figure else ""
        return f"{UNITS[self.figure].heading}: {self.ours} / {self.theirs}{f' {theirs}' if theirs else ''}"

    @property
    def held_to(self) -> str:
        """The promise."""
        return f"at least {self.factor:g}"

    def measured(self, runs: Sequence[Run]) -> Spread | None:
        """The ratio of each repeat; None where one of the two was not measured."""
        ours = values(runs, self.ours, self.figure)
        theirs = values(runs, self.theirs, self.their_figure or self.figure)
        return Spread.of(ours[repeat] / theirs[repeat] for repeat in ours.keys() & theirs.keys())

    def lacks(self, found: Spread) -> float:
        """By what share it is broken; 0 or less where it is kept."""
        return 1 - found.middle / self.factor

    def written(self, found: Spread) -> str:
        """What was found."""
        return found.written("{:.2f}")


@dataclass(frozen=True, slots=True)
class AtMost:
    """A figure of `ours` stays below `limit`: the median over the repeats."""

    limit: float
    figure: str
    ours: str

    @property
    def words(self) -> str:
        """What is limited."""
        return f"{UNITS[self.figure].heading}: {self.ours}"

    @property
    def held_to(self) -> str:
        """The promise."""
        return f"below {self.limit:g}"

    def measured(self, runs: Sequence[Run]) -> Spread | None:
        """The figure of each repeat; None where it was not measured."""
        return Spread.of(values(runs, self.ours, self.figure).values())

    def lacks(self, found: Spread) -> float:
        """By what share it is broken; 0 or less where it is kept."""
        return found.middle / self.limit - 1

    def written(self, found: Spread) -> str:
        """What was found."""
        return found.written(UNITS[self.figure].form)


Promise = AtLeast | AtMost
