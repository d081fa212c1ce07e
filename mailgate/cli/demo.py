"""Faces: `mailgate demo`: the whole gateway on this machine, with a customer and his mail server played by us."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from mailgate import config, keys, wiring
from mailgate.cli.frame import Command, Frame
from mailgate.config import Settings
from mailgate.config.shapes import split_endpoint
from mailgate.desk import Desk
from mailgate.errors import TryAgain
from mailgate.log import bridge, open_log
from mailgate.model import Protocol, Reply
from mailgate.net.catcher import Catcher
from mailgate.net.post import post
from mailgate.serve import Daemon
from mailgate.store.database import Database
from mailgate.web.console_source import ConsoleSource
from mailgate.web.customer import Posting

CUSTOMER = "anna@customer.test"
SUBJECT = "Where is my parcel?"
TEXT = "It should have come on Monday."
WEB_ABOVE_SMTP = 5500  # 2525 and 8025

_CONFIG = """\
# Made by `mailgate demo`. Change what you like; the demo keeps it when it is started again with this folder.
[gateway]
name = "mx.demo.test"
key_file = "mailgate.keys"

[[mailbox]]
address = "support@demo.test"
queue = "support"
mode = "guarded"

[[listener]]
bind = "127.0.0.1:{smtp}"

[[listener]]
bind = "127.0.0.1:{lmtp}"
protocol = "lmtp"

[store]
url = "sqlite:///mailgate.db"
reserve_bytes = 0

# The demo itself listens there, and catches everything.
[outbound]
relay = "127.0.0.1:{catcher}"
tls = "none"

# Whoever connects over loopback counts as proven. Never with real mail.
[authentication]
assume = "pass"

[replies]
confirm_min_s = 2

[web]
bind = "127.0.0.1:{web}"
url = "http://127.0.0.1:{web}"
"""


@click.command("demo", cls=Command)
@click.option(
    "--port",
    type=click.IntRange(1025, 60_000),
    default=2525,
    show_default=True,
    help="For SMTP; LMTP is one below, the caught mail one above, the page 5500 above.",
)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), help="Keep everything here; else forget it."
)
@click.pass_obj
def demo(frame: Frame, /, *, port: int, folder: Path | None) -> int:
    """Run everything on this machine, to try it out.

    Nothing leaves it: outgoing mail is caught and shown on a page. Whoever connects over loopback counts as proven.
    """
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailgate-demo-")))
        settings = _prepared(place, port)
        log = open_log(stack.enter_context((place / "mailgate.log").open("a", buffering=1)))
        bridge(log)
        daemon = Daemon(
            settings,
            log,
            make_console=lambda desk, database: _console(settings, desk, database),
            on_ready=lambda: _greet(frame, settings, place, kept=folder is not None),
        )
        return asyncio.run(_run(daemon, settings))


def _prepared(folder: Path, port: int) -> Settings:
    """The demo's settings; made, with a key, where the folder has none yet."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.toml"
    if not file.exists():
        file.write_text(_CONFIG.format(smtp=port, lmtp=port - 1, catcher=port + 1, web=port + WEB_ABOVE_SMTP))
    settings = config.load(file)
    if not settings.gateway.key_file.exists():
        keys.make(settings.gateway.key_file, wiring.clock())
    return settings


async def _run(daemon: Daemon, settings: Settings) -> int:
    catcher = Catcher()
    _, port = split_endpoint(settings.outbound.relay)
    try:
        await catcher.start(port)
        return await daemon.run()
    except OSError as error:
        raise TryAgain(f"cannot catch mail on port {port}: {error.strerror}; choose another --port") from error
    finally:
        await catcher.close()


def _console(settings: Settings, desk: Desk, database: Database) -> ConsoleSource:
    async def send(posting: Posting) -> Reply:
        return await post(_smtp(settings), posting.mail_from, posting.rcpt_to, posting.raw)

    mailboxes = tuple(box.address for box in settings.mailbox)
    return ConsoleSource(desk, database, send, wiring.clock, mailboxes, _by_python(settings))


def _smtp(settings: Settings) -> str:
    return next(table.bind for table in settings.listener if table.protocol is Protocol.SMTP)


def _by_python(settings: Settings) -> str:
    """A line for any shell that sends a first mail with nothing but Python; each time it is another mail."""
    host, port = split_endpoint(_smtp(settings))
    mailbox = settings.mailbox[0].address
    head = f"From: Anna <{CUSTOMER}>\\r\\nTo: {mailbox}\\r\\nSubject: {SUBJECT}"
    stamp = "'+u.formatdate()+'\\r\\nMessage-ID: '+u.make_msgid(domain='customer.test')+'"
    mail = f"{head}\\r\\nDate: {stamp}\\r\\n\\r\\n{TEXT}"
    send = f"smtplib.SMTP('{host}',{port}).sendmail('{CUSTOMER}','{mailbox}','{mail}')"
    return f'python3 -c "import smtplib,email.utils as u;{send}"'


def _by_swaks(settings: Settings) -> str:
    envelope = f"--server {_smtp(settings)} --from {CUSTOMER} --to {settings.mailbox[0].address}"
    return f'swaks {envelope} --header "Subject: {SUBJECT}" --body "{TEXT}"'


def _greet(frame: Frame, settings: Settings, folder: Path, *, kept: bool) -> None:
    listeners = {table.protocol.value: table.bind for table in settings.listener}
    facts = {"event": "ready", "page": settings.web.url, "folder": str(folder), "listeners": listeners}
    frame.tell(
        facts,
        f"""
mailgate is running on this machine, and nothing leaves it.

  WHOEVER CONNECTS OVER LOOPBACK COUNTS AS PROVEN HERE. NEVER DO THIS WITH REAL MAIL.

  Page      {settings.web.url}/
  Mail in   {", ".join(f"{protocol.upper()} {bind}" for protocol, bind in listeners.items())}
  Mailbox   {", ".join(box.address for box in settings.mailbox)}
  Folder    {folder}{"" if kept else " (gone when you stop; keep one with --folder)"}

Open the page, or send a first mail from another terminal:

  {_by_python(settings)}

  {_by_swaks(settings)}

Ctrl-C stops.
""",
    )
