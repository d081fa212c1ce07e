"""A daemon that runs in this process, with all that it said."""

import asyncio
import io
import json
import smtplib
from pathlib import Path
from typing import Any

from mailgate import config
from mailgate.daemon.parent import Parent
from mailgate.log import open_log
from mailgate.serve import Daemon
from tests.fakes.waiting import wait_until

CONFIG = """\
[gateway]
name = "mx.g.test"
key_file = "mailgate.keys"
[[mailbox]]
address = "support@g.test"
mode = "off"
[[listener]]
bind = "127.0.0.1:0"
[store]
url = "sqlite:///var/mailgate.db"
reserve_bytes = 0
[outbound]
relay = "{relay}"
tls = "none"
[authentication]
assume = "pass"
[web]
bind = "127.0.0.1:0"
url = "http://127.0.0.1:1"
[rules]
folder = "rules"
"""
MAIL = "From: {}\r\nTo: support@g.test\r\nSubject: Hello\r\nMessage-ID: <{}@x.test>\r\n\r\nHello.\r\n"


class Running:
    """A daemon that runs, with all that it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stream = io.StringIO()
        self.told: list[str] = []

    async def start(self, **changes: Any) -> None:
        settings = config.load(self.folder / "config.toml")
        ready = asyncio.Event()
        parent = Parent(self.told.append, watchdog_s=0.01)
        self.daemon = Daemon(settings, open_log(self.stream), parent=parent, on_ready=ready.set, **changes)
        self.task = asyncio.create_task(self.daemon.run())
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self.task}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self.task.done():
            await self.task

    async def stop(self) -> int:
        self.daemon.stop()
        return await asyncio.wait_for(self.task, 20)

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == event]

    async def logged(self, event: str, times: int = 1) -> dict[str, Any]:
        await wait_until(lambda: len(self.events(event)) >= times, deadline_s=20)
        return self.events(event)[-1]

    @property
    def port(self) -> int:
        return int(self.events("ready")[0]["listeners"][0].rpartition(":")[2])

    async def deliver(self, number: int = 1, sender: str = "anne@x.test") -> None:
        await asyncio.to_thread(self._deliver, number, sender)

    def _deliver(self, number: int, sender: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test") as client:
            client.sendmail(sender, "support@g.test", MAIL.format(sender, number))
