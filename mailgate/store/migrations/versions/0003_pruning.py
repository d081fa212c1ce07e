"""Room for taking mail away: who still points to the same bytes is found without reading everything."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Index what points to raw mail."""
    for table in ("journal", "message", "outbox"):
        op.create_index(f"ix_{table}_raw_id", table, ["raw_id"])
