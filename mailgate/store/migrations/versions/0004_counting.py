"""Room for a million permits: everybody's are counted from an index alone, a year's challenges found by another."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the index by time, and add the one of challenges."""
    op.drop_index("ix_permit_at", "permit")
    op.create_index("ix_permit_at_purpose_unproven", "permit", ["at", "purpose", "unproven"])
    challenge = sa.text("purpose = 'challenge'")
    op.create_index(
        "ix_permit_challenge", "permit", ["address", "at"], sqlite_where=challenge, postgresql_where=challenge
    )
