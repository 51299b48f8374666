"""The master key is replaced: all reads as before, the old key opens nothing new, and it may be killed at any step."""

from __future__ import annotations

import ast
import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

import transcribe
from transcribe.accounts import Account, State
from transcribe.consult import (
    Action,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    KeyPurpose,
    Role,
    Search,
    Status,
)
from transcribe.errors import BackupProblem, Erased, SetupProblem, Unreadable
from transcribe.keeper import Keeper
from transcribe.settings import Settings
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.speakers.profile import Enrolled, Profile
from transcribe.store import tables
from transcribe.store.accounts import PostgresAccounts
from transcribe.store.backup import back_up, restore, verify
from transcribe.store.blobs import FolderBlobs
from transcribe.store.crypto import new_key
from transcribe.store.envelope import Kind, read_label
from transcribe.store.key_copies import NAME, KeyCopies, read_copy
from transcribe.store.key_places import NEXT_VARIABLE, VARIABLE, place_of
from transcribe.store.keys import MasterKey, load_master_key
from transcribe.store.lasting import LastingKeys, Use
from transcribe.store.postgres import PostgresStore
from transcribe.store.preferences import PostgresPreferences
from transcribe.store.rotation import REWRAPPED, STEPS, Rotated, forget_old, rotate
from transcribe.store.sound import SealedAudioStore
from transcribe.store.voice_profiles import PostgresVoiceProfiles
from transcribe.testing import MemorySpool
from transcribe.writer import Writer

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
NOTE = Note(reports=(Report(id="R1", lines=(Line(id="L1", section=Section.S, text="Keelpijn sinds 3 dagen."),)),))
SOUND = b"\x01\x02" * 40_000


@dataclass(frozen=True, kw_only=True)
class Practice:
    """An installation with its master key in a file."""

    url: str
    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.folder, database_url=self.url)

    def key(self) -> MasterKey:
        return load_master_key(self.settings, make=False)

    @contextmanager
    def running(self) -> Iterator[PostgresStore]:
        with closing(PostgresStore(self.url, self.key())) as store:
            yield store

    @property
    def blobs(self) -> FolderBlobs:
        return FolderBlobs(self.folder / "audio")

    def rotate(self, doing=lambda _: None) -> Rotated:
        return rotate(self.url, place_of(self.settings), actor="beheerder", doing=doing)

    def backup(self, path: Path) -> None:
        with self.running() as store:
            key = store.master_key
            back_up(path, store=store, url=self.url, blobs=self.blobs, master_key=key, actor="beheerder")

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with create_engine(self.url, poolclass=NullPool).begin() as connection:
            done = connection.execute(text(statement))
            return [tuple(row) for row in done] if done.returns_rows else []

    def keys(self) -> int:
        """Rows that a rotation has to wrap anew."""
        return sum(len(self.query(f"SELECT 1 FROM {table.name}")) for table in REWRAPPED)


def event(consult_id: UUID) -> AuditEvent:
    return AuditEvent(at=NOW, actor="Jansen", role=Role.HUISARTS, action=Action.CONSULT_CREATED, consult_id=consult_id)


def add(store: PostgresStore, blobs: FolderBlobs, number: int = 1) -> Consult:
    new = Consult(
        id=uuid4(),
        patient_ref=f"P-{number}",
        status=Status.DRAFTED,
        created_at=NOW,
        changed_at=NOW,
        version=1,
        upload="upload",
    )
    store.apply(Change(consult=new, audit=event(new.id), note=NOTE))
    SealedAudioStore(blobs).write(new.id, "upload", store.data_key(new.id, KeyPurpose.SOURCE), [SOUND])
    return new


def erase(store: PostgresStore, consult: Consult) -> tuple[Certificate, ...]:
    proofs = tuple(
        Certificate(id=uuid4(), consult_id=consult.id, purpose=one, why="intrekking", destroyed_at=NOW)
        for one in KeyPurpose
    )
    gone = replace(consult, version=consult.version + 1, status=Status.WITHDRAWN, patient_ref="")
    store.apply(Change(consult=gone, audit=event(consult.id), destroy=proofs))
    return proofs


