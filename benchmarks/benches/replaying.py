"""How fast stored mail is judged again: by the rules that judged it, and by others that change what becomes of much."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench, Contestant, Found
from benchmarks.load import RECIPIENT
from benchmarks.mails import letter
from benchmarks.promise import AtMost
from mailgate.replaying import Replaying
from mailgate.rulebook import Rulebook, load, shipped_folder
from mailgate.testing import Lab

_MAILS, _MAILS_QUICK = 100_000, 2_000
_PEOPLE = 20_000
_AT_ONCE = 100
_WEEK = timedelta(days=7)
_MAIL_MS = 3.0  # 100,000 mails in five minutes
_DESK = {"mailbox": [{"address": RECIPIENT, "queue": "bench", "mode": "open"}]}
_SAME, _OTHER = "the same rules", "other rules"
_RULES = """\
[[rule]]
name = "some are held"
when.from_local.glob = ["*3"]
then.hold = "it ends in 3"

[[rule]]
name = "some are not answered"
when.from_local.glob = ["*7"]
then.answer = "never"

[[rule]]
name = "some go elsewhere"
when.from_local.glob = ["*1", "*9"]
then.queue = "elsewhere"
"""


@asynccontextmanager
async def _week(quick: bool) -> AsyncIterator[Sequence[Contestant]]:
    mails = _MAILS_QUICK if quick else _MAILS
    with tempfile.TemporaryDirectory(prefix="mailgate-bench-") as folder:
        (Path(folder) / "70-bench.toml").write_text(_RULES)
        other = load(shipped_folder(), Path(folder))
        async with Lab(overrides=_DESK) as lab:
            await _live(lab, mails)
            yield [
                Contestant(_SAME, partial(_measure, lab, lab.context.book(), mails, differs=False)),
                Contestant(_OTHER, partial(_measure, lab, other, mails, differs=True)),
            ]


async def _live(lab: Lab, mails: int) -> None:
    begun = time.perf_counter()
    for first in range(0, mails, _AT_ONCE):
        letters = (letter(number, number * 61 % _PEOPLE) for number in range(first, min(first + _AT_ONCE, mails)))
        await lab.receive_many(
            [{"raw": one.raw, "mail_from": one.mail_from, "rcpt_to": [RECIPIENT]} for one in letters]
        )
        await lab.settle()
        lab.advance(_WEEK * _AT_ONCE / mails)
    print(f"{mails:,} mails lived in {time.perf_counter() - begun:.0f} s", file=sys.stderr, flush=True)


async def _measure(lab: Lab, book: Rulebook, mails: int, *, differs: bool) -> Found:
    road = Replaying(lab.database, lab.context.gateway, book)
    judged = different = 0
    begun = time.perf_counter()
    async for one in road.run(lab.now - 2 * _WEEK, lab.now + _WEEK):
        judged += 1
        different += bool(one.changes)
    took_s = time.perf_counter() - begun
    if judged != mails or bool(different) is not differs:
        raise ValueError(f"{judged} of {mails} mails were judged, {different} otherwise")
    return Found({"judged_per_s": judged / took_s, "mail_ms": took_s * 1000 / judged}, judged)


REPLAY = Bench(
    "replay",
    f"{_MAILS:,} stored mails judged again with the history of then; SQLite, one process",
    _week,
    tuple(AtMost(_MAIL_MS, "mail_ms", name) for name in (_SAME, _OTHER)),
    repeats=1,
    by_default=False,
)
