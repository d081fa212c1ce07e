"""Permits of one subject are counted from an index alone; no plan takes the index of old keys for that of all keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the indexes by subject; the one of challenges has no use any more. Reword the condition of keys."""
    op.drop_index("ix_permit_challenge", "permit")
    for subject, shared in (("address", []), ("domain", ["shared"]), ("origin", ["shared"]), ("fingerprint", [])):
        op.drop_index(f"ix_permit_{subject}_at", "permit")
        columns = [subject, *shared, "at", "purpose", "unproven"]
        op.create_index("ix_permit_" + "_".join(columns), "permit", columns)
    op.drop_index("ix_journal_keyed", "journal")
    keyed = sa.text("acceptance_key <> ''")
    op.create_index("ix_journal_keyed", "journal", ["accepted_at"], sqlite_where=keyed, postgresql_where=keyed)
