"""The day of a contact of which no time is known: of a recording that was brought in later."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("consult", sa.Column("contact_day", sa.Date))
