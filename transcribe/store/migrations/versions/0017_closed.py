"""Consults that are closed to colleagues: the names of those who may open one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("consult", sa.Column("readers", ARRAY(sa.Text), nullable=False, server_default="{}"))
