"""How many automatic mails each evil peer gets under the shipped rules: the tests see to it, and docs show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Count:
    """As the peer is met, and where a relay strips everything that gives it away."""

    typical: int
    worst: int


COUNTS = {
    "E1": Count(1, 3),
    "E2": Count(1, 3),
    "E3": Count(0, 0),
    "E4": Count(0, 10),
    "E5": Count(10, 20),
    "E6": Count(100, 300),
    "E7": Count(1, 6),
    "E8": Count(0, 3),
    "E9": Count(1, 1),
    "E10": Count(1, 1),
    "E11": Count(0, 10),
    "E12": Count(3, 7),
    "E13": Count(1, 1),
    "E14": Count(1, 3),
    "E15": Count(1, 11),
    "E16": Count(0, 0),
    "E17": Count(1, 150),
    "E18": Count(0, 0),
    "E19": Count(1, 1),
    "E20": Count(0, 1),
    "E21": Count(0, 0),
    "E22": Count(3, 5),
    "E23": Count(0, 0),
    "E24": Count(0, 0),
}
