"""The rules of a daemon that runs: the operator's own layer, and new ones while mail comes in."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from mailgate.store import rulesets, tables
from tests.serve.running import Running

CHANNEL = '[[channel]]\nsender = "anne@x.test"\nis = "machine"\nwhy = "nightly figures"\n'
MAILS = 12


async def test_a_file_of_ones_own_layer_counts_from_the_moment_it_is_saved(running: Running, folder: Path) -> None:
    (folder / "rules/local").mkdir(exist_ok=True)
    (folder / "rules/local/50-ours.toml").write_text(CHANNEL)
    reloaded = await running.logged("rules-reloaded")
    while "added" not in reloaded:  # the folder was seen before the file
        reloaded = await running.logged("rules-reloaded", len(running.events("rules-reloaded")) + 1)
    assert reloaded["added"] == ["channel anne@x.test"]
    await running.deliver(1)
    judged = await running.logged("mail-judged")
    assert judged["kind"] == "system"
    (verdict,) = await verdicts(running)
    assert "local/50-ours.toml:1" in [finding["rule"] for finding in verdict["findings"]]


async def test_with_a_broken_file_of_ones_own_the_old_rules_stay(running: Running, folder: Path) -> None:
    (folder / "rules/local/maps").mkdir(parents=True)
    (folder / "rules/local/limits.toml").write_text("[timing]\nlat_s = 1\n")
    (folder / "rules/local/maps/suppliers.txt").write_text("re:(?=x)\n")
    version = running.daemon.rules.book.version
    running.daemon.reload()
    rejected = await running.logged("rules-rejected")
    while rejected["count"] < 2:
        rejected = await running.logged("rules-rejected", len(running.events("rules-rejected")) + 1)
    limits, maps = sorted(rejected["faults"])
    assert "rules/local/limits.toml:2:1: timing.lat_s" in limits
    assert "rules/local/maps/suppliers.txt:1:" in maps
    assert running.daemon.rules.book.version == rejected["kept"] == version


async def test_a_folder_that_takes_the_place_of_another_is_watched_like_it(running: Running, folder: Path) -> None:
    rules = folder / "rules"
    shutil.copytree(rules, folder / "new")
    rules.rename(folder / "old")
    (folder / "new").rename(rules)
    reloaded = await running.logged("rules-reloaded")
    (rules / "70-ours.toml").write_text(CHANNEL)
    while "added" not in reloaded:
        reloaded = await running.logged("rules-reloaded", len(running.events("rules-reloaded")) + 1)
    assert reloaded["added"] == ["channel anne@x.test"]


async def test_new_rules_lose_and_refuse_no_mail(running: Running, folder: Path) -> None:
    """Every mail is judged by one set of rules or the next, and each of these sets is kept whole."""
    own = folder / "rules/local/70-ours.toml"
    own.parent.mkdir(exist_ok=True)
    delivering = asyncio.create_task(deliver(running))
    turns = 0
    while not delivering.done():
        turns += 1
        own.write_text(CHANNEL.replace("anne", f"nobody-{turns}"))
        await running.daemon.rules.reload()
    await delivering
    await running.logged("mail-judged", MAILS)
    versions = {line["rules"] for line in running.events("rules-reloaded")} | {running.events("ready")[0]["rules"]}
    judged_by = [verdict["rules"] for verdict in await verdicts(running)]
    kept = await running.daemon.database.read(rulesets.known)
    assert len(judged_by) == MAILS
    assert turns > 1
    assert set(judged_by) <= versions
    assert {one.version for one in kept if one.whole} >= set(judged_by)


async def verdicts(running: Running) -> list[dict[str, Any]]:
    """Those of all mail that came in."""
    column = tables.message.c.verdict
    return await running.daemon.database.read(lambda conn: list(filter(None, conn.execute(select(column)).scalars())))


async def deliver(running: Running) -> None:
    for number in range(MAILS):
        await running.deliver(number)
