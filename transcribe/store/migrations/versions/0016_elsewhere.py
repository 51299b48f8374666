"""By which a provider knows somebody."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("account", sa.Column("elsewhere", sa.Text, unique=True))
