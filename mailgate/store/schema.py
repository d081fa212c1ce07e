"""Store: brings a database to the schema of this version, and refuses one that is not ours to change."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from mailgate.errors import ConfigError, Fault, TryAgain
from mailgate.store import marks


def migrate(connection: Connection, name: str, *, create: bool) -> tuple[str, int]:
    """Bring the schema up to date where `create` allows it; its revision, and the largest id in use.

    Raises:
        ConfigError: it is older and `create` is false, or newer than this mailgate knows.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head() or ""
    found = MigrationContext.configure(connection).get_current_revision()
    if found != head:
        if found is not None and found not in {revision.revision for revision in script.walk_revisions()}:
            raise ConfigError([fault(name, f"schema {found} of a newer mailgate", f"schema {head} or older")])
        if not create:
            raise ConfigError([fault(name, f"schema {found or 'none'}", f"schema {head}; run `mailgate db upgrade`")])
        command.upgrade(config, "head")
    return head, marks.largest_id(connection)


def confirm(connection: Connection, schema: str) -> None:
    """Raise TryAgain unless the database has still this schema: a restored or replaced one may have another."""
    try:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except SQLAlchemyError as error:
        raise TryAgain(f"the database cannot be used: {error}") from error
    if found != schema:
        raise TryAgain(f"the database has the schema {found}, not {schema}")


def fault(name: str, found: str, allowed: str) -> Fault:
    """What is wrong with the database that `store.url` names."""
    return Fault(name, 0, "store.url", found, allowed)
