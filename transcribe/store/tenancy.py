"""The roles by which PostgreSQL keeps practices apart. See docs/adr/0017-tenants-by-row-level-security.md.

Roles are of the server, not of a database: a dump does not have them, and several databases share them. So they are no
part of a migration; whoever makes tables makes sure of them first.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from transcribe.errors import SetupProblem

#: What acts for one practice, for as long as a transaction lasts. It sees and adds rows of that practice only.
APP = "transcribe_app"
#: What a web process is when no practice speaks: sessions, ids, statuses and counts. It can become ``APP``, and sees
#: nothing as both at once.
WEB = "transcribe_web"

_SUPERUSER_ONLY = "42501"  # SQLSTATE

#: As an administrator writes it when the owner of the database may not make roles.
BY_HAND = (
    f"CREATE ROLE {APP} NOLOGIN NOINHERIT; CREATE ROLE {WEB} NOLOGIN NOINHERIT; GRANT {APP} TO {WEB}; "
    f"GRANT {APP} TO de_eigenaar_van_de_database;"
)

#: May be done again. Two databases of one server may do it at the same moment.
MAKE_ROLES = f"""
    DO $$
    DECLARE
        -- before 16 whoever is a member can become it
        usable CONSTANT text := CASE WHEN current_setting('server_version_num')::int < 160000
                                     THEN 'MEMBER' ELSE 'SET' END;
    BEGIN
        IF to_regrole('{APP}') IS NULL THEN
            BEGIN
                CREATE ROLE {APP} NOLOGIN NOINHERIT;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF to_regrole('{WEB}') IS NULL THEN
            BEGIN
                -- no inheriting: what one role may see and the other may read is more than both together should
                CREATE ROLE {WEB} NOLOGIN NOINHERIT;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF NOT pg_has_role('{WEB}', '{APP}', usable) THEN
            GRANT {APP} TO {WEB};
        END IF;
        IF NOT pg_has_role('{APP}', usable) THEN
            GRANT {APP} TO CURRENT_USER;
        END IF;
    END $$
"""

# one that may more than it should would see everything, and nobody would notice
_TOO_MUCH = text(f"""
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname IN ('{APP}', '{WEB}') AND (rolsuper OR rolbypassrls))
        OR pg_has_role('{WEB}', '{APP}', 'USAGE')
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = '{APP}'::regrole)
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = '{WEB}'::regrole AND roleid <> '{APP}'::regrole)
""")  # noqa: S608

# both end with the transaction. Never the empty text: that is what a setting leaves behind in its session
_ACT_FOR = text(f"SELECT set_config('role', '{APP}', true), set_config('transcribe.practice', :practice, true)")


def make_roles(connection: Connection) -> None:
    """Raises ``SetupProblem`` when that is for an administrator of the server, or when the roles may too much."""
    try:
        with connection.begin_nested():
            connection.execute(text(MAKE_ROLES))
    except DBAPIError as problem:
        if getattr(problem.orig, "sqlstate", None) != _SUPERUSER_ONLY:
            raise
        raise SetupProblem(
            problem="deze gebruiker van de database mag geen rollen maken. Laat een beheerder van PostgreSQL dit één "
            f"keer uitvoeren: {BY_HAND}"
        ) from problem
    if connection.scalar(_TOO_MUCH):
        raise SetupProblem(
            problem=f"de rollen {APP} en {WEB} in PostgreSQL mogen te veel: praktijken zouden elkaars gegevens kunnen "
            "zien. Neem ze SUPERUSER, BYPASSRLS en het lidmaatschap van andere rollen af."
        )


def check_web(connection: Connection) -> None:
    """Of a user who does not own the tables. Raises ``SetupProblem`` for one who is both roles at once: to him there
    are no sessions, and nobody could log in.
    """
    if connection.scalar(text(f"SELECT pg_has_role('{APP}', 'USAGE')")):
        raise SetupProblem(
            problem=f"deze gebruiker van de database hoort lid te zijn van {WEB} en van geen andere rol: neem hem het "
            f"lidmaatschap van {APP} af."
        )


def act_for(tx: Connection, practice: str) -> None:
    """Until the end of this transaction it sees that practice, and nothing else."""
    tx.execute(_ACT_FOR, {"practice": f"={practice}"})
