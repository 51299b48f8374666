"""Words that the recogniser should know, of a practice and of its doctors."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "own_word",
        sa.Column("practice", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("word", sa.Text, primary_key=True),
    )
