"""Practices as tenants: rows of one are not there for another. See docs/adr/0017.

``tenancy.make_roles`` has made the roles. The owner of the tables is the system and sees all rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

APP, WEB = "transcribe_app", "transcribe_web"

#: Tables with a practice in each row, and what the role of a practice may do there.
OWN = {
    "consult": "SELECT, INSERT, UPDATE",
    "style": "SELECT, INSERT, UPDATE",
    "style_rule": "SELECT, INSERT, UPDATE, DELETE",
    "style_glimpse": "SELECT, INSERT, UPDATE",
    "own_word": "SELECT, INSERT, DELETE",
    "icpc_code": "SELECT, INSERT, DELETE",
    "video_preset": "SELECT, INSERT, UPDATE",
    "ledger": "SELECT, INSERT",
}
#: Tables of which each row is of a consult.
OF_CONSULT = {
    "data_key": "SELECT, INSERT, DELETE",
    "content": "SELECT, INSERT, UPDATE, DELETE",
    "consent": "SELECT, INSERT",
    "approval": "SELECT, INSERT",
    "delivery": "SELECT, INSERT",
    "certificate": "SELECT, INSERT",
    "piece": "SELECT, INSERT, UPDATE, DELETE",
}
#: Others that hold something of practices, or of how the service is: with policies of their own, or with none.
OTHERS = (
    "access_log", "clearance", "handover", "installation", "key_copy", "measurement", "procrastinate_events",
    "procrastinate_jobs", "session", "turn", "worker",
)  # fmt: skip
#: What a web process asks when no practice speaks: is the service well, whose sound is on this disk, who is logged in.
FOR_WEB = {
    "consult": "SELECT (id, practice, status, reason, created_at, audio_s, lost_s)",
    "data_key": "SELECT (consult_id, purpose, master)",
    "certificate": "SELECT (id)",
    "clearance": "SELECT (certificate_id)",
    "access_log": "SELECT (seq, at, action, consult_id)",
    "installation": "SELECT, UPDATE (marked_at)",
    "measurement": "SELECT",
    "worker": "SELECT",
    "procrastinate_jobs": "SELECT (id, queue_name, status)",
    "procrastinate_events": "SELECT (job_id, type, at)",
    "session": "SELECT, INSERT, UPDATE, DELETE",
    "handover": "SELECT, INSERT, UPDATE, DELETE",
}

# in a subquery: worked out once for a statement, not for each row
HERE = "(SELECT current_practice())"
OF_OUR_CONSULT = "EXISTS (SELECT FROM consult WHERE consult.id = consult_id)"


def upgrade() -> None:
    op.add_column("access_log", sa.Column("practice", sa.Text))
    # the words of before say by themselves whose they are, but not to us: of another practice they are never seen again
    op.add_column("style_glimpse", sa.Column("practice", sa.Text, nullable=False, server_default=""))
    op.alter_column("style_glimpse", "practice", server_default=None)
    op.drop_constraint("style_glimpse_pkey", "style_glimpse")
    op.create_primary_key("style_glimpse_pkey", "style_glimpse", ["practice", "words"])
    # each practice reads its own part of an index, however many others there are
    for name in ("consult_newest", "consult_part", "consult_waits"):
        op.drop_index(name, "consult")
    op.create_index("consult_newest", "consult", ["practice", "created_at", "id"])
    op.create_index("consult_part", "consult", ["practice", "part", "created_at", "id"])
    op.create_index(
        "consult_waits",
        "consult",
        ["practice", "waits_for", "created_at", "id"],
        postgresql_where=sa.text("waits_for <> ''"),
    )

    # the setting is "=" and the practice, which may be ""; what is not set, or was set in an earlier transaction, is
    # null or "", and then there is no practice
    op.execute("""
        CREATE FUNCTION current_practice() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
        RETURN substr(nullif(current_setting('transcribe.practice', true), ''), 2)
    """)
    # a row of the log is made with the hash of the one before it, whoever's that is; no more is told of it
    op.execute("""
        CREATE FUNCTION log_head(OUT seq bigint, OUT hash bytea) LANGUAGE sql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp
        BEGIN ATOMIC
            SELECT head.seq, head.hash FROM access_log AS head ORDER BY head.seq DESC LIMIT 1;
        END
    """)
    op.execute("REVOKE ALL ON FUNCTION log_head() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION log_head(), current_practice() TO {APP}")

    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {APP}, {WEB}")
    op.execute(f"GRANT SELECT ON alembic_version TO {WEB}")
    for table in (*OWN, *OF_CONSULT, *OTHERS):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    for table, rights in OWN.items():
        op.execute(f"GRANT {rights} ON {table} TO {APP}")
        op.execute(f"CREATE POLICY practice ON {table} TO {APP} USING (practice = {HERE})")
    for table, rights in OF_CONSULT.items():
        op.execute(f"GRANT {rights} ON {table} TO {APP}")
        # the consult is looked up as the same role, so under its own policy
        op.execute(f"CREATE POLICY practice ON {table} TO {APP} USING ({OF_OUR_CONSULT})")
    op.execute(f"GRANT SELECT ON clearance TO {APP}")
    certified = "EXISTS (SELECT FROM certificate WHERE certificate.id = certificate_id)"
    op.execute(f"CREATE POLICY practice ON clearance FOR SELECT TO {APP} USING ({certified})")
    # rows of before have no practice: those of a consult are its practice's, the others nobody's
    op.execute(f"GRANT SELECT, INSERT ON access_log TO {APP}")
    seen = f"practice = {HERE} OR practice IS NULL AND {OF_OUR_CONSULT}"
    op.execute(f"CREATE POLICY seen ON access_log FOR SELECT TO {APP} USING ({seen})")
    op.execute(f"CREATE POLICY added ON access_log FOR INSERT TO {APP} WITH CHECK (practice = {HERE})")
    # a turn is asked for with the one that is being served, which says nothing of whose it is
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON turn TO {APP}")
    op.execute(f"CREATE POLICY practice ON turn TO {APP} USING (practice = {HERE})")
    op.execute(f"CREATE POLICY served ON turn FOR SELECT TO {APP} USING (practice = '*')")
    op.execute(f"GRANT SELECT, INSERT, UPDATE ON procrastinate_jobs TO {APP}")
    op.execute(f"GRANT INSERT ON procrastinate_events TO {APP}")
    op.execute(f"GRANT USAGE ON SEQUENCE procrastinate_jobs_id_seq, procrastinate_events_id_seq TO {APP}")
    op.execute(f"""
        CREATE POLICY practice ON procrastinate_jobs TO {APP}
        USING (EXISTS (SELECT FROM consult WHERE consult.id = (args->>'consult_id')::uuid))
    """)
    op.execute(f"""
        CREATE POLICY practice ON procrastinate_events FOR INSERT TO {APP}
        WITH CHECK (EXISTS (SELECT FROM procrastinate_jobs AS job WHERE job.id = job_id))
    """)
    # all rows of a few columns; so not for a user who was given the role of a practice beside this one, and reads more
    plain = f"(SELECT NOT pg_has_role('{APP}', 'USAGE'))"
    for table, rights in FOR_WEB.items():
        op.execute(f"GRANT {rights} ON {table} TO {WEB}")
        op.execute(f"CREATE POLICY web ON {table} TO {WEB} USING ({plain})")
