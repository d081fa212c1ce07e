"""The picture of a result: one panel a load, one bar a server, one dot a repeat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure  # not pyplot, which looks for a screen

_COLOURS = {"mailgate": "#2f6f4f"}
_OTHERS = "#9aa5a0"


def draw(rates: Mapping[str, Mapping[str, list[float]]], path: Path) -> None:
    """Draw mails a second, by load and server, into a PNG file."""
    figure = Figure(figsize=(5 * len(rates), 4), layout="constrained", dpi=120)
    panels = figure.subplots(1, len(rates), squeeze=False)
    for panel, (words, servers) in zip(panels[0], rates.items(), strict=True):
        names = list(servers)
        heights = [median(servers[name]) for name in names]
        bars = panel.bar(names, heights, color=[_COLOURS.get(name, _OTHERS) for name in names], width=0.6)
        panel.bar_label(bars, fmt="{:.0f}", label_type="center", color="white", weight="bold")
        for name in names:
            panel.scatter([name] * len(servers[name]), servers[name], color="black", s=12, zorder=3)
        panel.set_title(words, fontsize=10)
        panel.set_ylabel("mails accepted a second")
        panel.margins(y=0.15)
        panel.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
