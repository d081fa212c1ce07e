"""Shared by all tests: databases of both kinds, and how property tests are judged: by what they find, not how fast."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mailgate import rulebook
from mailgate.testing import Lab
from tests.fakes import postgres
from tests.fakes.statements import compiled_once
from tests.fakes.stores import POSTGRESQL, SQLITE, Laboratory, PostgresStores, SqliteStores, Stores

# Half as many examples as is usual, for there are many tests of this kind; `make soak` looks at ten times as many.
_ALWAYS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("mailgate", _ALWAYS, max_examples=50)
settings.register_profile("thorough", _ALWAYS, max_examples=500)
settings.load_profile("mailgate")


@pytest.fixture(scope="session", autouse=True)
def the_same_rules_are_read_once() -> Iterator[None]:
    """A third of a second for each daemon; whoever tests the reading of them calls `load` by its own name."""
    read = rulebook.load
    books: dict[Any, rulebook.Rulebook] = {}

    def load(*folders: Path | None, **named: Path | None) -> rulebook.Rulebook:
        written = tuple(_written(folder) for folder in (*folders, *named.values()) if folder)
        if written not in books:
            books[written] = read(*folders, **named)
        return books[written]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rulebook, "load", load)
        yield


def _written(folder: Path) -> frozenset[tuple[str, bytes]]:
    """What stands in a folder, without where it lies."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return frozenset((path.relative_to(folder).as_posix(), path.read_bytes()) for path in files)


@pytest.fixture(scope="session", autouse=True)
def statements_are_compiled_once() -> Iterator[None]:
    with compiled_once():
        yield


@pytest.fixture(scope="session")
def postgres_stores() -> Iterator[PostgresStores]:
    """Databases of the server that all tests share; skips where there is none."""
    try:
        address = postgres.shared()
    except postgres.NoServerError as error:
        pytest.skip(str(error))
    stores = PostgresStores(address)
    yield stores
    stores.end()


@pytest.fixture
def own_server() -> Iterator[postgres.Server]:
    """A server that a test may stop, start and kill; skips where there is none on this machine."""
    with tempfile.TemporaryDirectory(prefix="mailgate-") as folder:
        # A server is not run as root, and its user must reach its files.
        Path(folder).chmod(0o755)
        try:
            server = postgres.Server(Path(folder) / "server", **postgres.FAST)
        except postgres.NoServerError as error:
            pytest.skip(str(error))
        with server:
            yield server


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """A test that uses it runs once with databases of each kind, unless it is marked with `only`."""
    made: Stores = SqliteStores(tmp_path) if request.param == SQLITE else request.getfixturevalue("postgres_stores")
    yield made
    made.close()


@pytest.fixture
def url(stores: Stores) -> str:
    """The address of a database of its own, migrated and empty."""
    return stores.new()


@pytest.fixture
def laboratory(stores: Stores) -> Laboratory:
    """Laboratories on a database of each kind, each on one of its own unless `store_url` is given."""

    def make(*words: Any, **more: Any) -> Lab:
        return Lab(*words, **more if "store_url" in more else {**more, "store_url": stores.new()})

    return make
