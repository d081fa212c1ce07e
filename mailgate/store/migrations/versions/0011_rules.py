"""Rules are counted and tried on the mail of before; errands leave by HTTP; mail has points of spam."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_PURPOSES = (
    "'acknowledge', 'challenge', 'notice', 'digest', 'agent'",
    "'acknowledge', 'challenge', 'notice', 'digest', 'agent', 'redirect'",
)

_HELD = (
    "'wait', 'human', 'spam', 'archived'",
    "'wait', 'human', 'likely-spam', 'spam', 'archived'",
)


# Long because a migration is a list: written once, read in one piece, never edited.
def upgrade() -> None:
    """Add three tables and what mails and rule sets know now; let one more word say why a mail leaves."""
    op.create_table(
        "rule_count",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("rule", sa.Text, primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("hits", "shadow_hits")),
    )
    op.create_table(
        "judgement",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("mails", sa.Integer, nullable=False),
        sa.Column("zstd", sa.LargeBinary, nullable=False),
    )
    op.create_index("ix_judgement_at", "judgement", ["at"])
    op.create_table(
        "errand",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        _choice("kind", "webhook", "learn-spam", "learn-ham"),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("message_id", _ID, sa.ForeignKey("message.id"), nullable=False),
        _choice("state", "due", "done", "failed"),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("created_at", "due_at", "give_up_at")),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
    )
    op.create_index("ix_errand_message_id", "errand", ["message_id"])
    op.create_index("ix_errand_state_due_at", "errand", ["state", "due_at"])
    op.add_column("rule_set", sa.Column("zstd", sa.LargeBinary))
    op.add_column("message", sa.Column("spam", sa.Float))
    held = sa.text("held IS NOT NULL")
    columns = ["held", "spam", "id"]
    op.create_index("ix_message_held_spam", "message", columns, sqlite_where=held, postgresql_where=held)
    for table in ("message", "permit", "outbox"):
        _widen(table, "purpose", *_PURPOSES)
    _widen("message", "held", *_HELD)


def _choice(name: str, *words: str) -> sa.Column[str]:
    kind = sa.Enum(*words, name=name, native_enum=False, create_constraint=True, length=20)
    return sa.Column(name, kind, nullable=False)


def _widen(table: str, column: str, before: str, after: str) -> None:
    """Let a column hold more words. What stands there fits the new condition as well, so no row need be read."""
    conn, name = op.get_bind(), f"ck_{table}_{column}"
    if conn.dialect.name == "postgresql":
        conn.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        conn.exec_driver_sql(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} IN ({after})) NOT VALID")
        conn.exec_driver_sql(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
        return
    # The way that SQLite documents for a change that touches no row (sqlite.org/lang_altertable.html, section 7).
    old, new = f"CHECK ({column} IN ({before}))", f"CHECK ({column} IN ({after}))"
    version = conn.exec_driver_sql("PRAGMA schema_version").scalar_one()
    conn.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = conn.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = ? AND instr(sql, ?) > 0",
        (old, new, table, old),
    )
    assert changed.rowcount == 1, f"{name} is not as it was made"
    conn.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    conn.exec_driver_sql("PRAGMA writable_schema = OFF")
