"""`make bench`: every bench side by side with its peers in one run; exit status 1 where a promise is not kept."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine, picture, table
from benchmarks.bench import Bench
from benchmarks.benches import ALL
from benchmarks.load import MissingError
from benchmarks.peers import venvs
from benchmarks.run import Run
from mailgate.daemon.loop import run

FOLDER = Path(__file__).parent / "results"

Result = Mapping[Bench, Sequence[Run]]


def main() -> int:
    """Measure, show, keep; the exit status."""
    options = _options()
    result, failed = _measure(options.benches, options.repeats, quick=options.quick)
    facts = machine.facts() | venvs.versions("roundup", "django-helpdesk", "django")
    text = "\n".join(table.lines(result, facts, quick=options.quick)) + "\n"
    print(text)
    kept = _keep(options.folder, result, facts, text, quick=options.quick)
    broken = [row for bench, runs in result.items() for row in table.promises(bench, runs) if row[-1] != table.KEPT]
    for name, what, measured, held_to, verdict in broken:
        print(f"{verdict}: {name}: {what}: {measured}, held to {held_to}", file=sys.stderr)
    print(f"results are in {kept}", file=sys.stderr)
    # A promise that could not be measured has been named aloud; small loads prove nothing either way.
    lacks = any(row[-1] != table.UNKNOWN for row in broken) and not options.quick
    return 1 if failed or lacks else 0


def _options() -> argparse.Namespace:
    by_name = {bench.name: bench for bench in ALL}
    usual = [bench.name for bench in ALL if bench.by_default]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small loads, once: does it run? No figures to quote")
    parser.add_argument("--only", action="append", choices=by_name, metavar="NAME", help=f"one of {', '.join(by_name)}")
    parser.add_argument("--repeats", type=int, metavar="N", help="how often each is measured")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where results are kept")
    options = parser.parse_args()
    options.benches = [by_name[name] for name in options.only or usual]
    return options


def _measure(benches: Sequence[Bench], repeats: int | None, *, quick: bool) -> tuple[Result, bool]:
    """What was measured, and whether a bench failed. One that fails costs the others nothing."""
    result: dict[Bench, Sequence[Run]] = {}
    failed = False
    for bench in benches:
        try:
            # The caller takes its time from the same processors as those it calls.
            result[bench] = run(bench.runs(repeats or (1 if quick else bench.repeats), quick=quick))
        except MissingError as error:
            result[bench] = []
            print(f"!!! {bench.name} IS LEFT OUT: {error}", file=sys.stderr, flush=True)
        except Exception:
            failed = True
            traceback.print_exc()
            print(f"!!! {bench.name} FAILED", file=sys.stderr, flush=True)
    return result, failed


def _keep(folder: Path, result: Result, facts: Mapping[str, str], text: str, *, quick: bool) -> Path:
    """Write the result as Markdown, as JSON and as pictures into a folder of its own."""
    place = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    place.mkdir(parents=True)
    (place / "table.md").write_text(text)
    document = {"facts": facts, "runs": [asdict(run) for runs in result.values() for run in runs]}
    (place / "runs.json").write_text(json.dumps(document, indent=1) + "\n")
    for bench, runs in result.items():
        if runs:
            picture.draw(bench, runs, place, quick=quick)
    return place


if __name__ == "__main__":
    sys.exit(main())
