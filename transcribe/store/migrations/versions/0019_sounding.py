"""Of which consult a log-in session sent sound, and when: that keeps its recording going, and not its screen open."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.add_column("session", sa.Column("recording", sa.Uuid))
    op.add_column("session", sa.Column("sounded", sa.DateTime(timezone=True)))
