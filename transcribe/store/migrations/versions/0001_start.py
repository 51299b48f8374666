"""The first tables, append-only triggers included."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "consult",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("patient_sealed", sa.LargeBinary),
        sa.Column("patient_pseudonym", sa.LargeBinary),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("channels", ARRAY(sa.Text), nullable=False),
        sa.Column("upload", sa.Text, nullable=False),
        sa.Column("audio_s", sa.Float),
        sa.Column("missing_s", sa.Float, nullable=False),
        sa.Column("progress_s", sa.Float, nullable=False),
    )
    op.create_index("consult_newest", "consult", ["created_at"])
    op.create_index("consult_status", "consult", ["status"])
    op.create_index("consult_patient", "consult", ["patient_pseudonym"])
    op.create_table(
        "data_key",
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("master", sa.Text, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    # a destroyed key is cleaned out of the table within a minute, also when the one that destroyed it could not
    op.execute("ALTER TABLE data_key SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0)")
    op.create_table(
        "content",
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("blob", sa.LargeBinary),
    )
    op.create_table(
        "consent",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), nullable=False, index=True),
        sa.Column("document", JSONB, nullable=False),
        sa.UniqueConstraint("id", "version"),
    )
    op.create_table(
        "approval",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), nullable=False, index=True),
        sa.Column("note_version", sa.Integer, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), nullable=False, index=True),
        sa.Column("approval_id", sa.Uuid, sa.ForeignKey("approval.id"), nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("delivered_by", sa.Text, nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "certificate",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False, unique=True),
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), nullable=False, index=True),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "access_log",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("consult_id", sa.Uuid, index=True),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.execute("""
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'rows of % can only be added', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END $$
    """)
    for table in ("consent", "approval", "delivery", "certificate", "access_log"):
        op.execute(f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """)
        # also for a session that turned ordinary triggers off (session_replication_role)
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
