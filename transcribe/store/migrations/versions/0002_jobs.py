"""The queue and its workers, finished pieces, completed certificates, sessions, copies of the keys."""

from importlib.resources import files

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # as the library ships it; its later changes become migrations of ours
    schema = (files("procrastinate.sql") / "schema.sql").read_text(encoding="utf-8")
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(schema)
    # our sweep and our fence look jobs up by these
    op.execute("CREATE INDEX transcribe_jobs_doing ON procrastinate_jobs (id) WHERE status = 'doing'")
    op.execute("CREATE INDEX transcribe_jobs_lock ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing')")

    # its plans are as good as its statistics, and it fills and empties within minutes
    op.execute(
        "ALTER TABLE procrastinate_jobs SET (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 500)"
    )
    op.create_index("data_key_master", "data_key", ["master"])  # at every start, and when health is asked for

    op.add_column("consult", sa.Column("stumbles", sa.Integer, nullable=False, server_default="0"))
    op.add_column("consult", sa.Column("expires_at", sa.DateTime(timezone=True)))
    op.add_column("consult", sa.Column("lost_s", sa.Float, nullable=False, server_default="0"))
    op.add_column("consult", sa.Column("lane", sa.Text, nullable=False, server_default="live"))
    op.add_column("consult", sa.Column("practice", sa.Text, nullable=False, server_default=""))
    for column in ("stumbles", "lost_s", "lane", "practice"):
        op.alter_column("consult", column, server_default=None)

    op.add_column("consult", sa.Column("part", sa.Text))
    op.execute("""
        UPDATE consult SET part = CASE
            WHEN status = 'concept' THEN 'controle'
            WHEN status = 'akkoord' OR (
                status IN ('opgenomen', 'uitgeschreven')
                AND reason IN ('geen-spraak', 'onleesbaar', 'geen-model', 'mislukt')
            ) THEN 'actie'
            WHEN status IN ('gekopieerd', 'geweigerd', 'ingetrokken', 'verwijderd', 'gewist') THEN 'klaar'
            ELSE 'bezig'
        END
    """)
    op.alter_column("consult", "part", nullable=False)
    op.drop_index("consult_newest", "consult")
    op.create_index("consult_newest", "consult", ["created_at", "id"])
    op.create_index("consult_part", "consult", ["part", "created_at", "id"])

    op.create_table(
        "installation",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("tended_at", sa.DateTime(timezone=True)),
        sa.Column("marked_at", sa.DateTime(timezone=True)),
    )
    op.execute("INSERT INTO installation (id) VALUES (gen_random_uuid())")

    op.create_table(
        "clearance",
        sa.Column("certificate_id", sa.Uuid, sa.ForeignKey("certificate.id"), primary_key=True),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.execute("""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON clearance
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    op.execute("ALTER TABLE clearance ENABLE ALWAYS TRIGGER append_only")
    op.create_table(
        "piece",
        sa.Column("consult_id", sa.Uuid, sa.ForeignKey("consult.id"), primary_key=True),
        sa.Column("upload", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("blob", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "turn",
        sa.Column("lane", sa.Text, primary_key=True),
        sa.Column("practice", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("queues", ARRAY(sa.Text), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard", ARRAY(sa.Uuid), nullable=False, server_default="{}"),
    )
    op.create_index("session_last_seen", "session", ["last_seen"])
    op.create_table(
        "key_copy",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("log_seq", sa.BigInteger, nullable=False),
        sa.Column("certificates", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("missed_at", sa.DateTime(timezone=True)),
        sa.Column("ours", sa.Boolean, nullable=False),
    )
    op.create_table(
        "measurement",
        sa.Column("seq", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("audio_s", sa.Float, nullable=False),
        sa.Column("work_s", sa.Float, nullable=False),
    )
