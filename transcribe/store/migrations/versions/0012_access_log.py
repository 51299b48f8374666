"""All fields of NEN 7513 in the access log, indexes to read it by, and a way for rows that are old enough to go."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"

APP = "transcribe_app"


def upgrade() -> None:
    # Rows of before get these values without being rewritten; they are of version 1, whose hash does not cover them.
    for column, default in (
        (sa.Column("version", sa.SmallInteger, nullable=False), "1"),
        (sa.Column("whom", sa.Text, nullable=False), "''"),
        (sa.Column("outcome", sa.SmallInteger, nullable=False), "0"),
        (sa.Column("user_id", sa.Text, nullable=False), "''"),
        (sa.Column("responsible", sa.Text, nullable=False), "''"),
        (sa.Column("allowed_by", sa.Text, nullable=False), "''"),
        (sa.Column("client", sa.Text, nullable=False), "'dienst'"),
        (sa.Column("address", sa.Text, nullable=False), "''"),
        (sa.Column("request", sa.Text, nullable=False), "''"),
        (sa.Column("product", sa.Text, nullable=False), "''"),
    ):
        column.server_default = sa.DefaultClause(sa.text(default))
        op.add_column("access_log", column)
        op.alter_column("access_log", column.name, server_default=None)
    op.add_column("access_log", sa.Column("source", sa.Uuid))
    op.add_column("access_log", sa.Column("patient", sa.LargeBinary))
    op.add_column("access_log", sa.Column("consent_id", sa.Uuid))
    op.add_column("access_log", sa.Column("consent_version", sa.Integer))
    op.drop_index("ix_access_log_consult_id", "access_log")
    op.create_index("access_log_at", "access_log", ["at", "seq"])
    for name in ("actor", "action", "consult_id", "patient"):
        op.create_index(f"access_log_{name}", "access_log", [name, "at", "seq"])
    op.create_index("access_log_practice", "access_log", ["practice", "actor"])

    op.create_table(
        "access_log_start",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
    )
    op.execute("""
        CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log_start
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
    """)
    op.execute("ALTER TABLE access_log_start ENABLE ALWAYS TRIGGER append_only")

    # nobody but the system sees where it begins; who adds the first row after it needs it all the same
    op.execute("ALTER TABLE access_log_start ENABLE ROW LEVEL SECURITY")
    op.execute("""
        CREATE OR REPLACE FUNCTION log_head(OUT seq bigint, OUT hash bytea) LANGUAGE sql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            (SELECT head.seq, head.hash FROM access_log AS head ORDER BY head.seq DESC LIMIT 1)
            UNION ALL
            (SELECT start.seq, start.hash FROM access_log_start AS start ORDER BY start.seq DESC LIMIT 1)
            LIMIT 1;
        END
    """)
    op.execute("""
        CREATE FUNCTION installation_id() RETURNS uuid LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT id FROM installation LIMIT 1;
        END
    """)
    op.execute("REVOKE ALL ON FUNCTION installation_id() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION installation_id() TO {APP}")

    # The one way for rows to go, and only for who owns the table: it looks at their age itself.
    op.execute("""
        CREATE FUNCTION prune_access_log(up_to bigint, older_than timestamptz, sealed bytea) RETURNS bigint
        LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
        DECLARE
            removed bigint;
            begins bigint;
        BEGIN
            IF older_than > now() - interval '5 years' THEN
                RAISE EXCEPTION 'rows of the access log are kept for five years'
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            LOCK TABLE access_log IN SHARE ROW EXCLUSIVE MODE;
            IF EXISTS (SELECT FROM access_log WHERE seq <= up_to AND at >= older_than) THEN
                RAISE EXCEPTION 'rows of the access log go in order'
                    USING ERRCODE = 'insufficient_privilege';
            END IF;
            SELECT coalesce(max(seq), 0) INTO begins FROM access_log_start;
            INSERT INTO access_log_start (seq, hash, before, at, seal)
                SELECT seq, hash, older_than, now(), sealed FROM access_log WHERE seq = up_to;
            ALTER TABLE access_log DISABLE TRIGGER append_only;
            DELETE FROM access_log WHERE seq <= up_to;
            GET DIAGNOSTICS removed = ROW_COUNT;
            ALTER TABLE access_log ENABLE ALWAYS TRIGGER append_only;
            IF removed <> up_to - begins THEN
                RAISE EXCEPTION 'rows of the access log are missing' USING ERRCODE = 'data_exception';
            END IF;
            RETURN removed;
        END $$
    """)
    op.execute("REVOKE EXECUTE ON FUNCTION prune_access_log FROM PUBLIC")