def keeper(store: PostgresStore, blobs: FolderBlobs, copies: KeyCopies) -> Keeper:
    audio = SealedAudioStore(blobs)
    return Keeper(
        store=store,
        audio=audio,
        spool=MemorySpool(),
        writer=Writer(store),
        forget_keys=copies.forget,
        scrub=store.scrub,
    )


def reads(store: PostgresStore, blobs: FolderBlobs, consult: Consult) -> bool:
    """All of it: the reference, the note, the sound; found by its reference."""
    found = store.search(Search(patient_ref=consult.patient_ref))
    key = store.data_key(consult.id, KeyPurpose.SOURCE)
    with SealedAudioStore(blobs).open(consult.id, "upload", key) as file:
        sound = file.read()
    return [one.id for one in found] == [consult.id] and store.note(consult.id) == (1, NOTE) and sound == SOUND


@pytest.fixture
def here(postgres_url: str, tmp_path: Path) -> Practice:
    practice = Practice(url=postgres_url, folder=tmp_path / "praktijk")
    load_master_key(practice.settings)
    return practice


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "schijf"
    folder.mkdir()
    return folder


def test_all_reads_as_before_and_the_old_key_opens_nothing_new(here: Practice) -> None:
    with here.running() as store:
        consults = [add(store, here.blobs, number) for number in range(3)]
        lasting = store.lasting
    old, before = here.key(), here.keys()
    done = here.rotate()
    assert (done.before, done.after, done.keys) == (old.id, here.key().id, before)
    assert done.after != done.before
    with here.running() as store:
        assert all(reads(store, here.blobs, consult) for consult in consults)
        assert store.lasting == lasting, "pseudonyms and fingerprints find back what was there"
        assert store.events()[-1].action is Action.MASTER_KEY_REPLACED
        assert store.verify_log() is None
        consults.append(add(store, here.blobs, 9))
        assert reads(store, here.blobs, consults[-1])
    wrapped = here.query("SELECT consult_id, purpose, wrapped FROM data_key")
    assert len(wrapped) == 8
    for consult_id, purpose, blob in wrapped:
        with pytest.raises(Unreadable):
            old.unwrap(bytes(blob), f"{consult_id}/{purpose}")  # type: ignore[call-overload]
    for name, blob in here.query("SELECT name, wrapped FROM lasting_key"):
        with pytest.raises(Unreadable):
            old.unwrap(bytes(blob), f"lasting/{name}")  # type: ignore[call-overload]
    with pytest.raises(SetupProblem, match="hoort niet bij deze database"):
        PostgresStore(here.url, old)
    again = here.rotate()
    assert again.before == done.after
    with here.running() as store:
        assert all(reads(store, here.blobs, consult) for consult in consults)


