"""Which master key it is, and keys that outlive it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0012"

WEB = "transcribe_web"
#: As in 0010: not for a user who was given the role of a practice beside this one.
PLAIN = "(SELECT NOT pg_has_role('transcribe_app', 'USAGE'))"


def upgrade() -> None:
    op.create_table(
        "master_key",
        sa.Column("one", sa.Boolean, sa.CheckConstraint("one"), primary_key=True, server_default=sa.true()),
        sa.Column("id", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "lasting_key",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("master", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.execute("INSERT INTO master_key (id) SELECT DISTINCT master FROM data_key")
    for table in ("data_key", "lasting_key"):
        # the database itself refuses a key that another master key wrapped, and a rotation that forgets one
        op.create_foreign_key(
            f"{table}_master_fkey", table, "master_key", ["master"], ["id"], deferrable=True, initially="IMMEDIATE"
        )
    # of no practice: a web process opens them at its start, and whoever acts for a practice never asks for them
    for table in ("master_key", "lasting_key"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"GRANT SELECT ON {table} TO {WEB}")
        op.execute(f"CREATE POLICY web ON {table} TO {WEB} USING ({PLAIN})")
