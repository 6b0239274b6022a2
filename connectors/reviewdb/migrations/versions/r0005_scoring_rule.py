"""Which rule of the scoring policy selected a post for the text detector."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rule; earlier assessments have none, because every text was scored."""
    op.add_column("assessments", sa.Column("scored_by", sa.String(16)))


def downgrade() -> None:
    """Drop the rule."""
    op.drop_column("assessments", "scored_by")
