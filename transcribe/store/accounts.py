"""Accounts on PostgreSQL. The secret of the second step is there only sealed, with a lasting key of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Connection, Row, delete, exists, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.exc import IntegrityError

from transcribe.accounts import Account, Limit, State, Tries, one_more
from transcribe.consult import Role, name_key
from transcribe.errors import Conflict, NotFound, Unreadable
from transcribe.store import tables
from transcribe.store.crypto import context, open_sealed, seal
from transcribe.store.database import translated
from transcribe.store.impatient import impatient_engine
from transcribe.store.lasting import LastingKeys, Use

_CONNECT: dict[str, object] = {
    "options": "-c statement_timeout=5s -c lock_timeout=2s -c log_parameter_max_length_on_error=0",
}
#: More than the server's own limit above.
_SILENCE_S = 8.0
#: Tries that are this old matter to no limit.
_OLD_TRIES = timedelta(days=1)


class PostgresAccounts:
    """See ``ports.Accounts``. Methods raise ``StoreUnavailable`` when the database is away. Ends with its block."""

    def __init__(self, url: str, lasting: LastingKeys) -> None:
        self._engine = impatient_engine(url, silence_s=_SILENCE_S, connect=_CONNECT, pool_pre_ping=True, pool_timeout=5)
        self._sealing = lasting.of(Use.SECOND_STEPS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def used(self) -> bool:
        with self._begin() as tx:
            return _used(tx)

    def add_first(self, account: Account, title: str) -> None:
        table = tables.account
        with _taken(), self._begin() as tx:
            tx.execute(text("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE"))  # of two set-ups one is the first
            if _used(tx):
                raise Conflict
            tx.execute(delete(table).where(table.c.invitation.is_(None)))
            tx.execute(insert(table).values(self._row(account)))
            named = insert_or_skip(tables.practice).values(name=account.practice, title=title)
            tx.execute(named.on_conflict_do_update(index_elements=["name"], set_={"title": title}))

    def add(self, account: Account) -> None:
        with _taken(), self._begin() as tx:
            tx.execute(insert(tables.account).values(self._row(account)))

    def save(self, account: Account) -> None:
        table = tables.account
        this = (table.c.id == account.id) & (table.c.version == account.version - 1)
        with _taken(), self._begin() as tx:
            if tx.execute(update(table).where(this).values(self._row(account))).rowcount:
                return
            if tx.scalar(select(exists().where(table.c.id == account.id))):
                raise Conflict
        raise NotFound

    def find(self, account_id: UUID) -> Account:
        found = self._one(tables.account.c.id == account_id)
        if found is None:
            raise NotFound
        return found

    def by_login(self, login: str) -> Account | None:
        return self._one(tables.account.c.login == login)

    def by_invitation(self, digest: bytes) -> Account | None:
        return self._one(tables.account.c.invitation == digest)

    def by_elsewhere(self, number: str) -> Account | None:
        return self._one(tables.account.c.elsewhere == number)

    def of(self, practice: str) -> list[Account]:
        table = tables.account
        wanted = select(table).where(table.c.practice == practice).order_by(table.c.name_key)
        with self._begin() as tx:
            return [self._account(row) for row in tx.execute(wanted)]

    def active(self, practice: str, role: Role) -> bool:
        table = tables.account
        wanted = (table.c.practice == practice) & (table.c.role == role.value) & (table.c.state == State.ACTIVE.value)
        with self._begin() as tx:
            return bool(tx.scalar(select(exists().where(wanted))))

    def title(self, practice: str) -> str:
        table = tables.practice
        with self._begin() as tx:
            found: str | None = tx.scalar(select(table.c.title).where(table.c.name == practice))
        return found or ""

    def count_try(self, key: bytes, limit: Limit, now: datetime) -> datetime | None:
        table = tables.login_try
        with self._begin() as tx:
            # made first, so that there is a row to lock: of many at the same time each sees the one before
            blank = insert_or_skip(table).values(key=key, tries=0, last=now)
            tx.execute(blank.on_conflict_do_nothing(index_elements=["key"]))
            row = tx.execute(select(table).where(table.c.key == key).with_for_update()).one()
            before = Tries(count=row.tries, last=row.last, closed_until=row.closed_until)
            counted = one_more(before, now, limit)
            if counted is None:
                closed: datetime = row.closed_until
                return closed
            new = {"tries": counted.count, "last": counted.last, "closed_until": counted.closed_until}
            tx.execute(update(table).where(table.c.key == key).values(new))
            tx.execute(delete(table).where(table.c.last < now - _OLD_TRIES))
        return None

    def take_back(self, key: bytes, *, whole: bool) -> None:
        table = tables.login_try
        left = 0 if whole else func.greatest(table.c.tries - 1, 0)
        with self._begin() as tx:
            tx.execute(update(table).where(table.c.key == key).values(tries=left, closed_until=None))

    def _one(self, which: Any) -> Account | None:
        with self._begin() as tx:
            row = tx.execute(select(tables.account).where(which)).one_or_none()
        return None if row is None else self._account(row)

    def _row(self, account: Account) -> dict[str, object]:
        return {
            "id": account.id,
            "practice": account.practice,
            "login": account.login,
            "name": account.name,
            "name_key": name_key(account.name),
            "role": account.role.value,
            "manages": account.manages,
            "state": account.state.value,
            "version": account.version,
            "epoch": account.epoch,
            "since": account.since,
            "password": account.password,
            "secret": seal(self._sealing, account.secret, _place(account.id)) if account.secret else None,
            "last_step": account.last_step,
            "recovery": list(account.recovery),
            "invitation": account.invitation or None,
            "invited_until": account.invited_until,
            "elsewhere": account.elsewhere or None,
        }

    def _account(self, row: Row[Any]) -> Account:
        return Account(
            id=row.id,
            practice=row.practice,
            login=row.login,
            name=row.name,
            role=Role(row.role),
            manages=row.manages,
            state=State(row.state),
            version=row.version,
            epoch=row.epoch,
            since=row.since,
            password=row.password,
            secret=self._secret(row.id, row.secret) if row.secret else b"",
            last_step=row.last_step,
            recovery=tuple(row.recovery),
            invitation=row.invitation or b"",
            invited_until=row.invited_until,
            elsewhere=row.elsewhere or "",
        )

    def _secret(self, account_id: UUID, sealed: bytes) -> bytes:
        try:
            return open_sealed(self._sealing, sealed, _place(account_id))
        except Unreadable:  # damaged: no code is right, but a recovery code still opens, and nobody else is kept out
            return b""

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with translated(), self._engine.begin() as tx:
            yield tx


def _place(account_id: UUID) -> bytes:
    return context("second step", account_id)


def _used(tx: Connection) -> bool:
    return bool(tx.scalar(select(exists().where(tables.account.c.since.is_not(None)))))


@contextmanager
def _taken() -> Iterator[None]:
    try:
        yield
    except IntegrityError as taken:
        raise Conflict from taken
