"""Databases for tests, of either kind: new and migrated ones by the dozen, copies of them, and a look past our code."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import cache, cached_property
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from mailgate.store.database import backend_of
from mailgate.testing import Lab

T = TypeVar("T")

SQLITE = "sqlite"
POSTGRESQL = "postgresql"
Rows = list[tuple[Any, ...]]
Laboratory = Callable[..., Lab]  # called as the class itself


def only(*kinds: str) -> pytest.MarkDecorator:
    """For tests of what only these kinds of database have: SQLITE a file, POSTGRESQL a server."""
    return pytest.mark.parametrize("stores", kinds, indirect=True)


class Stores(Protocol):
    """Databases of one kind; all that were made are gone after `close`."""

    kind: str

    def new(self) -> str:
        """The URL of a database of its own, brought to the schema of today, with nothing in it."""
        ...

    def empty(self) -> str:
        """The URL of one without any schema."""
        ...

    def copy(self, url: str) -> str:
        """The URL of another with the same in it. Nobody may have the first one open."""
        ...

    def rows(self, url: str, query: str) -> Rows:
        """What stands in it, read past all of mailgate's own code."""
        ...

    def close(self) -> None:
        """Remove all that were made."""
        ...


class SqliteStores:
    """Files in a folder. The first of a test run is migrated, and the others are copied from it."""

    kind = SQLITE

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = count()

    def new(self) -> str:
        url = self.empty()
        file_of(url).write_bytes(_migrated())
        file_of(url).chmod(0o600)
        return url

    def empty(self) -> str:
        number = next(self._names)
        return f"sqlite:///{self._folder}/mailgate{number or ''}.db"

    def copy(self, url: str) -> str:
        other = self.empty()
        shutil.copy(file_of(url), file_of(other))
        return other

    def rows(self, url: str, query: str) -> Rows:
        with closing(sqlite3.connect(f"file:{file_of(url)}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def close(self) -> None:
        """The folder is the test's own."""


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mailgate.db"
        backend_of(f"sqlite:///{file}", durable=False).prepare(create=True)
        return file.read_bytes()


class PostgresStores:
    """Databases of one server. The first is migrated, and the others are copied from it."""

    kind = POSTGRESQL

    def __init__(self, server: str) -> None:
        """`server` is the address of a database whose user may create others."""
        self._server = server
        self._names = (f"mailgate_{os.getpid()}_{number}" for number in count())
        self._made: list[str] = []
        self._template = ""

    def new(self) -> str:
        if not self._template:
            # Words are sorted as people sort them where the server can, as in most installations.
            icu = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" if self._has_icu() else ""
            template = backend_of(self._create(f"TEMPLATE template0 {icu}"))
            _elsewhere(lambda: template.prepare(create=True))
            self._template = self._made.pop()
        return self._create(f"TEMPLATE {self._template} {self._by_file}")

    def empty(self) -> str:
        return self._create("")

    def copy(self, url: str) -> str:
        return self._create(f"TEMPLATE {urlsplit(url).path.strip('/')} {self._by_file}")

    def rows(self, url: str, query: str) -> Rows:
        return run_sql(url, query)

    def close(self) -> None:
        """Remove all that were made since the last time; the template stays for the next test."""
        while self._made:
            run_sql(self._server, f"DROP DATABASE IF EXISTS {self._made.pop()} WITH (FORCE)")

    def end(self) -> None:
        """Remove the template too."""
        if self._template:
            self._made.append(self._template)
        self.close()

    def _create(self, how: str) -> str:
        name = next(self._names)
        run_sql(self._server, f"CREATE DATABASE {name} {how}")
        self._made.append(name)
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))

    @cached_property
    def _by_file(self) -> str:
        """A third of the time that it takes to copy page by page, which is how servers of today do it unless asked."""
        [(version,)] = run_sql(self._server, "SELECT current_setting('server_version_num')::int")
        return "STRATEGY FILE_COPY" if version >= 150_000 else ""

    def _has_icu(self) -> bool:
        return run_sql(self._server, "SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')") == [(True,)]


def file_of(url: str) -> Path:
    """The file of a SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def run_sql(url: str, query: str) -> Rows:
    """Say one sentence to a PostgreSQL database, from wherever; the rows it answers with."""
    return _elsewhere(lambda: asyncio.run(_run_sql(url, query)))


async def _run_sql(url: str, query: str) -> Rows:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


def _elsewhere(work: Callable[[], T]) -> T:
    """Do `work` in a thread of its own, since the caller may stand in a running event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