def test_more_keys_than_fit_in_one_piece(here: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcribe.store.rotation._AT_ONCE", 3)
    with here.running() as store:
        consults = [add(store, here.blobs, number) for number in range(5)]
    assert here.rotate().keys == 10 + len(here.query("SELECT 1 FROM lasting_key")) - 1
    with here.running() as store:
        assert all(reads(store, here.blobs, consult) for consult in consults)


_CHILD = """
import os, signal, sys
from pathlib import Path
from transcribe.settings import Settings
from transcribe.store.key_places import place_of
from transcribe.store.rotation import rotate

url, folder, step = sys.argv[1:]
def doing(now):
    if now == step:
        os.kill(os.getpid(), signal.SIGKILL)
rotate(url, place_of(Settings(data_dir=Path(folder), database_url=url)), actor="beheerder", doing=doing)
"""


@pytest.mark.parametrize("step", STEPS)
def test_it_is_killed_at_each_step_and_nothing_is_lost(here: Practice, step: str) -> None:
    with here.running() as store:
        consult = add(store, here.blobs)
    old = here.key()
    command = [sys.executable, "-c", _CHILD, here.url, str(here.folder), step]
    assert subprocess.run(command, check=False, timeout=120).returncode == -signal.SIGKILL

    # what a service finds that is started now: all, or what to do
    try:
        with here.running() as store:
            assert reads(store, here.blobs, consult)
            committed = here.key().id != old.id
    except SetupProblem as told:
        assert "transcribe keys rotate" in str(told)  # noqa: PT017
        committed = True

    done = here.rotate()
    assert done.after == here.key().id != old.id
    assert (done.keys == 0) == (committed and step != STEPS[-1])
    with here.running() as store:
        assert reads(store, here.blobs, consult)
        replaced = [one for one in store.events() if one.action is Action.MASTER_KEY_REPLACED]
        assert len(replaced) == (2 if step == STEPS[-1] else 1), "after the last step it is another rotation"
    assert [path.name for path in (here.folder / "keys").iterdir()] == ["master.key"]


def test_not_while_the_service_runs(here: Practice) -> None:
    with here.running() as store:
        consult = add(store, here.blobs)
        with pytest.raises(SetupProblem, match="de dienst loopt nog"):
            here.rotate()
        assert reads(store, here.blobs, consult)
    assert [path.name for path in (here.folder / "keys").iterdir()] == ["master.key"]
    here.rotate()


def test_a_process_that_was_overlooked_writes_nothing_with_the_old_key(here: Practice, disk: Path) -> None:
    """It slept while the key was replaced, without a session that we could see."""
    here.backup(disk / "een.backup")
    with here.running() as asleep, closing(KeyCopies(asleep, here.url, asleep.master_key)) as copies:
        consult = add(asleep, here.blobs)
        asleep.close()
        here.rotate()
        with pytest.raises(SetupProblem, match="Herstart de dienst"):
            add(asleep, here.blobs, 2)
        with pytest.raises(Unreadable):
            asleep.note(consult.id)
        with pytest.raises(SetupProblem, match="keys rotate"):
            asleep.check_master_key()
        before = (disk / NAME).read_bytes()
        copies.refresh()
        assert (disk / NAME).read_bytes() == before, "a copy that neither key opens is never written"
    with here.running() as store:
        assert reads(store, here.blobs, consult)


def test_a_damaged_key_stops_it_before_anything_changed(here: Practice) -> None:
    with here.running() as store:
        good, bad = add(store, here.blobs, 1), add(store, here.blobs, 2)
    here.query(f"UPDATE data_key SET wrapped = '\\x00' WHERE consult_id = '{bad.id}' AND purpose = 'bron'")
    old = here.key()
    with pytest.raises(SetupProblem, match=str(bad.id)):
        here.rotate()
    assert here.key() == old
    with here.running() as store:
        assert reads(store, here.blobs, good)


def test_the_key_of_another_database_is_refused(here: Practice) -> None:
    with here.running() as store:
        add(store, here.blobs)
    (here.folder / "keys" / "master.key").write_bytes(base64.b64encode(new_key()))
    with pytest.raises(SetupProblem, match="hoort niet bij deze database"):
        here.rotate()
    assert not (here.folder / "keys" / "master.key.nieuw").exists()


def test_from_the_environment_the_administrator_gives_the_next_key(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, following = (base64.b64encode(new_key()).decode() for _ in range(2))
    settings = Settings(data_dir=tmp_path, database_url=postgres_url, master_key="env")
    monkeypatch.setenv(VARIABLE, first)
    with closing(PostgresStore(postgres_url, load_master_key(settings))) as store:
        consult = add(store, FolderBlobs(tmp_path / "audio"))
    with pytest.raises(SetupProblem, match=NEXT_VARIABLE):
        rotate(postgres_url, place_of(settings), actor="b")
    monkeypatch.setenv(NEXT_VARIABLE, following)
    assert rotate(postgres_url, place_of(settings), actor="b").keys > 0
    assert rotate(postgres_url, place_of(settings), actor="b").keys == 0, "until the variable is the new one"
    with pytest.raises(SetupProblem, match="hoort niet bij"):
        PostgresStore(postgres_url, load_master_key(settings))
    monkeypatch.setenv(VARIABLE, following)
    with closing(PostgresStore(postgres_url, load_master_key(settings))) as store:
        assert reads(store, FolderBlobs(tmp_path / "audio"), consult)


# -- what lies outside the database --------------------------------------------------------------------------------


def test_a_backup_of_before_is_brought_back_with_the_new_key(
    here: Practice, disk: Path, postgres_server, tmp_path
) -> None:
    with here.running() as store:
        kept, gone = add(store, here.blobs, 1), add(store, here.blobs, 2)
    here.backup(disk / "oud.backup")
    old = here.key()
    here.rotate()
    with here.running() as store, closing(KeyCopies(store, here.url, store.master_key)) as copies:
        copies.refresh()
        assert copies.behind() == []
        erase(store, gone)
        assert keeper(store, here.blobs, copies).clear() == 2
    assert read_label(disk / NAME, Kind.KEYS).master == here.key().id
    with pytest.raises(BackupProblem, match="andere hoofdsleutel"):
        read_copy(disk / NAME, old)
    assert verify(disk / "oud.backup", disk / NAME, master_key=here.key()).contents.consults == 2
    with ExitStack() as stack:
        there = Practice(url=stack.enter_context(postgres_server("").database()), folder=tmp_path / "elders")
        place_of(there.settings).keep_first(base64.b64decode((here.folder / "keys/master.key").read_bytes()))
        key = there.key()
        done = restore(disk / "oud.backup", disk / NAME, url=there.url, blobs=there.blobs, master_key=key, actor="b")
        assert done.erased == 1
        with there.running() as store:
            assert reads(store, there.blobs, kept)
            assert store.search(Search(patient_ref=gone.patient_ref))[0].status is Status.ERASED
            with pytest.raises(Erased):
                store.data_key(gone.id, KeyPurpose.SOURCE)
        there.rotate()
        with there.running() as store:
            assert reads(store, there.blobs, kept)


def test_a_disk_that_was_in_the_cupboard_is_brought_up_to_date(here: Practice, disk: Path) -> None:
    with here.running() as store:
        consult = add(store, here.blobs)
    here.backup(disk / "een.backup")
    cupboard = disk.rename(disk.with_name("kast"))
    here.rotate()
    with here.running() as store, closing(KeyCopies(store, here.url, store.master_key)) as copies:
        copies.refresh()
        assert [place.path.parent for place in copies.behind()] == [disk]
        erase(store, consult)
        assert keeper(store, here.blobs, copies).clear() == 0, "its key is still in the cupboard"
        cupboard.rename(disk)
        assert read_label(disk / NAME, Kind.KEYS).master != here.key().id
        assert keeper(store, here.blobs, copies).clear() == 2
        assert copies.behind() == []
    assert read_copy(disk / NAME, here.key()).held() == set()


def test_old_keys_are_forgotten_when_asked(here: Practice, disk: Path) -> None:
    with here.running() as store:
        consult = add(store, here.blobs)
    here.backup(disk / "oud.backup")
    here.rotate()
    here.backup(disk / "nieuw.backup")
    assert forget_old(here.url, actor="beheerder") == 1
    assert forget_old(here.url, actor="beheerder") == 0
    with here.running() as store, closing(KeyCopies(store, here.url, store.master_key)) as copies:
        copies.refresh()
        assert reads(store, here.blobs, consult)
        assert store.events()[-1].action is Action.OLD_KEYS_FORGOTTEN
    key = here.key()
    with pytest.raises(BackupProblem, match="andere hoofdsleutel"):
        verify(disk / "oud.backup", disk / NAME, master_key=key)
    assert verify(disk / "nieuw.backup", disk / NAME, master_key=key).contents.consults == 1


# -- what must not be forgotten ------------------------------------------------------------------------------------


def test_keys_that_worked_before_there_were_lasting_ones_go_on(here: Practice) -> None:
    """A practice of the first version: pseudonyms and fingerprints were derived from the master key itself."""
    with here.running() as store:
        consult = add(store, here.blobs)
    key = here.key()
    first = LastingKeys(_keys={use: key.derived(use) for use in (Use.PSEUDONYMS, Use.WORDS)})
    here.query("DELETE FROM lasting_key")
    pseudonym = first.pseudonym(consult.patient_ref).hex()
    here.query(f"UPDATE consult SET patient_pseudonym = '\\x{pseudonym}'")
    here.rotate()  # before any service of this version was started
    with here.running() as store:
        assert [one.id for one in store.search(Search(patient_ref=consult.patient_ref))] == [consult.id]
        assert store.lasting.fingerprint("woord") == first.fingerprint("woord")


def test_the_database_refuses_a_key_of_another_master_key(here: Practice) -> None:
    with here.running() as store:
        consult = add(store, here.blobs)
    with pytest.raises(DBAPIError, match="data_key_master_fkey"):
        here.query(f"UPDATE data_key SET master = 'ander' WHERE consult_id = '{consult.id}'")
    with pytest.raises(DBAPIError, match="master_key"):
        here.query("INSERT INTO master_key (id) VALUES ('ander')")


def test_every_table_with_wrapped_keys_is_in_a_rotation() -> None:
    """So that a key that is wrapped by the master key can't be forgotten."""
    pointing = {
        table
        for table in tables.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table is tables.master_key
    }
    assert pointing == set(REWRAPPED)
    for table, (names, _) in REWRAPPED.items():
        assert {"master", "wrapped", *names} == set(table.columns.keys())


def test_nothing_else_is_sealed_with_the_master_key() -> None:
    """Whoever needs a key takes a lasting one (``lasting.Use``): a rotation then has nothing to find."""
    root = Path(transcribe.__path__[0])
    wrapping = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wrap"
    }
    assert wrapping == {"store/postgres.py", "store/lasting.py", "store/rotation.py", "store/envelope.py"}


def test_words_are_recognised_after_a_rotation(here: Practice) -> None:
    with here.running() as store, PostgresPreferences(here.url, hashed=store.lasting.fingerprint) as preferences:
        preferences.noticed("Jansen", "hoofdpijn", "cefalgie", uuid4())
    here.rotate()
    with here.running() as store, PostgresPreferences(here.url, hashed=store.lasting.fingerprint) as preferences:
        preferences.noticed("Jansen", "hoofdpijn", "cefalgie", uuid4())
        assert [rule.written for rule in preferences.rules("Jansen")] == ["cefalgie"]


def test_second_steps_and_known_browsers_outlive_a_rotation(here: Practice) -> None:
    account = Account(
        id=uuid4(),
        practice="",
        login="jansen",
        name="Jansen",
        role=Role.HUISARTS,
        manages=True,
        state=State.ACTIVE,
        version=1,
        secret=b"12345678901234567890",
    )
    with here.running() as store, PostgresAccounts(here.url, store.lasting) as accounts:
        accounts.add(account)
        mark = store.lasting.mark("browser")
    here.rotate()
    with here.running() as store, PostgresAccounts(here.url, store.lasting) as accounts:
        assert accounts.find(account.id) == account
        assert store.lasting.mark("browser") == mark


def test_voices_outlive_a_rotation(here: Practice) -> None:
    voice = Enrolled(profile=Profile(mean=(0.5,) * 15, voiced_s=31.0), agreed_at=NOW, text="1")
    with here.running() as store, PostgresVoiceProfiles(here.url, store.master_key) as voices:
        voices.keep("Jansen", voice, event(uuid4()))
    here.rotate()
    with here.running() as store, PostgresVoiceProfiles(here.url, store.master_key) as voices:
        assert voices.find("Jansen") == voice


def test_a_key_that_others_can_read_is_refused(here: Practice) -> None:
    (here.folder / "keys" / "master.key").chmod(0o644 if os.name == "posix" else 0o600)
    with pytest.raises(SetupProblem, match="chmod 600"):
        here.rotate()
