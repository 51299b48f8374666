"""What a practice and its doctors set: style, rules for words, their own table of codes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "style",
        sa.Column("practice", sa.Text, primary_key=True),
        sa.Column("abbreviations", sa.Boolean, nullable=False),
        sa.Column("line_words", sa.Integer, nullable=False),
        sa.Column("line_order", sa.Text, nullable=False),
    )
    op.create_table(
        "style_rule",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("practice", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("written", sa.Text, nullable=False),
        sa.Column("accepted", sa.Boolean, nullable=False),
        sa.Column("seen", sa.Integer, nullable=False),
        sa.UniqueConstraint("practice", "owner", "said", "written"),
    )
    op.create_table(
        "style_glimpse",
        sa.Column("words", sa.LargeBinary, primary_key=True),
        sa.Column("consult", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "icpc_code",
        sa.Column("practice", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
    )
