"""Back-up and restore. See docs/backup.md for the administrator and docs/adr/0012-backup-without-keys.md for the rule.

A back-up is one sealed file (``envelope.py``): a snapshot of the tables as text, the practice's own texts for the
patient (consents point at them), then the sealed sound of the consults in it. It never holds a data key, and nothing
that is made again by itself (queue, workers, sessions). The keys are in the copy of the keys beside it
(``key_copies.py``), which is of today while the back-up grows old: a consult that was erased in the meantime has no key
there, and comes back as erased, with its certificate.

The schema comes from the migrations: the file is read into tables of its own revision, and then migrated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, text, update
from sqlalchemy.pool import NullPool

from consent import TextProblem, Texts
from transcribe import policy
from transcribe.access_log import event_of
from transcribe.consult import Action, Actor, AuditEvent, KeyPurpose, Part, Role, Status
from transcribe.errors import N_, NO_ROOM, BackupProblem, DiskFull, NotFound, TranscribeError, Unreadable
from transcribe.store import codec, tables
from transcribe.store.access_log import append_log, log_head, verify_chain
from transcribe.store.anchors import Anchor, Kept
from transcribe.store.blobs import Blobs
from transcribe.store.copying import copy_in, copy_out, rows_in
from transcribe.store.crypto import SealingWriter
from transcribe.store.database import translated
from transcribe.store.envelope import Kind, end, members, open_envelope, put, torn, write_envelope
from transcribe.store.impatient import LONG_WORK_S, impatient_engine
from transcribe.store.key_copies import (
    KEY_COLUMNS,
    LASTING_COLUMNS,
    NAME,
    PROOF_COLUMNS,
    Copy,
    KeyCopies,
    TakeOver,
    read_copy,
)
from transcribe.store.keys import MasterKey
from transcribe.store.lasting import VOICE
from transcribe.store.marked import MARK, installations, mark
from transcribe.store.migrate import knows, revision_of, upgrade
from transcribe.store.own_texts import add_text, own_texts
from transcribe.store.postgres import PostgresStore

log = logging.getLogger(__name__)

#: What a back-up leaves out: keys and where they are, and what is made again by itself.
LEFT_OUT = frozenset(
    {
        "data_key",
        "lasting_key",
        "master_key",
        "installation",
        "key_copy",
        "turn",
        "worker",
        "session",
        "login_try",
        "handover",
        "measurement",
    }
)
SAVED: tuple[Table, ...] = tuple(table for table in tables.metadata.sorted_tables if table.name not in LEFT_OUT)

#: Names of members: of the contents, of a table, of a text, of sound, and of sound that went away while it was read.
_ABOUT, _TABLE, _TEXT, _SOUND, _LAPSED = "over", "tabel/", "tekst/", "geluid/", "vervallen/"
_CHUNK = 1 << 20  # bytes

DOING_TABLES, DOING_SOUND = N_("Gegevens"), N_("Geluid")

#: Told how far it is: what is being done, how much of it is done, how much it is.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class SavedTable:
    name: str
    columns: tuple[str, ...]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a back-up says of itself."""

    taken_at: datetime
    revision: str  # of the tables
    log_seq: int  # newest row of the access log, 0 when there is none
    log_hash: str
    tables: tuple[SavedTable, ...]  # in an order in which they can be filled
    demo: bool = False  # of a demonstration: never brought back as a practice, nor the other way round
    installation: UUID | None = None  # that made it; None: an old one, which does not say so
    texts: tuple[str, ...] = ()  # ids of the practice's own, after the tables

    @property
    def consults(self) -> int:
        return next(table.rows for table in self.tables if table.name == "consult")


@dataclass(frozen=True, kw_only=True)
class Done:
    """What was saved, found whole, or brought back."""

    contents: Contents
    sounds: int
    sound_bytes: int
    soundless: tuple[UUID, ...]  # consults whose sound should be in the back-up and is not
    erased: int = 0  # consults that were erased after the back-up, and so came back as erased
    unfinished: int = 0  # recordings that were going on, of which no sound is in a back-up
    keys_at: datetime | None = None  # when the copy of the keys was written; None: an old one, which does not say so
    places: tuple[tuple[UUID, str], ...] = ()  # number and path of all copies of the keys that its writer knew


