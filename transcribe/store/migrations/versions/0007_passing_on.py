"""Whom a draft waits for, and who passed it on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("consult", sa.Column("waits_for", sa.Text, nullable=False, server_default=""))
    op.add_column("consult", sa.Column("passed_by", sa.Text, nullable=False, server_default=""))
    # few drafts wait for somebody in particular: they are found without a look at all the others
    op.create_index(
        "consult_waits", "consult", ["waits_for", "created_at", "id"], postgresql_where=sa.text("waits_for <> ''")
    )
