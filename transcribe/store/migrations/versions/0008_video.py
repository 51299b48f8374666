"""Which applications for video consults a practice uses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "video_preset",
        sa.Column("practice", sa.Text, primary_key=True),
        sa.Column("apps", postgresql.ARRAY(sa.Text), nullable=False),
        sa.Column("app", sa.Text, nullable=False),
    )
