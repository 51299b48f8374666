"""Replace the master key: every key that it wraps is wrapped anew, and then the new one takes its place.

Three things change, one after the other, and each is one step: the next key is kept beside the present one; one
transaction wraps everything anew, or nothing; the next key becomes the key. Whoever was stopped in between begins again
and goes on where it was. Until the transaction has ended the old key is the right one, after it the new one: a service
that is started with the other refuses, and says what to do.

The transaction reads all back with the new key before it ends, and the database refuses to end it while one row still
points at the old one (``tables.master_key``). Nobody may be at work meanwhile: a process with the old key in its memory
could read nothing any more. See docs/adr/0021-rotation.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select, text, tuple_, update
from sqlalchemy.pool import NullPool

from transcribe.consult import Action
from transcribe.errors import N_, SetupProblem, Unreadable
from transcribe.store import tables
from transcribe.store.access_log import append_log
from transcribe.store.backup import system_event
from transcribe.store.crypto import new_key
from transcribe.store.database import translated
from transcribe.store.impatient import LONG_WORK_S, impatient_engine
from transcribe.store.key_places import KeyPlace
from transcribe.store.keys import MasterKey, another_master_key
from transcribe.store.lasting import forget_before, hand_on, key_id, open_keys
from transcribe.store.postgres import data_key_id

#: Of each table with wrapped keys: what a row is called, and the name that its wrapped key is bound to.
REWRAPPED: dict[Table, tuple[tuple[str, ...], Callable[..., str]]] = {
    tables.data_key: (("consult_id", "purpose"), data_key_id),
    tables.lasting_key: (("name",), key_id),
}
_AT_ONCE = 1000

#: Told what is done now, before it is done.
DOING_NEXT = N_("Nieuwe sleutel bewaren")
DOING_WRAP = N_("Sleutels opnieuw inpakken")
DOING_PROOF = N_("Nalezen met de nieuwe sleutel")
DOING_COMMIT = N_("Vastleggen")
DOING_PROMOTE = N_("Nieuwe sleutel in gebruik nemen")
DOING_END = N_("Klaar")
STEPS = (DOING_NEXT, DOING_WRAP, DOING_PROOF, DOING_COMMIT, DOING_PROMOTE, DOING_END)  # in this order


@dataclass(frozen=True, kw_only=True)
class Rotated:
    before: str  # fingerprints of master keys
    after: str
    keys: int  # that were wrapped anew; 0: that was done before, and only the end was left


def rotate(url: str, place: KeyPlace, *, actor: str, doing: Callable[[str], None] = lambda _: None) -> Rotated:
    """Raises ``SetupProblem`` that says what to do: somebody is at work, a key is missing or damaged. Then nothing was
    changed, but that the next key may be kept already. Also ``StoreUnavailable``, ``DiskFull``, ``OSError``.
    """
    engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)
    with translated(), engine.begin() as tx:
        _check_alone(tx)
        _lock(tx)
        secret = place.read()
        if secret is None:
            raise SetupProblem(problem=place.missing)
        before = MasterKey.of(secret)
        doing(DOING_NEXT)
        of_database = tx.scalar(select(tables.master_key.c.id)) or before.id
        following = MasterKey.of(_next(place, of_database=of_database, ours=before.id))
        if of_database == following.id:
            done = Rotated(before=before.id, after=following.id, keys=0)
        else:
            doing(DOING_WRAP)
            open_keys(tx, before)  # what was derived from the one before must be there, to outlive it
            keys = _wrap_anew(tx, before, following)
            append_log(
                tx, system_event(actor, Action.MASTER_KEY_REPLACED, detail=f"{before.id[:12]} {following.id[:12]}")
            )
            doing(DOING_PROOF)
            _prove(tx, following)
            tx.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # is anything left of the one before?
            done = Rotated(before=before.id, after=following.id, keys=keys)
        doing(DOING_COMMIT)
    doing(DOING_PROMOTE)
    place.promote()
    doing(DOING_END)
    return done


def forget_old(url: str, *, actor: str) -> int:
    """Files that were sealed before a rotation can't be opened any more. Returns how many old keys there were."""
    engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)
    with translated(), engine.begin() as tx:
        found = forget_before(tx)
        if found:
            append_log(tx, system_event(actor, Action.OLD_KEYS_FORGOTTEN, detail=str(found)))
    return found


def _check_alone(tx: Connection) -> None:
    """Our processes are known by the names of their sessions (``database.session_name``)."""
    ours = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND application_name LIKE 'transcribe %'"
    )
    if tx.scalar(ours):
        raise SetupProblem(
            problem="de dienst loopt nog, of een andere opdracht van transcribe. Stop haar eerst, op elke machine; de "
            "hoofdsleutel wordt alleen vervangen als niemand haar gebruikt."
        )


def _lock(tx: Connection) -> None:
    """Whoever comes from now on waits, and finds another master key than its own."""
    tx.execute(text("SET LOCAL lock_timeout = '5s'"))
    for table in (tables.master_key, *REWRAPPED):
        tx.execute(text(f"LOCK TABLE {table.name} IN EXCLUSIVE MODE"))
    tx.execute(text("SET CONSTRAINTS ALL DEFERRED"))


def _next(place: KeyPlace, *, of_database: str, ours: str) -> bytes:
    following = place.read_next()
    if following is not None and MasterKey.of(following).id == of_database:
        return following  # only the end is left
    if of_database != ours:
        raise another_master_key(ours, of_database)
    return place.keep_next(new_key()) if following is None else following


def _wrap_anew(tx: Connection, before: MasterKey, following: MasterKey) -> int:
    keys = 0
    damaged: list[str] = []
    for table, (names, place) in REWRAPPED.items():
        this = (table.c[name] == bindparam(f"of_{name}") for name in names)
        change = update(table).where(*this).values(master=following.id, wrapped=bindparam("new"))
        for rows in _in_pieces(tx, table, names):
            changes = []
            for *values, wrapped in rows:
                try:
                    key = before.unwrap(wrapped, place(*values))
                except Unreadable:
                    damaged.append(str(values[0]))
                    continue
                row = {f"of_{name}": value for name, value in zip(names, values, strict=True)}
                changes.append(row | {"new": following.wrap(key, place(*values))})
            if changes:
                tx.execute(change, changes)
            keys += len(changes)
    if damaged:
        raise SetupProblem(
            problem=f"van {', '.join(damaged)} is een sleutel beschadigd en niet te lezen. Er is niets veranderd; de "
            "oude hoofdsleutel blijft in gebruik. Laat dit eerst uitzoeken."
        )
    tx.execute(update(tables.master_key).values(id=following.id))
    hand_on(tx, before, following)
    return keys


def _prove(tx: Connection, following: MasterKey) -> None:
    """Every key can be read with the new one. Raises ``Unreadable``, and then nothing was changed."""
    for table, (names, place) in REWRAPPED.items():
        for rows in _in_pieces(tx, table, names):
            for *values, wrapped in rows:
                following.unwrap(wrapped, place(*values))


def _in_pieces(tx: Connection, table: Table, names: tuple[str, ...]) -> Iterator[list[tuple[Any, ...]]]:
    """The name and wrapped key of each row, in order of names: all of them at once may not fit in memory."""
    columns = [table.c[name] for name in names]
    query = select(*columns, table.c.wrapped).order_by(*columns).limit(_AT_ONCE)
    after: tuple[Any, ...] | None = None
    while True:
        found = query if after is None else query.where(tuple_(*columns) > tuple_(*after))
        rows = [tuple(row) for row in tx.execute(found)]
        if not rows:
            return
        yield rows
        after = rows[-1][:-1]
