"""Store: brings a database to the schema of this version, and refuses one that is not ours to change."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from mailgate.errors import ConfigError, Fault, TryAgain
from mailgate.store import marks

MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = text("SELECT version_num FROM alembic_version")


def migrate(connection: Connection, name: str, *, create: bool) -> tuple[str, int]:
    """Bring the schema up to date where `create` allows it; its revision, and the largest id in use.

    Raises:
        ConfigError: it is older and `create` is false, or newer than this mailgate knows.
    """
    known = sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    head = known[-1]
    found = connection.execute(_REVISION).scalar() if inspect(connection).has_table("alembic_version") else None
    if found != head:
        if found is not None and found not in known:
            raise ConfigError([fault(name, f"schema {found} of a newer mailgate", f"schema {head} or older")])
        if not create:
            raise ConfigError([fault(name, f"schema {found or 'none'}", f"schema {head}; run `mailgate db upgrade`")])
        _upgrade(connection)
    return head, marks.largest_id(connection)


def _upgrade(connection: Connection) -> None:
    # Here and not above, because it takes a tenth of the time that every command needs to begin, and few upgrade.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def confirm(connection: Connection, schema: str) -> None:
    """Raise TryAgain unless the database has still this schema: a restored or replaced one may have another."""
    try:
        found = connection.execute(_REVISION).scalar()
    except SQLAlchemyError as error:
        raise TryAgain(f"the database cannot be used: {error}") from error
    if found != schema:
        raise TryAgain(f"the database has the schema {found}, not {schema}")


def fault(name: str, found: str, allowed: str) -> Fault:
    """What is wrong with the database that `store.url` names."""
    return Fault(name, 0, "store.url", found, allowed)