def _silent(_: str, __: int, ___: int) -> None:
    pass


# -- making one ----------------------------------------------------------------------------------------------------


def back_up(
    path: Path,
    *,
    store: PostgresStore,
    url: str,
    blobs: Blobs,
    master_key: MasterKey,
    actor: str,
    texts: Path | None = None,
    demo: bool = False,
    take_over: TakeOver | None = None,
    progress: Progress = _silent,
) -> Done:
    """Write a back-up to ``path`` and bring the copy of the keys beside it up to date, while the service runs.

    The file has its name only when both are whole and on disk. Sound that is made after the snapshot is not in it, nor
    is a recording that is going on. Sound that is gone from its place is named (``soundless``): the rest is saved.
    ``texts``: the folder with the practice's own, None for no such folder.
    ``take_over``: see ``KeyCopies.keep``. Raises ``BackupProblem`` (also for a full disk), ``DiskFull`` for
    that of the database, ``StoreUnavailable``, ``OSError``.
    """
    path = path.resolve()
    if path.name == NAME:
        raise BackupProblem(problem=f"{NAME} is de naam van de sleutelkopie. Kies een andere naam voor de back-up.")
    if not path.parent.is_dir():
        raise BackupProblem(
            problem=f"De map {path.parent} is er niet; er is geen reservekopie gemaakt. Controleer de naam en of de "
            "schijf is aangesloten."
        )
    own = own_texts(texts) if texts else {}
    copies = KeyCopies(store, url, master_key)
    try:
        with store.alone("back-up") as ours:
            if not ours:
                raise BackupProblem(problem="Er loopt al een back-up. Wacht tot die klaar is en probeer het opnieuw.")
            with write_envelope(path, Kind.BACKUP, uuid4(), master_key) as file:
                with _snapshot(url) as tx:
                    contents = _contents(tx, demo=demo, texts=tuple(own))
                    put(file, _ABOUT, [codec.encode(contents)])
                    for number, table in enumerate(contents.tables):
                        progress(DOING_TABLES, number, len(contents.tables))
                        put(file, _TABLE + table.name, copy_out(tx, table.name, table.columns))
                    progress(DOING_TABLES, len(contents.tables), len(contents.tables))
                    sounding = _sounding(tx)
                for text_id, content in own.items():
                    put(file, _TEXT + text_id, [content])
                sounds = sound_bytes = 0
                silent = set()
                for number, (consult_id, status) in enumerate(sounding.items()):
                    progress(DOING_SOUND, number, len(sounding))
                    sizes = [_put_sound(file, blobs, consult_id, name) for name in blobs.names(consult_id)]
                    saved = [size for size in sizes if size is not None]
                    sounds, sound_bytes = sounds + len(saved), sound_bytes + sum(saved)
                    if not saved and status in policy.STORED:
                        silent.add(consult_id)
                progress(DOING_SOUND, len(sounding), len(sounding))
                end(file)
                # before the back-up gets its name: there is no moment at which it is there without its keys
                copies.keep(path.parent, take_over)
            soundless = tuple(sorted(one for one in silent if not _source_destroyed(store, one)))
            detail = _counted(contents.consults) + (f", {len(soundless)} zonder geluid" if soundless else "")
            if take_over:
                detail += ", sleutelkopie overgenomen" + (f", {take_over.lost} verloren" if take_over.lost else "")
            store.log(system_event(actor, Action.BACKED_UP, detail=detail))
            copies.refresh()
    except (DiskFull, OSError) as problem:
        cause = problem.__cause__ if isinstance(problem, DiskFull) else problem
        if not isinstance(cause, OSError) or cause.errno not in NO_ROOM:
            raise  # also when it is the disk of the database that is full
        raise BackupProblem(
            problem=f"De schijf met {path.parent} is vol: er is geen nieuwe reservekopie gemaakt; een vorige met "
            "dezelfde naam is er nog. Maak daar ruimte vrij (verwijder oude reservekopieën, nooit "
            f"{NAME}) of kies een andere schijf."
        ) from problem
    finally:
        copies.close()
    return Done(contents=contents, sounds=sounds, sound_bytes=sound_bytes, soundless=soundless)


