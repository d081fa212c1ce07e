"""The tickets that somebody began within an hour are found past all that stands in a flood of his."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index the mails that opened a ticket."""
    opened = sa.text("disposition = 'ticket'")
    op.create_index("ix_message_begun", "message", ["sender", "at"], sqlite_where=opened, postgresql_where=opened)
