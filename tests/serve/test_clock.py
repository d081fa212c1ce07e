"""A daemon whose machine's clock jumps ahead goes on by its own seconds, is silent for a day, and then follows."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

from mailgate import clock
from tests.fakes.sink import Sink
from tests.scenarios.daemon import PROGRAM
from tests.serve.running import Running


async def test_a_jump_ahead_turns_automatic_mail_off_before_anything_sees_the_new_time(
    folder: Path, sink: Sink
) -> None:
    running = Running(folder)
    await running.start()
    daemon = running.daemon
    await running.deliver(1)
    await running.logged("delivery-attempted")

    day = timedelta(days=1)
    daemon.clock._wall = lambda: clock.wall() + day
    assert daemon.clock() < clock.wall() + timedelta(minutes=1)
    await daemon.upkeep.heed_clock()
    assert daemon.clock() > clock.wall() + day - timedelta(minutes=1)
    await running.deliver(2, "bert@x.test")
    await running.logged("mail-judged", 2)
    await running.stop()

    (event,) = running.events("clock-jumped-ahead")
    assert abs(event["step_s"] - day.total_seconds()) <= 1
    assert len(sink.mails) == 1, "the second mail has a ticket and no answer"

    check = await asyncio.create_subprocess_exec(
        PROGRAM, "--config", folder / "config.toml", "--json", "check", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await check.communicate()
    findings = [json.loads(line) for line in said.splitlines()]
    (database,) = [finding["text"] for finding in findings if finding.get("check") == "database"]
    assert "the clock jumped ahead: automatic mail is off until" in database
