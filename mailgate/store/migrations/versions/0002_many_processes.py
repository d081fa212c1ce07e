"""Room for many processes on one database: what all of them count is counted apart, or by sequences.

A row that every acceptance changes would let one process commit at a time. So each counts its own acceptances, and
PostgreSQL gives ticket numbers from a sequence (which may leave gaps where a batch was given up).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Rename the count of the only process there was; make the sequences."""
    op.execute(sa.text("UPDATE counter SET name = 'accepted/0' WHERE name = 'accepted'"))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("CREATE SEQUENCE ticket_number AS integer"))
        op.execute(sa.text("SELECT setval('ticket_number', value) FROM counter WHERE name = 'ticket' AND value > 0"))
        op.execute(sa.text("CREATE SEQUENCE node_number AS integer CYCLE"))
        # It is compressed already; to try again costs more than all else that is done to a large mail.
        op.execute(sa.text("ALTER TABLE raw ALTER COLUMN zstd SET STORAGE EXTERNAL"))