@contextmanager
def _snapshot(url: str) -> Iterator[Connection]:
    """One moment of all tables; nobody waits for us but a migration."""
    engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)
    moment = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with translated(), moment.connect() as tx:
        names = ", ".join(table.name for table in (*SAVED, tables.data_key))
        # the moment is that of the first query, and by then no migration may change the tables any more
        tx.execute(text(f"LOCK TABLE alembic_version, {names} IN ACCESS SHARE MODE"))
        yield tx


def _contents(tx: Connection, *, demo: bool, texts: tuple[str, ...]) -> Contents:
    revision = revision_of(tx)
    assert revision is not None
    seq, last = log_head(tx)
    return Contents(
        taken_at=datetime.now(UTC),
        revision=revision,
        log_seq=seq,
        log_hash=last.hex(),
        tables=tuple(
            SavedTable(
                name=table.name,
                columns=tuple(table.columns.keys()),
                rows=tx.scalar(select(func.count()).select_from(table)) or 0,
            )
            for table in SAVED
        ),
        demo=demo,
        installation=tx.execute(select(tables.installation.c.id)).scalar_one(),
        texts=texts,
    )


def _counted(consults: int) -> str:
    return "1 consult" if consults == 1 else f"{consults} consulten"


def _sounding(tx: Connection) -> dict[UUID, Status]:
    """Consults of which the sound can be read."""
    keys, consult = tables.data_key, tables.consult
    query = select(consult.c.id, consult.c.status).join(keys, keys.c.consult_id == consult.c.id)
    rows = tx.execute(query.where(keys.c.purpose == KeyPurpose.SOURCE.value))
    return {row.id: Status(row.status) for row in rows}


def _source_destroyed(store: PostgresStore, consult_id: UUID) -> bool:
    return any(proof.purpose is KeyPurpose.SOURCE for proof in store.certificates(consult_id))


def _put_sound(file: SealingWriter, blobs: Blobs, consult_id: UUID, name: str) -> int | None:
    """As it lies there, sealed; returns its bytes. What was destroyed or replaced since the snapshot is marked as such.

    None: it is not there, or not whole.
    """
    place = f"{consult_id}/{name}"
    lapsed = False

    def chunks(source: BinaryIO) -> Iterator[bytes]:
        nonlocal lapsed
        try:
            yield from iter(partial(source.read, _CHUNK), b"")
        except NotFound:
            lapsed = True

    try:
        source = blobs.open(consult_id, name)
    except NotFound:
        return None
    with source:
        size = put(file, _SOUND + place, chunks(source))
    if lapsed:
        put(file, _LAPSED + place, ())
        return None
    return size


# -- reading one ---------------------------------------------------------------------------------------------------


def verify(path: Path, keys_path: Path, *, master_key: MasterKey, progress: Progress = _silent) -> Done:
    """Read a back-up and its copy of the keys to the end, and say what is in it. Raises ``BackupProblem``, ``OSError``.

    Every byte is checked: each piece of the file is authenticated, and so is its end. So is what it needs: a key or a
    certificate for each consult, and sound where there should be (``soundless``).
    """
    copy = read_copy(keys_path, master_key)
    with _opened(path, copy.opening(master_key)) as entries:
        contents = _read_contents(entries)
        _check_age(copy, keys_path, contents)
        statuses: dict[UUID, str] = {}
        destroyed = copy.destroyed()
        for number, table in enumerate(contents.tables):
            progress(DOING_TABLES, number, len(contents.tables))
            rows = 0
            for row in rows_in(table.columns, _table(entries, table)):
                rows += 1
                if table.name == "consult":
                    statuses[UUID(row["id"].decode())] = row["status"].decode()
                elif table.name == "certificate":
                    destroyed.add((UUID(row["consult_id"].decode()), row["purpose"].decode()))
            if rows != table.rows:
                raise torn(path, Kind.BACKUP)
        progress(DOING_TABLES, len(contents.tables), len(contents.tables))
        _texts(entries, contents)
        held = copy.held() - destroyed
        settled = held | destroyed
        _check_keys(keys_path, sum(not {(one, purpose) for purpose in KeyPurpose} <= settled for one in statuses))
        sizes: dict[tuple[UUID, str], int] = {}
        for entry, chunks in entries:
            kind, place = _sound_at(entry)
            size = sum(map(len, chunks))
            if kind == _LAPSED:
                sizes.pop(place, None)
            else:
                sizes[place] = size
            progress(DOING_SOUND, len(sizes), len(sizes))
    stored = {one for one, status in statuses.items() if status in policy.STORED and (one, KeyPurpose.SOURCE) in held}
    return Done(
        contents=contents,
        sounds=len(sizes),
        sound_bytes=sum(sizes.values()),
        soundless=tuple(sorted(stored - {consult_id for consult_id, _ in sizes})),
    )


