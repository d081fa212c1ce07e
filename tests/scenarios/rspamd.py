"""A rspamd of Debian on a port of its own: it asks no DNS and nobody else, and learns into files beside it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import Process
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.scenarios.ports import free_port

PASSWORD = "of the controller"
ACCOUNT = "nobody"  # it will not run as root
STARTS_WITHIN_S = 30.0

_CONFIG = """\
options {{
  pidfile = "{home}/pid";
  filters = "chartable,regexp";
  cache_file = "{home}/symbols";
  history_file = "{home}/history";
  control_socket = "{home}/control mode=0600";
  stats_file = "{home}/stats";
  hs_cache_dir = "{home}/";
  tempdir = "{home}";
  url_tld = "{home}/suffixes";
  disable_hyperscan = true;
  dns {{ nameserver = ["127.0.0.1:{nobody}"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "warning"; }}
worker "controller" {{
  bind_socket = "127.0.0.1:{port}";
  count = 1;
  password = "{password}";
  enable_password = "{password}";
}}
lua = "$RULESDIR/rspamd.lua";
.include "$CONFDIR/metrics.conf"
.include "$CONFDIR/actions.conf"
.include "$CONFDIR/groups.conf"
classifier "bayes" {{
  tokenizer {{ name = "osb"; }}
  cache {{ type = "sqlite3"; path = "{home}/learned.sqlite"; }}
  backend = "sqlite3";
  min_tokens = 11;
  min_learns = 1;
  statfile {{ symbol = "BAYES_HAM"; spam = false; path = "{home}/ham.sqlite"; }}
  statfile {{ symbol = "BAYES_SPAM"; spam = true; path = "{home}/spam.sqlite"; }}
}}
modules {{ path = "${{PLUGINSDIR}}"; }}
"""


def missing() -> str:
    """Why there is none, "" where there is one."""
    return "" if shutil.which("rspamd") else "needs the package rspamd"


class RspamdOfDebian:
    """Runs for as long as the context lasts, in `home`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.url = ""

    async def __aenter__(self) -> Self:
        port, is_root = free_port(), os.geteuid() == 0
        config = self._home / "rspamd.conf"
        # To compile all suffixes there are takes it many seconds, each time.
        (self._home / "suffixes").write_text("com\norg\ntest\n")
        config.write_text(_CONFIG.format(home=self._home, port=port, nobody=free_port(), password=PASSWORD))
        if is_root:
            shutil.chown(self._home, ACCOUNT)
        self._process: Process = await asyncio.create_subprocess_exec(
            *("rspamd", "--no-fork", "--insecure", "--config", config),
            user=ACCOUNT if is_root else None,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await self._answers(port)
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        await self._process.wait()

    async def _answers(self, port: int) -> None:
        async with asyncio.timeout(STARTS_WITHIN_S):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                assert self._process.returncode is None, "rspamd did not start"
                await asyncio.sleep(0.05)
