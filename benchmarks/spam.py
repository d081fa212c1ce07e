"""`python -m benchmarks.spam`: the ranking of held mail in figures and as a picture, helped by rspamd or not."""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.corpus import Half, Sorted, sorted_mail
from benchmarks.ranking import HAM_SEEN, Ranking, alone
from mailgate.model import Opinion
from mailgate.rulebook import load, shipped_folder

APART = 5.0  # points; what configurations say where they say nothing else
SPAM_BEFORE = 0.10
AT_ONCE = 8  # questions to rspamd
ANSWERED_S = 30
# Nothing of then can be asked of the net any more, and all of it is old today.
NOT_ASKED = {
    "groups_disabled": ["rbl", "surbl", "spf", "dkim", "dmarc", "arc", "hfilter"],
    "symbols_disabled": ["DATE_IN_PAST", "OLD_X_MAILER"],
}
ALONE, HELPED = "mailgate alone", "with rspamd"
COLOURS = {ALONE: "#2f6f4f", HELPED: "#b0643c"}


def main() -> None:
    """Rank, say, and draw."""
    options = _options()
    mails = sorted_mail(*options.half)
    book = load(options.rules)
    rankings = {ALONE: alone(mails, book)}
    if options.learn:
        teach(sorted_mail(Half.TUNED), options.learn)
    if options.rspamd:
        rankings[HELPED] = alone(mails, book, ask(mails, options.rspamd))
    for name, ranking in rankings.items():
        print(f"{name}, all mail:  {words(ranking)}")
        print(f"{name}, held mail: {words(ranking.held)}")
    if options.picture:
        draw({name: ranking.held for name, ranking in rankings.items()}, options.picture)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spam", description=__doc__)
    parser.add_argument("--half", action="append", type=Half, choices=list(Half), help="kept where nothing is said")
    parser.add_argument("--rules", type=Path, default=shipped_folder(), help="a folder of rule files to try")
    parser.add_argument("--rspamd", metavar="URL", help="a running rspamd, such as http://127.0.0.1:11333")
    parser.add_argument(
        "--learn", metavar="URL", help="its controller, which is taught the tuned half first, as by people"
    )
    parser.add_argument("--picture", type=Path, help="a file for the curve: .svg or .png")
    options = parser.parse_args()
    options.half = options.half or [Half.KEPT]
    return options


def words(ranking: Ranking) -> str:
    """One ranking in a line."""
    ham, spam = ranking.count(spam=False), ranking.count(spam=True)
    return (
        f"{ham} ham, {spam} spam; before {HAM_SEEN:.0%} of ham is seen, {ranking.spam_before():.1%} of spam stands; "
        f"{APART:g} points or more: {ranking.from_points(APART, spam=True):.1%} of spam, "
        f"{ranking.from_points(APART, spam=False):.2%} of ham; in tickets: {ranking.tickets(spam=True)} spam"
    )


def teach(mails: Sequence[Sorted], url: str) -> None:
    """Tell rspamd what people thought of these mails; what it knows already it says so of, and that is well."""
    for mail in mails:
        told = urllib.request.Request(f"{url.rstrip('/')}/learn{'spam' if mail.spam else 'ham'}", mail.raw)
        with suppress(urllib.error.HTTPError), urllib.request.urlopen(told, timeout=ANSWERED_S):
            pass


def ask(mails: Sequence[Sorted], url: str) -> dict[str, Opinion]:
    """What rspamd thinks of each mail, by name."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip((mail.name for mail in mails), pool.map(lambda mail: _opinion(mail, url), mails), strict=True))


def _opinion(mail: Sorted, url: str) -> Opinion:
    headers = {"From": mail.mail_from, "Rcpt": mail.rcpt_to, "Settings": json.dumps(NOT_ASKED)}
    asked = urllib.request.Request(f"{url.rstrip('/')}/checkv2", mail.raw, headers)
    with urllib.request.urlopen(asked, timeout=ANSWERED_S) as answer:
        found = json.load(answer)
    symbols = sorted(found["symbols"].values(), key=lambda one: -abs(one["score"]))
    return Opinion("rspamd", found["score"], tuple(one["name"] for one in symbols[:5]))


def draw(rankings: dict[str, Ranking], file: Path) -> None:
    """The curve of each ranking, and how points are spread."""
    figure = Figure(figsize=(10, 4.2), layout="constrained", dpi=100)
    left, right = figure.subplots(1, 2)
    _curves(left, rankings)
    _spread(right, rankings[ALONE])
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, metadata={"Date": None})


def _curves(axes: Axes, rankings: dict[str, Ranking]) -> None:
    for name, ranking in rankings.items():
        axes.plot(*zip(*ranking.curve(), strict=True), color=COLOURS[name], label=name, linewidth=1.6)
    axes.plot([HAM_SEEN], [SPAM_BEFORE], "x", color="black", label="held to: 95 % before 90 %")
    axes.set_xlabel("share of held ham that was seen, top down")
    axes.set_ylabel("share of held spam on the way")
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, loc="upper left")


def _spread(axes: Axes, ranking: Ranking) -> None:
    most = 15.0
    for spam, colour, name in ((False, "#2f6f4f", "ham"), (True, "#9aa5a0", "spam")):
        points = [min(one.points, most) for one in ranking.placed if one.spam is spam]
        shares = [1 / len(points)] * len(points)
        bins = [step / 2 for step in range(int(most) * 2 + 2)]
        axes.hist(points, bins=bins, weights=shares, color=colour, alpha=0.7, label=name)
    axes.axvline(APART, color="black", linewidth=1, linestyle=":", label="stands apart from here")
    axes.set_xlabel(f"points of held mail ({most:g}: or more)")
    axes.set_ylabel("share of each")
    axes.legend(frameon=False)


if __name__ == "__main__":
    main()