def anchor_of(path: Path, master_key: MasterKey) -> Kept:
    """How far the access log was when this back-up was made. Raises ``BackupProblem``, ``OSError``."""
    with _opened(path, master_key) as entries:
        contents = _read_contents(entries)
    anchor = Anchor(
        installation=contents.installation or UUID(int=0),
        seq=contents.log_seq,
        hash=bytes.fromhex(contents.log_hash),
        at=contents.taken_at,
    )
    return Kept(anchor=anchor, where=str(path), sealed=True)  # the file is under the master key's own seal


def restore(
    path: Path,
    keys_path: Path,
    *,
    url: str,
    blobs: Blobs,
    master_key: MasterKey,
    actor: str,
    texts: Path | None = None,
    demo: bool = False,
    progress: Progress = _silent,
    settle: Callable[[], None] = lambda: None,
) -> Done:
    """Bring a back-up into an empty database and its sound into ``blobs``, with the keys that are left today.

    All or nothing for the database: texts (into the folder ``texts``) and sound first, then ``settle`` for what must be
    there when the data are; what was stopped half-way can be done again. The mark of the sound comes after that: there
    is none of an installation that never was, and one that is missing is put there by the service. ``demo`` says what
    the target is.

    Raises ``BackupProblem`` (the target holds data, other texts, or sound of somebody else; it is of the other kind,
    the file is damaged, the copy of the keys does not belong to it), ``DiskFull``, ``StoreUnavailable``, ``OSError``.
    """
    engine = impatient_engine(url, silence_s=LONG_WORK_S, poolclass=NullPool)
    copy = read_copy(keys_path, master_key)
    master_key = copy.opening(master_key)
    with _opened(path, master_key) as entries, translated(), engine.begin() as tx:
        contents = _read_contents(entries)
        if contents.demo != demo:
            raise BackupProblem(
                problem=f"{path} is van een {_whose(contents.demo)} en wordt niet teruggezet als een {_whose(demo)}. "
                f"{'Zet TRANSCRIBE_DEMO=1' if contents.demo else 'Laat TRANSCRIBE_DEMO weg'}, of kies een andere "
                "reservekopie."
            )
        _check_age(copy, keys_path, contents)
        _prepare(tx, contents)
        ours = tx.execute(select(tables.installation.c.id)).scalar_one()
        _check_place(blobs, ours)
        for number, table in enumerate(contents.tables):
            progress(DOING_TABLES, number, len(contents.tables))
            if copy_in(tx, table.name, table.columns, _table(entries, table)) != table.rows:
                raise torn(path, Kind.BACKUP)
        progress(DOING_TABLES, len(contents.tables), len(contents.tables))
        _bring_texts(_texts(entries, contents), texts)
        upgrade(tx)
        _continue_numbers(tx)
        # an empty database that was opened once has some, and nothing that they are needed for
        tx.execute(delete(tables.lasting_key))
        tx.execute(delete(tables.master_key))
        tx.execute(insert(tables.master_key).values(id=master_key.id))
        erased = _bring_keys(tx, copy, keys_path)
        seq, last = log_head(tx)
        if verify_chain(tx, master_key) is not None or (seq, last.hex()) != (contents.log_seq, contents.log_hash):
            raise BackupProblem(
                problem=f"Het toegangslogboek in {path} klopt niet: er is een regel gewijzigd of verdwenen. "
                "Neem een andere reservekopie, en laat uitzoeken wat er met deze is gebeurd."
            )
        for place_id, place in copy.places:
            # from before: it holds keys of this database, but it is not for us to write until we are told
            row = {"id": place_id, "path": place, "log_seq": contents.log_seq, "certificates": -1, "ours": False}
            tx.execute(insert(tables.key_copy).values(**row, updated_at=func.now()))
        sounding = _sounding(tx)
        sizes = _bring_sound(entries, blobs, set(sounding), progress)
        stored = {consult_id for consult_id, status in sounding.items() if status in policy.STORED}
        for consult_id in erased:
            append_log(tx, system_event(actor, Action.ERASED, consult_id, "na de reservekopie"))
        unfinished = sorted(tx.scalars(_RECORD_AGAIN))
        tx.execute(_WARN_AGAIN)
        for consult_id in unfinished:
            append_log(tx, system_event(actor, Action.STEP_FAILED, consult_id, "opname niet in de reservekopie"))
        detail = f"{_counted(contents.consults)}, {len(erased)} gewist"
        append_log(tx, system_event(actor, Action.RESTORED, detail=detail))
        # the first that finds the sound in its place marks it: we, or the service when we are stopped just now
        tx.execute(update(tables.installation).values(marked_at=None))
        settle()
    _mark(engine, blobs, ours)
    return Done(
        contents=contents,
        sounds=len(sizes),
        sound_bytes=sum(sizes.values()),
        soundless=tuple(sorted(stored - {consult_id for consult_id, _ in sizes})),
        erased=len(erased),
        unfinished=len(unfinished),
        keys_at=copy.written_at,
        places=copy.places,
    )


