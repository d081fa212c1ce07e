"""Two help desks that make tickets of mail, run by their own documented commands with a SQLite file each."""

from __future__ import annotations

import asyncio
import contextlib
import mailbox
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.load import RECIPIENT
from benchmarks.mails import Letter
from benchmarks.peers.server import UnfinishedError
from benchmarks.peers.venvs import installed


class Desk(Protocol):
    """A desk in a folder of its own. One command takes all mails of a mailbox; a mail may also come alone."""

    name: str

    async def set_up(self) -> None:
        """Make its files. Raises MissingError."""

    def put(self, letters: Iterable[Letter]) -> None:
        """Lay mails into the mailbox."""

    async def take(self) -> None:
        """Take all that is in the mailbox, in one process."""

    async def take_alone(self, letter: Letter) -> None:
        """Take one mail, in a process of its own."""

    def tickets(self) -> int:
        """How many tickets it has."""


class Roundup:
    """Roundup's mail gateway: `roundup-mailgw HOME mailbox FILE`, and as a pipe for one mail."""

    name = "roundup"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._home = folder / "tracker"
        self._mailbox = folder / "mailbox"

    async def set_up(self) -> None:
        """A classic tracker to which anybody may write by mail."""
        self._programs = await installed("roundup>=2.4,<3")
        # Whatever it would send goes into a file.
        options = {
            "admin_email": "admin@g.test",
            "mail_domain": "g.test",
            "mail_host": "localhost",
            "mail_debug": str(self._folder / "sent"),
            "tracker_web": "http://localhost/",
        }
        admin: list[Path | str] = [self._programs / "roundup-admin", "-i", self._home]
        words = ",".join(f"{key}={value}" for key, value in options.items())
        await _run([*admin, "install", "classic", "sqlite", words])
        schema = self._home / "schema.py"
        line = "db.security.addPermissionToRole('Anonymous', 'Email Access')"
        schema.write_text(schema.read_text().replace(f"#{line}", line))
        await _run([*admin, "initialise", "secret"])

    def put(self, letters: Iterable[Letter]) -> None:
        """Into a Unix mailbox, which it empties when it takes it."""
        with contextlib.closing(mailbox.mbox(self._mailbox)) as box:
            for letter in letters:
                box.add(_with_unix_lines(letter))

    async def take(self) -> None:
        """One process for the whole mailbox."""
        await _run([self._programs / "roundup-mailgw", self._home, "mailbox", self._mailbox])

    async def take_alone(self, letter: Letter) -> None:
        """The pipe."""
        await _run([self._programs / "roundup-mailgw", self._home], given=_with_unix_lines(letter))

    def tickets(self) -> int:
        """Its issues."""
        return _count(self._home / "db" / "db", "_issue")


class Helpdesk:
    """django-helpdesk: `get_email` on a queue whose mailbox is a folder. It knows no other way for one mail."""

    name = "django-helpdesk"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mailbox = folder / "mailbox"
        self._put = 0
        self._environment = {"PYTHONPATH": str(folder), "DJANGO_SETTINGS_MODULE": "desk_settings"}

    async def set_up(self) -> None:
        """The smallest project that it runs in, with one queue."""
        self._python = await installed("django-helpdesk>=2.4,<3") / "python"
        self._mailbox.mkdir()
        (self._folder / "desk_settings.py").write_text(_SETTINGS)
        (self._folder / "desk_urls.py").write_text(_URLS)
        await self._django("migrate")
        await self._django("loaddata", "emailtemplate.json")
        await self._django("shell", "-c", _QUEUE.format(address=RECIPIENT, folder=self._mailbox))

    def put(self, letters: Iterable[Letter]) -> None:
        """Into files, which it removes when they are tickets."""
        for letter in letters:
            self._put += 1
            (self._mailbox / f"{self._put}.eml").write_bytes(_with_unix_lines(letter))

    async def take(self) -> None:
        """One process for the whole folder."""
        await self._django("get_email", "--quiet")

    async def take_alone(self, letter: Letter) -> None:
        """A folder with one mail."""
        self.put([letter])
        await self.take()

    def tickets(self) -> int:
        """Its tickets."""
        return _count(self._folder / "db.sqlite3", "helpdesk_ticket")

    async def _django(self, *words: str) -> None:
        await _run([self._python, "-m", "django", *words], environment=self._environment)


_SETTINGS = """\
from pathlib import Path
HERE = Path(__file__).parent
SECRET_KEY = "none"
SITE_ID = 1
USE_TZ = True
ROOT_URLCONF = "desk_urls"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
MEDIA_ROOT = HERE / "media"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "db.sqlite3"}}
INSTALLED_APPS = [
    *(f"django.contrib.{name}" for name in "admin auth contenttypes sessions messages sites humanize".split()),
    "rest_framework",
    "helpdesk",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
HELPDESK_TEAMS_MODEL = "auth.Group"
HELPDESK_TEAMS_MIGRATION_DEPENDENCIES = [("auth", "0010_alter_group_name_max_length")]
HELPDESK_KBITEM_TEAM_GETTER = lambda item: None
"""
_URLS = """\
from django.contrib import admin
from django.urls import include, path
urlpatterns = [path("admin/", admin.site.urls), path("", include("helpdesk.urls"))]
"""
_QUEUE = """\
from helpdesk.models import Queue
Queue.objects.create(
    title="Support", slug="support", email_address="{address}", allow_email_submission=True,
    email_box_type="local", email_box_local_dir="{folder}", email_box_interval=0,
)
"""


def _with_unix_lines(letter: Letter) -> bytes:
    return letter.raw.replace(b"\r\n", b"\n")


async def _run(
    command: Sequence[Path | str], *, given: bytes | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Run a command to its end. Raises UnfinishedError with what it said."""
    # What leads Python to mailgate's own modules would lead it astray here.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=clean | dict(environment or {}),
    )
    said, _ = await process.communicate(given)
    if process.returncode:
        raise UnfinishedError(f"{command[0]}: {process.returncode}: {said.decode(errors='replace')[-2000:]}")


def _count(database: Path, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
