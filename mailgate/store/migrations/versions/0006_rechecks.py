"""A mail of which DNS could not say who it is from knows when it is asked about once more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moment, empty for all mail that is there, and an index over the few that have one."""
    op.add_column("message", sa.Column("recheck_at", sa.BigInteger))
    due = sa.text("recheck_at IS NOT NULL")
    op.create_index("ix_message_recheck", "message", ["recheck_at", "id"], sqlite_where=due, postgresql_where=due)