def _mark(engine: Engine, blobs: Blobs, ours: UUID) -> None:
    try:
        with translated(), engine.begin() as tx:
            mark(blobs, ours)
            tx.execute(update(tables.installation).values(marked_at=func.now()))
    except (TranscribeError, OSError) as problem:  # the data are there; the service tries again
        log.warning("the place of the sound is not marked yet (%s)", type(problem).__name__)


def _whose(demo: bool) -> str:
    return "demonstratie" if demo else "echte praktijk"


Entries = Iterator[tuple[str, Iterator[bytes]]]


@contextmanager
def _opened(path: Path, master_key: MasterKey) -> Iterator[Entries]:
    try:
        _, stream = open_envelope(path, Kind.BACKUP, master_key)
    except FileNotFoundError:
        raise BackupProblem(
            problem=f"De reservekopie {path} is er niet. Controleer de naam en of de schijf is aangesloten."
        ) from None
    with stream:
        try:
            yield members(stream)
        except Unreadable:
            raise torn(path, Kind.BACKUP) from None


def _read_contents(entries: Entries) -> Contents:
    contents = codec.decode(Contents, _member(entries, _ABOUT))
    if not knows(contents.revision):
        raise BackupProblem(
            problem="Deze reservekopie is gemaakt door een nieuwere versie van transcribe. Installeer eerst die versie."
        )
    return contents


def _check_age(copy: Copy, keys_path: Path, contents: Contents) -> None:
    """Only within one installation: one that was restored counts on from a row of the log that the other passed."""
    if contents.installation in (None, copy.installation) and copy.log_seq < contents.log_seq:
        raise BackupProblem(
            problem=f"De sleutelkopie {keys_path} is ouder dan de reservekopie en hoort er niet bij. Neem de "
            f"{NAME} uit de map waarin de reservekopie is gemaakt (--keys)."
        )


def _check_place(blobs: Blobs, ours: UUID) -> None:
    """Two installations with the same consults in one place would erase each other's sound."""
    other = next((found for found in installations(blobs) if found != ours), None)
    if other is not None:
        raise BackupProblem(
            problem=f"Op de plaats voor het geluid staat het merk van een andere installatie ({other}/{MARK}). Loopt "
            "die nog, kies dan een andere, lege plaats (--blob-store): anders wist de een het geluid van de ander. Is "
            "zij er niet meer, verwijder dan eerst dat merk."
        )


def _member(entries: Entries, wanted: str) -> bytes:
    name, chunks = next(entries, ("", iter(())))
    if name != wanted:
        raise Unreadable
    return b"".join(chunks)


def _table(entries: Entries, table: SavedTable) -> Iterable[bytes]:
    name, chunks = next(entries, ("", iter(())))
    if name != _TABLE + table.name:
        raise Unreadable
    return chunks


def _texts(entries: Entries, contents: Contents) -> list[bytes]:
    return [_member(entries, _TEXT + text_id) for text_id in contents.texts]


