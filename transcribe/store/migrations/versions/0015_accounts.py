"""Accounts, and sessions that know whose they are."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.execute("DELETE FROM session")  # they were opened with a key that many may have
    op.add_column("session", sa.Column("began", moment, nullable=False))
    op.add_column("session", sa.Column("stage", sa.Text, nullable=False))
    op.add_column("session", sa.Column("account_id", sa.Uuid))
    op.add_column("session", sa.Column("epoch", sa.Integer, nullable=False))
    op.create_index("session_account", "session", ["account_id"])
    op.create_table(
        "practice",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("practice", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("manages", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("since", moment),
        sa.Column("password", sa.Text, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("last_step", sa.BigInteger, nullable=False),
        sa.Column("recovery", ARRAY(sa.LargeBinary), nullable=False),
        sa.Column("invitation", sa.LargeBinary, unique=True),
        sa.Column("invited_until", moment),
        sa.UniqueConstraint("practice", "name_key"),
    )
    op.create_table(
        "login_try",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("last", moment, nullable=False),
        sa.Column("closed_until", moment),
    )

    # who somebody is, is asked before any practice speaks: the role of a practice sees nothing of it
    plain = "(SELECT NOT pg_has_role('transcribe_app', 'USAGE'))"
    for table in ("practice", "account", "login_try"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO transcribe_web")
        op.execute(f"CREATE POLICY web ON {table} TO transcribe_web USING ({plain})")
