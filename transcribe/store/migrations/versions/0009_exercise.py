"""Consults to practise on."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("consult", sa.Column("exercise", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("consult", "exercise", server_default=None)