def _bring_texts(own: list[bytes], folder: Path | None) -> None:
    if folder is None:
        return
    try:
        for content in own:
            Texts(folder).check_new(content)
        for content in own:
            add_text(folder, content)
    except TextProblem as problem:
        raise BackupProblem(
            problem=f"In {folder} staat een tekst met de id van een tekst uit de reservekopie, en met andere woorden. "
            "Zet terug in een lege gegevensmap."
        ) from problem


def _prepare(tx: Connection, contents: Contents) -> None:
    """Tables of the back-up's revision, empty, and nobody else in them."""
    found = revision_of(tx)
    if found is None:
        upgrade(tx, contents.revision)
    names = "consult, access_log"
    tx.execute(text(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE"))
    if any(tx.scalar(text(f"SELECT EXISTS (SELECT FROM {name})")) for name in names.split(", ")):  # noqa: S608
        raise BackupProblem(
            problem="Hier staan al gegevens; terugzetten gaat alleen in een lege gegevensmap of een lege database. "
            "Heeft u hier zojuist teruggezet, dan is dat af: start de dienst (transcribe serve). Kies anders een "
            "andere map of database (--data-dir, --database-url)."
        )
    # who began a set-up here is nobody any more; people come with the back-up
    for table in {tables.account.name, tables.practice.name} & {saved.name for saved in contents.tables}:
        tx.execute(text(f"DELETE FROM {table}"))  # noqa: S608
    if found not in (None, contents.revision):
        raise BackupProblem(
            problem="Deze database is al door een andere versie van transcribe gebruikt dan die van de reservekopie. "
            "Kies een nieuwe map of een nieuwe database (--data-dir, --database-url)."
        )


def _bring_keys(tx: Connection, copy: Copy, keys_path: Path) -> list[UUID]:
    """The keys that are left; the certificates of the others. Returns the consults that were erased since."""
    for table, columns, rows in (("data_key", KEY_COLUMNS, copy.keys), ("certificate", PROOF_COLUMNS, copy.proofs)):
        listed = ", ".join(columns)
        tx.execute(text(f"CREATE TEMP TABLE copied_{table} ON COMMIT DROP AS SELECT {listed} FROM {table} LIMIT 0"))  # noqa: S608
        copy_in(tx, f"copied_{table}", columns, [rows])
    copy_in(tx, "lasting_key", LASTING_COLUMNS, [copy.lasting])
    erased = sorted(set(tx.scalars(_ADD_PROOFS)))
    tx.execute(_ADD_KEYS)  # but for what was destroyed, whoever says so
    _check_keys(keys_path, tx.scalar(_WITHOUT_KEY_OR_PROOF) or 0)
    for statement in (*_WITHOUT_KEY, *_VOICES):
        tx.execute(statement)
    if erased:
        tx.execute(_ERASED, {"erased": erased})
    return erased


def _check_keys(keys_path: Path, missing: int) -> None:
    if missing:
        raise BackupProblem(
            problem=f"Van {missing} consulten staat in {keys_path} geen sleutel en ook geen vernietigingsbewijs: deze "
            "sleutelkopie hoort niet bij deze reservekopie. Wijs de goede aan met --keys."
        )


_ADD_KEYS = text("""
    INSERT INTO data_key (consult_id, purpose, master, wrapped)
    SELECT consult_id, purpose, master, wrapped FROM copied_data_key AS copied JOIN consult ON consult.id = consult_id
     WHERE NOT EXISTS (SELECT FROM certificate c WHERE c.consult_id = consult.id AND c.purpose = copied.purpose)
""")
_ADD_PROOFS = text("""
    INSERT INTO certificate (id, consult_id, purpose, why, destroyed_at)
    SELECT copied.id, consult_id, purpose, why, destroyed_at
      FROM copied_certificate AS copied JOIN consult ON consult.id = consult_id
     WHERE NOT EXISTS (SELECT FROM certificate c WHERE c.consult_id = consult.id AND c.purpose = copied.purpose)
     ORDER BY destroyed_at, copied.id
    RETURNING consult_id
""")
_WITHOUT_KEY_OR_PROOF = text(f"""
    SELECT count(DISTINCT consult.id)
      FROM consult CROSS JOIN (VALUES {", ".join(f"('{purpose.value}')" for purpose in KeyPurpose)}) AS own (purpose)
     WHERE NOT EXISTS (SELECT FROM data_key k WHERE k.consult_id = consult.id AND k.purpose = own.purpose)
       AND NOT EXISTS (SELECT FROM certificate c WHERE c.consult_id = consult.id AND c.purpose = own.purpose)
""")  # noqa: S608
_WITHOUT_KEY = (
    text("""
        UPDATE content SET blob = NULL WHERE blob IS NOT NULL AND NOT EXISTS
            (SELECT FROM data_key k WHERE k.consult_id = content.consult_id AND k.purpose = content.purpose)
    """),
    text(f"""
        DELETE FROM piece WHERE NOT EXISTS
            (SELECT FROM data_key k WHERE k.consult_id = piece.consult_id AND k.purpose = '{KeyPurpose.SOURCE.value}')
    """),  # noqa: S608
    text(f"""
        UPDATE consult SET patient_sealed = NULL WHERE patient_sealed IS NOT NULL AND NOT EXISTS
            (SELECT FROM data_key k WHERE k.consult_id = consult.id AND k.purpose = '{KeyPurpose.RECORD.value}')
    """),  # noqa: S608
)
# removed since, and so nobody can read it; or made since, and so it is not there
_VOICES = (
    text(f"""
        DELETE FROM voice_profile AS v WHERE sealed IS NULL OR NOT EXISTS
            (SELECT FROM lasting_key k WHERE k.name = '{VOICE}' || v.id)
    """),  # noqa: S608
    text(f"""
        DELETE FROM lasting_key AS k WHERE name LIKE '{VOICE}%' AND NOT EXISTS
            (SELECT FROM voice_profile v WHERE k.name = '{VOICE}' || v.id)
    """),  # noqa: S608
)
_ERASED = text(f"""
    UPDATE consult SET status = '{Status.ERASED.value}', part = '{Part.DONE.value}', reason = NULL,
           waits_for = '', passed_by = '', changed_at = now(), version = version + 1
     WHERE id = ANY(:erased)
""")  # noqa: S608

# the sound of a recording that is going on is on the machine that takes it in, and in no back-up
_RECORD_AGAIN = text(f"""
    UPDATE consult SET status = '{Status.CONSENTED.value}', part = '{Part.BUSY.value}', reason = NULL,
           channels = '{{}}', changed_at = now(), version = version + 1
     WHERE status IN ('{Status.RECORDING.value}', '{Status.PAUSED.value}')
    RETURNING id
""")  # noqa: S608


# people who were warned before the back-up could not act on it since: they are warned anew, three days ahead
_WARN_AGAIN = text("UPDATE consult SET expires_at = NULL")


def _continue_numbers(tx: Connection) -> None:
    """Numbers that the database gives out go on after those that were brought in."""
    for table in SAVED:
        for column in table.columns:
            if column.identity is not None:
                newest = select(func.max(column))
                sequence = func.pg_get_serial_sequence(table.name, column.name)
                tx.execute(select(func.setval(sequence, newest.scalar_subquery())).where(newest.exists()))


def _sound_at(entry: str) -> tuple[str, tuple[UUID, str]]:
    """Of the name of a member: ``_SOUND`` or ``_LAPSED``, and the consult and name of the sound."""
    kind, consult, name = entry.split("/")
    return f"{kind}/", (UUID(consult), name)


def _bring_sound(entries: Entries, blobs: Blobs, wanted: set[UUID], progress: Progress) -> dict[tuple[UUID, str], int]:
    """Bytes of each that is there now."""
    sizes: dict[tuple[UUID, str], int] = {}
    for entry, chunks in entries:
        kind, (consult_id, name) = _sound_at(entry)
        if consult_id not in wanted:
            continue
        if kind == _LAPSED:
            blobs.delete(consult_id, name)
            sizes.pop((consult_id, name), None)
            continue
        size = 0
        with blobs.write(consult_id, name) as sink:
            for chunk in chunks:
                sink.write(chunk)
                size += len(chunk)
        sizes[consult_id, name] = size
        progress(DOING_SOUND, len(sizes), len(sizes))
    return sizes


def system_event(actor: str, action: Action, consult_id: UUID | None = None, detail: str = "") -> AuditEvent:
    """Of an administrator at the command line: a name, and the role of the machine itself."""
    return event_of(Actor(name=actor, role=Role.SYSTEEM), action, datetime.now(UTC), consult_id, detail)
