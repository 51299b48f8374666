"""The contact: its kind, from when to when, the tariff; and references that a HIS hands over."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("consult", sa.Column("contact_kind", sa.Text))
    op.add_column("consult", sa.Column("contact_began", sa.DateTime(timezone=True)))
    op.add_column("consult", sa.Column("contact_ended", sa.DateTime(timezone=True)))
    op.add_column("consult", sa.Column("contact_tariff", sa.Text))
    op.create_table(
        "handover",
        sa.Column("signature", sa.LargeBinary, primary_key=True),
        sa.Column("handle", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
