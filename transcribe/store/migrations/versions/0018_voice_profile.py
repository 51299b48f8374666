"""Voices of doctors who agreed to that, each sealed with a key of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

APP = "transcribe_app"
HERE = "(SELECT current_practice())"


def upgrade() -> None:
    op.create_table(
        "voice_profile",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("practice", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("removed_seq", sa.BigInteger),
    )
    op.create_index(
        "voice_profile_owner",
        "voice_profile",
        ["practice", "owner"],
        unique=True,
        postgresql_where=sa.text("removed_seq IS NULL"),
    )
    op.execute("ALTER TABLE voice_profile ENABLE ROW LEVEL SECURITY")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON voice_profile TO {APP}")
    op.execute(f"CREATE POLICY practice ON voice_profile TO {APP} USING (practice = {HERE})")
    # of the keys that last a practice has those of its own voices, and no other
    op.execute(f"GRANT SELECT, INSERT, DELETE ON lasting_key TO {APP}")
    ours = "EXISTS (SELECT FROM voice_profile WHERE 'voice ' || voice_profile.id = lasting_key.name)"
    op.execute(f"CREATE POLICY practice ON lasting_key TO {APP} USING ({ours})")
