"""Back-up and restore, and what an erasure does to both. What is saved on PostgreSQL 15 comes back on 18."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from consent import Texts
from transcribe.accounts import Account, State
from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.audio.pcm import Decoded
from transcribe.consult import (
    Action,
    Approval,
    AuditEvent,
    Certificate,
    Change,
    Consult,
    KeyPurpose,
    Part,
    Role,
    Search,
    Status,
)
from transcribe.errors import BackupProblem, Erased, NotFound
from transcribe.keeper import Keeper
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.speakers.profile import Enrolled, Profile
from transcribe.store import backup as backup_module
from transcribe.store.accounts import PostgresAccounts
from transcribe.store.backup import SAVED, Done, back_up, restore, verify
from transcribe.store.blobs import BlobsUnavailable, FolderBlobs
from transcribe.store.crypto import Sink
from transcribe.store.envelope import Kind, members, open_envelope
from transcribe.store.key_copies import NAME, KeyCopies, TakeOver, read_copy
from transcribe.store.keys import MasterKey
from transcribe.store.marked import mark
from transcribe.store.own_texts import add_text, own_texts
from transcribe.store.postgres import PostgresStore
from transcribe.store.sound import SealedAudioStore
from transcribe.store.voice_profiles import PostgresVoiceProfiles
from transcribe.testing import MemorySpool
from transcribe.writer import Writer

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
MASTER = MasterKey.of(bytes(range(32)))
SOUND = b"\x01\x02" * 100_000
NOTE = Note(reports=(Report(id="R1", lines=(Line(id="L1", section=Section.S, text="Keelpijn sinds 3 dagen."),)),))
TRANSCRIPT = Transcript(utterances=(Utterance(speaker=Speaker.PATIENT, start_s=0, end_s=1, text="Ik heb keelpijn."),))
DECODED = Decoded(duration_s=1, channels=1, missing=())
OWN_TEXT = """---
id: mondeling-linde-2026-12
version: 2026-12
language: nl
kind: mondeling
---
Wij nemen het gesprek op. Vindt u dat goed?
"""
DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


@dataclass(frozen=True, kw_only=True)
class Practice:
    """An installation: database and sound."""

    url: str
    folder: Path
    store: PostgresStore
    blobs: FolderBlobs
    audio: SealedAudioStore

    def consult(self, number: int = 1, status: Status = Status.DRAFTED, practice: str = "") -> Consult:
        """With sound, transcript and note."""
        new = Consult(
            id=uuid4(),
            patient_ref=f"P-{number}",
            status=status,
            created_at=NOW,
            changed_at=NOW,
            version=1,
            upload="upload",
            practice=practice,
        )
        self.store.apply(Change(consult=new, audit=event(new.id), transcript=TRANSCRIPT, note=NOTE))
        self.audio.write(new.id, "upload", self.store.data_key(new.id, KeyPurpose.SOURCE), [SOUND])
        new = replace(new, version=2)
        self.store.apply(Change(consult=new, audit=event(new.id), decoded=DECODED))
        return new

    def erase(self, consult: Consult, *purposes: KeyPurpose, status: Status = Status.WITHDRAWN) -> list[Certificate]:
        proofs = tuple(
            Certificate(id=uuid4(), consult_id=consult.id, purpose=one, why="intrekking", destroyed_at=NOW)
            for one in purposes or KeyPurpose
        )
        gone = replace(consult, version=consult.version + 1, status=status, patient_ref="")
        self.store.apply(Change(consult=gone, audit=event(consult.id), destroy=proofs))
        return list(proofs)

    def keeper(self, copies: KeyCopies) -> Keeper:
        return Keeper(
            store=self.store,
            audio=self.audio,
            spool=MemorySpool(),
            writer=Writer(self.store),
            forget_keys=copies.forget,
            forget_voices=partial(copies.forget_voices, self.store.scrub),
        )

    @contextmanager
    def voices(self) -> Iterator[PostgresVoiceProfiles]:
        with PostgresVoiceProfiles(self.url, MASTER) as found:
            yield found

    def backup(
        self, path: Path, *, demo: bool = False, take_over: bool = False, lost: int = 0, erased: int = 0
    ) -> Done:
        return back_up(
            path,
            store=self.store,
            url=self.url,
            blobs=self.blobs,
            master_key=MASTER,
            actor="beheerder",
            texts=self.folder / "consent-texts",
            demo=demo,
            take_over=TakeOver(actor="beheerder", lost=lost, erased=erased) if take_over else None,
        )

    def restore(self, path: Path, keys: Path | None = None, *, demo: bool = False) -> Done:
        return restore(
            path,
            keys or path.with_name(NAME),
            url=self.url,
            blobs=self.blobs,
            master_key=MASTER,
            actor="beheerder",
            texts=self.folder / "consent-texts",
            demo=demo,
        )

    @contextmanager
    def copies(self) -> Iterator[KeyCopies]:
        found = KeyCopies(self.store, self.url, MASTER, patience_s=1)
        yield found
        found.close()

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with create_engine(self.url, poolclass=NullPool).begin() as connection:
            found = connection.execute(text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []


def event(consult_id: UUID | None = None) -> AuditEvent:
    return AuditEvent(at=NOW, actor="Jansen", role=Role.HUISARTS, action=Action.NOTE_VIEWED, consult_id=consult_id)


def practice(url: str, folder: Path) -> Practice:
    folder.mkdir()
    blobs = FolderBlobs(folder / "audio")
    found = Practice(
        url=url, folder=folder, store=PostgresStore(url, MASTER), blobs=blobs, audio=SealedAudioStore(blobs)
    )
    found.query(f"UPDATE installation SET id = '{uuid4()}'")  # those of the tests come from one template
    return found


@pytest.fixture(params=["postgresql 18 (wheel)", "postgresql 15 (debian)"])
def server(request: pytest.FixtureRequest, postgres_server: Callable[[str], object]) -> object:
    if "debian" not in request.param:
        return postgres_server("")
    if not DEBIAN_15.is_dir():
        pytest.skip("Debian's PostgreSQL 15 is not installed (apt install postgresql-15)")
    return postgres_server(str(DEBIAN_15))


@pytest.fixture
def here(server: object, tmp_path: Path) -> Iterator[Practice]:
    with server.database() as url:  # type: ignore[attr-defined]
        found = practice(url, tmp_path / "praktijk")
        yield found
        found.store.close()


@pytest.fixture
def there(postgres_url: str, tmp_path: Path) -> Iterator[Practice]:
    """An empty installation, to restore to."""
    found = practice(postgres_url, tmp_path / "nieuw")
    yield found
    found.store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "schijf"
    folder.mkdir()
    return folder


# -- an erased consult stays erased --------------------------------------------------------------------------------


def test_what_was_erased_after_the_backup_stays_erased(here: Practice, there: Practice, disk: Path) -> None:
    erased, kept, before = here.consult(1), here.consult(2), here.consult(3)
    here.erase(before)
    here.backup(disk / "maandag.backup")
    here.erase(erased)
    with here.copies() as copies:
        assert here.keeper(copies).clear() == 4
    assert all(proof.cleared_at for proof in here.store.certificates(erased.id))

    done = there.restore(disk / "maandag.backup")

    assert (done.contents.consults, done.erased) == (3, 1)
    assert there.store.consult(before.id).status is Status.WITHDRAWN
    assert len(there.store.certificates(before.id)) == 2
    for read in (there.store.transcript, there.store.note):
        with pytest.raises(Erased):
            read(erased.id)
    for purpose in KeyPurpose:
        with pytest.raises(Erased):
            there.store.data_key(erased.id, purpose)
    with pytest.raises(NotFound):
        there.blobs.open(erased.id, "upload")
    assert there.store.kept(erased.id).decoded is None
    back = there.store.consult(erased.id)
    assert (back.status, back.patient_ref) == (Status.ERASED, "")
    proofs = {proof.purpose: proof for proof in there.store.certificates(erased.id)}
    assert set(proofs) == set(KeyPurpose)
    assert {(proof.why, proof.destroyed_at) for proof in proofs.values()} == {("intrekking", NOW)}
    assert there.query(f"SELECT count(*) FROM content WHERE consult_id = '{erased.id}' AND blob IS NOT NULL") == [(0,)]

    assert there.store.note(kept.id) == (1, NOTE)
    assert there.store.events(erased.id)[-1].action is Action.ERASED


def test_no_key_of_any_consult_is_in_the_backup(here: Practice, disk: Path) -> None:
    consults = [here.consult(number) for number in range(3)]
    wrapped = [bytes(row[0]) for row in here.query("SELECT wrapped FROM data_key")]  # type: ignore[call-overload]
    here.backup(disk / "een.backup")
    here.erase(consults[0])
    with here.copies() as copies:
        here.keeper(copies).clear()
    left = [bytes(row[0]) for row in here.query("SELECT wrapped FROM data_key")]  # type: ignore[call-overload]
    assert (len(wrapped), len(left)) == (6, 4)

    backup = plain(disk / "een.backup", Kind.BACKUP)
    assert str(consults[0].id).encode() in backup, "nothing was searched"
    assert not [key for key in wrapped if shown(key, backup)]
    copy = plain(disk / NAME, Kind.KEYS)
    assert [key for key in wrapped if shown(key, copy)] == left


def plain(path: Path, kind: Kind) -> bytes:
    with open_envelope(path, kind, MASTER)[1] as stream:
        return b"".join(b"".join(chunks) for _, chunks in members(stream))


def shown(key: bytes, where: bytes) -> bool:
    return key in where or key.hex().encode() in where.lower()


def test_what_was_approved_after_the_backup_loses_its_source_and_keeps_the_patient(
    here: Practice, there: Practice, disk: Path
) -> None:
    consult = here.consult()
    here.backup(disk / "een.backup")
    signed = Approval(
        id=uuid4(),
        consult_id=consult.id,
        note_version=1,
        sha256="00",
        approved_by="Jansen",
        role=Role.HUISARTS,
        approved_at=NOW,
    )
    proof = Certificate(id=uuid4(), consult_id=consult.id, purpose=KeyPurpose.SOURCE, why="akkoord", destroyed_at=NOW)
    approved = replace(consult, version=3, status=Status.APPROVED)
    here.store.apply(Change(consult=approved, audit=event(consult.id), approval=signed, destroy=(proof,)))
    with here.copies() as copies:
        assert here.keeper(copies).clear() == 1

    assert there.restore(disk / "een.backup").erased == 1
    with pytest.raises(Erased):
        there.store.note(consult.id)
    back = there.store.consult(consult.id)
    assert (back.status, back.patient_ref) == (Status.ERASED, consult.patient_ref)


# -- a restore brings back what lives ------------------------------------------------------------------------------


def test_a_living_consult_comes_back_whole(here: Practice, there: Practice, disk: Path) -> None:
    consults = [here.consult(number) for number in range(3)]
    approved = here.consult(4)
    here.erase(approved, KeyPurpose.SOURCE, status=Status.APPROVED)
    made = here.backup(disk / "een.backup")
    done = there.restore(disk / "een.backup")
    assert (made.sounds, done.sounds, done.erased) == (3, 3, 0)
    for consult in consults:
        assert there.store.consult(consult.id) == here.store.consult(consult.id)
        assert there.store.note(consult.id) == (1, NOTE)
        assert there.store.transcript(consult.id) == TRANSCRIPT
        assert there.store.kept(consult.id) == here.store.kept(consult.id)
        with there.audio.open(consult.id, "upload", there.store.data_key(consult.id, KeyPurpose.SOURCE)) as file:
            assert file.read() == SOUND
    assert there.store.certificates(approved.id) == here.store.certificates(approved.id)
    assert there.store.verify_log() is None
    assert there.store.events()[-1].action is Action.RESTORED
    assert here.store.events()[-1].action is Action.BACKED_UP
    for table in SAVED:
        if table.name != "access_log":
            both = [one.query(f"SELECT t::text FROM {table.name} t ORDER BY 1") for one in (here, there)]
            assert both[0] == both[1], table.name
    # and life goes on, with numbers of its own
    new = there.consult(5)
    there.erase(new)
    assert there.store.verify_log() is None


def test_the_practices_own_texts_come_back_as_they_were(here: Practice, there: Practice, disk: Path) -> None:
    """Consents point at the SHA-256 of the words that were said: those words are kept as long as the consents are."""
    own = [OWN_TEXT.replace("2026-12", f"2026-{month}").encode() for month in ("11", "12")]
    said = [add_text(here.folder / "consent-texts", one) for one in own]
    (here.folder / "consent-texts" / "los.md").write_text("no text of ours")
    here.consult()
    assert here.backup(disk / "een.backup").contents.texts == ("mondeling-linde-2026-11", "mondeling-linde-2026-12")
    assert verify(disk / "een.backup", disk / NAME, master_key=MASTER).contents.texts
    there.restore(disk / "een.backup")
    texts = Texts(there.folder / "consent-texts")
    assert [texts.known(one.id, one.sha256) for one in said] == said
    assert own_texts(there.folder / "consent-texts") == dict(zip([one.id for one in said], own, strict=True))


def test_a_restore_changes_no_text_that_is_there(here: Practice, there: Practice, disk: Path) -> None:
    folder = there.folder / "consent-texts"
    add_text(here.folder / "consent-texts", OWN_TEXT.encode())
    here.backup(disk / "een.backup")
    other = OWN_TEXT.replace("gesprek", "consult").encode()
    add_text(folder, other)
    with pytest.raises(BackupProblem, match="met andere woorden"):
        there.restore(disk / "een.backup")
    assert own_texts(folder) == {"mondeling-linde-2026-12": other}
    assert there.query("SELECT count(*) FROM consult") == [(0,)]
    (folder / "mondeling-linde-2026-12.md").write_text(OWN_TEXT)
    there.restore(disk / "een.backup")  # the same words are no other words


def test_people_come_back_with_their_second_step(here: Practice, there: Practice, disk: Path) -> None:
    """And who began a set-up on the empty machine, in whose place they come, is nobody."""
    jansen = Account(
        id=uuid4(),
        practice="",
        login="a.jansen",
        name="Dr. A. Jansen",
        role=Role.HUISARTS,
        manages=True,
        state=State.ACTIVE,
        version=1,
        since=NOW,
        password="$argon2id$...",
        secret=b"12345678901234567890",
        recovery=(b"een", b"twee"),
    )
    begun = replace(jansen, id=uuid4(), login="begonnen", state=State.INVITED, since=None)
    with PostgresAccounts(here.url, here.store.lasting) as accounts:
        accounts.add_first(jansen, "De Linde")
    with PostgresAccounts(there.url, there.store.lasting) as accounts:
        accounts.add_first(begun, "Nieuw")
    here.consult()
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    restarted = PostgresStore(there.url, MASTER)
    with closing(restarted), PostgresAccounts(there.url, restarted.lasting) as accounts:
        assert accounts.of("") == [jansen]
        assert accounts.title("") == "De Linde"


VOICE = Enrolled(profile=Profile(mean=(0.5,) * 15, voiced_s=31.0), agreed_at=NOW, text="1")


def voice_keys(rows: bytes) -> int:
    return rows.count(b"voice ")


def test_a_voice_comes_back_and_one_that_was_removed_since_does_not(
    here: Practice, there: Practice, disk: Path
) -> None:
    here.consult()
    with here.voices() as voices:
        for doctor in ("blijft", "weg"):
            voices.keep(doctor, VOICE, event())
        here.backup(disk / "een.backup")
        assert voice_keys(plain(disk / NAME, Kind.KEYS)) == 2
        assert voices.remove("weg", event())
    with here.copies() as copies:
        assert here.keeper(copies).voices() == 1
        assert voice_keys(plain(disk / NAME, Kind.KEYS)) == 1
        assert here.keeper(copies).voices() == 0
    assert here.query("SELECT owner FROM voice_profile") == [("blijft",)]

    there.restore(disk / "een.backup")

    with there.voices() as voices:
        assert voices.find("blijft") == VOICE
        assert voices.find("weg") is None
    assert there.query("SELECT owner FROM voice_profile") == [("blijft",)]


def test_a_voice_made_after_the_backup_leaves_no_key_behind(here: Practice, there: Practice, disk: Path) -> None:
    here.consult()
    here.backup(disk / "een.backup")
    with here.voices() as voices:
        voices.keep("nieuw", VOICE, event())
    with here.copies() as copies:
        copies.refresh()
    assert voice_keys(plain(disk / NAME, Kind.KEYS)) == 1
    there.restore(disk / "een.backup")
    assert there.query("SELECT name FROM lasting_key WHERE name LIKE 'voice %'") == []


def test_a_removed_voice_waits_for_a_copy_that_may_hold_its_key(here: Practice, disk: Path) -> None:
    here.consult()
    with here.voices() as voices:
        voices.keep("weg", VOICE, event())
        here.backup(disk / "een.backup")
        away = disk.rename(disk.with_name("kast"))
        voices.remove("weg", event())
    with here.copies() as copies:
        for _ in range(2):
            assert here.keeper(copies).voices() == 0
        (place,) = copies.places()
        assert place.missed_at is not None, "and the administrator is told"
        away.rename(disk)
        assert here.keeper(copies).voices() == 1
    assert voice_keys(plain(disk / NAME, Kind.KEYS)) == 0
    assert here.query("SELECT count(*) FROM voice_profile") == [(0,)]


@pytest.mark.parametrize("status", [Status.RECORDING, Status.PAUSED])
def test_a_recording_that_was_going_on_can_be_made_again(
    here: Practice, there: Practice, disk: Path, status: Status
) -> None:
    """Its sound is on the disk of the machine that took it in: nobody here could finish it."""
    running, drafted = here.consult(1, status), here.consult(2)
    running = replace(running, version=3, channels=(Speaker.HUISARTS, Speaker.PATIENT))
    here.store.apply(Change(consult=running, audit=event(running.id)))
    here.backup(disk / "een.backup")
    assert there.restore(disk / "een.backup").unfinished == 1
    back = there.store.consult(running.id)
    assert (back.status, back.channels, back.version) == (Status.CONSENTED, (), 4)
    assert back.patient_ref == running.patient_ref
    assert there.store.consult(drafted.id).status is Status.DRAFTED
    told = there.store.events(running.id)[-1]
    assert (told.action, told.actor, told.detail) == (Action.STEP_FAILED, "beheerder", "opname niet in de reservekopie")
    assert there.store.verify_log() is None


@pytest.mark.parametrize("demo", [True, False])
def test_a_demonstration_never_becomes_a_practice_nor_the_other_way_round(
    here: Practice, there: Practice, disk: Path, demo: bool
) -> None:
    here.consult()
    here.backup(disk / "een.backup", demo=demo)
    with pytest.raises(BackupProblem, match="van een demonstratie" if demo else "van een echte praktijk"):
        there.restore(disk / "een.backup", demo=not demo)
    assert there.store.search(Search()) == []
    assert there.restore(disk / "een.backup", demo=demo).contents.consults == 1


def test_a_restore_says_of_when_the_copy_of_the_keys_is(here: Practice, there: Practice, disk: Path) -> None:
    here.consult()
    here.backup(disk / "een.backup")
    with here.copies() as copies:
        before = datetime.now(UTC)
        copies.refresh()
    written = there.restore(disk / "een.backup").keys_at
    assert written is not None
    assert before <= written <= datetime.now(UTC)


def test_who_was_warned_before_the_backup_is_warned_anew(here: Practice, there: Practice, disk: Path) -> None:
    """While the practice was down nobody could act on the warning: the draft must not go with the first round."""
    consult = here.consult()
    here.query(f"UPDATE consult SET changed_at = '2026-01-01', expires_at = '2026-01-15' WHERE id = '{consult.id}'")
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    back = there.store.consult(consult.id)
    assert (back.status, back.expires_at) == (Status.DRAFTED, None)


def test_what_comes_back_is_in_its_part_of_the_worklist(here: Practice, there: Practice, disk: Path) -> None:
    erased, running, drafted = here.consult(1), here.consult(2, Status.RECORDING), here.consult(3)
    here.backup(disk / "een.backup")
    here.erase(erased)
    with here.copies() as copies:
        here.keeper(copies).clear()
    there.restore(disk / "een.backup")
    parts = {Part.DONE: erased, Part.BUSY: running, Part.CHECK: drafted}
    assert {part: [one.id for one in there.store.search(Search(part=part))] for part in parts} == {
        part: [one.id] for part, one in parts.items()
    }


def test_what_was_passed_on_still_waits_for_the_same_person_and_nothing_erased_does(
    here: Practice, there: Practice, disk: Path
) -> None:
    waiting, erased = (
        replace(here.consult(number), version=3, waits_for="W. Neem", passed_by="Dr. A. Jansen") for number in (1, 2)
    )
    for one in (waiting, erased):
        here.store.apply(Change(consult=one, audit=event(one.id), message="Graag dosering nakijken."))
    here.backup(disk / "een.backup")
    here.erase(erased)
    with here.copies() as copies:
        here.keeper(copies).clear()
    there.restore(disk / "een.backup")
    assert there.store.search(Search(part=Part.MINE, person="W. Neem")) == [replace(waiting, expires_at=None)]
    assert there.store.message(waiting.id) == "Graag dosering nakijken."
    gone = there.store.consult(erased.id)
    assert (gone.waits_for, gone.passed_by, there.store.message(erased.id)) == ("", "", "")


def test_a_restore_goes_into_a_database_without_tables_too(here: Practice, there: Practice, disk: Path) -> None:
    consult = here.consult()
    elsewhere = here.consult(2, practice="Zuid")
    here.backup(disk / "een.backup")
    there.query("DROP SCHEMA public CASCADE")
    there.query("CREATE SCHEMA public")
    there.restore(disk / "een.backup")
    assert there.store.note(consult.id) == (1, NOTE)
    assert there.store.idle() == []  # the queue is there, and empty
    # practices are kept apart there as here, their logs too
    for practice, one in (("", consult), ("Zuid", elsewhere)):
        own = there.store.of(practice)
        assert own.search(Search()) == [there.store.consult(one.id)]
        assert own.note(one.id) == (1, NOTE)
        assert own.events() == here.store.of(practice).events()


def test_a_backup_while_others_write_is_of_one_moment(here: Practice, there: Practice, disk: Path) -> None:
    stop = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            while not stop.is_set():
                consult = here.consult()
                if consult.id.int % 2:
                    here.erase(consult)
                    with here.copies() as copies:
                        here.keeper(copies).clear()
        except BaseException as problem:
            failed.append(problem)
            raise

    here.consult()
    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    try:
        for number in range(3):
            here.backup(disk / f"{number}.backup")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not failed
    done = there.restore(disk / "1.backup")
    assert done.contents.consults > 0
    assert there.store.verify_log() is None
    for consult in there.store.search(Search(), limit=10_000):
        events = there.store.events(consult.id)
        if consult.status is Status.ERASED:
            continue
        destroyed = {proof.purpose for proof in there.store.certificates(consult.id)}
        assert len([one for one in events if one.action is Action.NOTE_VIEWED]) == consult.version
        assert bool(destroyed) == (consult.status is Status.WITHDRAWN)
        if not destroyed:
            assert there.store.note(consult.id) == (1, NOTE)
    living = [consult for consult in there.store.search(Search(), limit=10_000) if consult.status is Status.DRAFTED]
    assert there.query("SELECT count(*) FROM data_key") == [(2 * len(living),)]


# -- sound that is not there ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [Status.RECORDED, Status.TRANSCRIBED, Status.DRAFTED])
def test_a_backup_without_its_sound_says_so_as_long_as_it_lives(
    here: Practice, there: Practice, disk: Path, status: Status
) -> None:
    lost, kept, paused = here.consult(1, status), here.consult(2, status), here.consult(3, Status.PAUSED)
    approved, erased = here.consult(4), here.consult(5)
    here.erase(approved, KeyPurpose.SOURCE, status=Status.APPROVED)
    for one in (lost, paused, approved, erased):
        here.blobs.delete(one.id)
    made = here.backup(disk / "een.backup")
    assert (made.sounds, made.soundless) == (1, tuple(sorted((lost.id, erased.id))))
    assert here.store.events()[-1].detail == "5 consulten, 2 zonder geluid"
    here.erase(erased)
    with here.copies() as copies:
        here.keeper(copies).clear()
    found = verify(disk / "een.backup", disk / NAME, master_key=MASTER)
    assert (found.sounds, found.soundless) == (1, (lost.id,))
    done = there.restore(disk / "een.backup")
    assert (done.sounds, done.soundless) == (1, (lost.id,))
    assert there.blobs.names(kept.id) == ["upload"]


def test_what_is_erased_while_its_sound_is_saved_is_not_missed(
    here: Practice, there: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    erased = here.consult()

    def names(blobs: FolderBlobs, consult_id: UUID) -> list[str]:
        here.erase(erased)
        blobs.delete(consult_id)
        return ["upload"]

    monkeypatch.setattr(FolderBlobs, "names", names)
    made = here.backup(disk / "een.backup")
    monkeypatch.undo()
    assert (made.sounds, made.soundless) == (0, ())
    assert verify(disk / "een.backup", disk / NAME, master_key=MASTER).soundless == ()
    assert there.restore(disk / "een.backup").soundless == ()


def test_a_place_of_the_sound_that_does_not_answer_ends_the_backup(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.consult()

    def names(_: FolderBlobs, __: UUID) -> list[str]:
        raise BlobsUnavailable

    monkeypatch.setattr(FolderBlobs, "names", names)
    with pytest.raises(BlobsUnavailable):
        here.backup(disk / "een.backup")
    assert list(disk.iterdir()) == []


def test_a_trial_restore_never_shares_the_place_of_the_sound(here: Practice, there: Practice, disk: Path) -> None:
    """With the service's own settings it would: what expires in the trial would be erased in the practice."""
    here.consult()
    mark(here.blobs, here.store.installation())
    here.backup(disk / "een.backup")
    shared = replace(there, blobs=here.blobs)
    with pytest.raises(BackupProblem, match=rf"{here.store.installation()}/merk.*--blob-store"):
        shared.restore(disk / "een.backup")
    assert here.blobs.consults().count(there.store.installation()) == 0
    assert there.query("SELECT count(*) FROM consult") == [(0,)]
    here.blobs.delete(here.store.installation())  # the practice is no more: the administrator says so
    assert shared.restore(disk / "een.backup").sounds == 1
    assert here.blobs.names(there.store.installation()) == ["merk"]


def test_a_restore_that_was_stopped_leaves_no_mark_and_can_be_done_again(
    here: Practice, there: Practice, disk: Path, postgres_server: Callable[[str], object]
) -> None:
    """The second time into another empty database: the number of the first one never comes again."""
    for number in (1, 2):
        here.consult(number)
    here.backup(disk / "een.backup")

    class Stops(FolderBlobs):
        def write(self, consult_id: UUID, name: str) -> AbstractContextManager[Sink]:
            if self.consults():
                raise BlobsUnavailable
            return super().write(consult_id, name)

    with pytest.raises(BlobsUnavailable):
        replace(there, blobs=Stops(there.folder / "audio")).restore(disk / "een.backup")
    assert len(there.blobs.consults()) == 1
    with postgres_server("").database() as url:  # type: ignore[attr-defined]
        again = replace(there, url=url)
        again.query(f"UPDATE installation SET id = '{uuid4()}'")
        assert again.restore(disk / "een.backup").sounds == 2


# -- half, damaged, or not for here --------------------------------------------------------------------------------

KILLED = """
import os, sys
from pathlib import Path
from transcribe.store import backup
from transcribe.store.backup import back_up
from transcribe.store.blobs import FolderBlobs
from transcribe.store.keys import MasterKey
from transcribe.store.postgres import PostgresStore

url, path, folder, moment = sys.argv[1:]
master = MasterKey.of(bytes(range(32)))

def progress(what, done, total):
    if what == moment and done == total:
        os.kill(os.getpid(), 9)

back_up(
    Path(path), store=PostgresStore(url, master), url=url, blobs=FolderBlobs(Path(folder)), master_key=master,
    actor="beheerder", progress=progress,
)
"""


@pytest.mark.parametrize("moment", ["Gegevens", "Geluid"])
def test_a_killed_backup_leaves_none_and_does_not_stand_in_the_way(here: Practice, disk: Path, moment: str) -> None:
    here.consult()
    path = disk / "een.backup"
    url = make_url(here.url).render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, str(path), str(here.folder / "audio"), moment], check=False, timeout=60
    )
    assert done.returncode == -signal.SIGKILL
    assert not path.exists()
    here.backup(path)
    assert {found.name for found in disk.iterdir()} == {path.name, NAME}
    assert verify(path, disk / NAME, master_key=MASTER).contents.consults == 1


def test_a_backup_has_its_name_only_when_its_keys_are_there(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult = here.consult()
    path, named = disk / "een.backup", []
    replace_file = Path.replace

    def watched(part: Path, target: Path) -> Path:
        if target == path:
            named.append(read_copy(disk / NAME, MASTER).held())
        return replace_file(part, target)

    monkeypatch.setattr(Path, "replace", watched)
    here.backup(path)
    assert named == [{(consult.id, purpose) for purpose in KeyPurpose}]


@pytest.mark.parametrize("damage", ["cut", "piece lost", "changed", "other file"])
def test_a_damaged_backup_is_refused_and_nothing_comes_in(
    here: Practice, there: Practice, disk: Path, damage: str
) -> None:
    for number in range(3):
        here.consult(number)
    path = disk / "een.backup"
    here.backup(path)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:-1],
            "piece lost": whole[: middle - 70_000] + whole[middle:],
            "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "other file": b"iets anders" * 100,
        }[damage]
    )
    with pytest.raises(BackupProblem):
        verify(path, disk / NAME, master_key=MASTER)
    with pytest.raises(BackupProblem):
        there.restore(path)
    assert there.store.search(Search()) == []
    assert there.store.events() == []
    path.write_bytes(whole)
    there.restore(path)  # what was refused half-way does not stand in the way
    assert len(there.store.search(Search())) == 3


def test_a_restore_wants_an_empty_place_and_the_right_keys(here: Practice, there: Practice, disk: Path) -> None:
    here.consult()
    here.backup(disk / "een.backup")
    old = disk / "oud.kopie"
    old.write_bytes((disk / NAME).read_bytes())
    here.consult()
    here.backup(disk / "twee.backup")
    with pytest.raises(BackupProblem, match="staan al gegevens"):
        here.restore(disk / "een.backup")
    with pytest.raises(BackupProblem, match="ouder dan de reservekopie"):
        there.restore(disk / "twee.backup", old)
    with pytest.raises(BackupProblem, match="is een sleutelkopie; hier is een reservekopie nodig"):
        there.restore(disk / NAME, disk / NAME)
    other = MasterKey.of(bytes(32))
    with pytest.raises(BackupProblem, match="andere hoofdsleutel"):
        restore(disk / "een.backup", disk / NAME, url=there.url, blobs=there.blobs, master_key=other, actor="b")
    assert there.store.search(Search()) == []


def test_what_is_not_there_is_named(here: Practice, there: Practice, disk: Path) -> None:
    here.consult()
    path = disk / "een.backup"
    with pytest.raises(BackupProblem, match=f"De map {disk / 'nergens'} is er niet"):
        here.backup(disk / "nergens" / "een.backup")
    here.backup(path)
    (disk / NAME).rename(disk / "weg")
    for read in (lambda: verify(path, disk / NAME, master_key=MASTER), lambda: there.restore(path)):
        with pytest.raises(BackupProblem, match=f"De sleutelkopie {disk / NAME} is er niet"):
            read()
    (disk / "weg").rename(disk / NAME)
    path.unlink()
    for read in (lambda: verify(path, disk / NAME, master_key=MASTER), lambda: there.restore(path)):
        with pytest.raises(BackupProblem, match=f"De reservekopie {path} is er niet"):
            read()


def test_the_keys_of_another_practice_are_refused(here: Practice, there: Practice, disk: Path) -> None:
    here.consult()
    for _ in range(20):
        there.store.log(event())
    elsewhere = disk.parent / "elders"
    elsewhere.mkdir()
    here.backup(disk / "een.backup")
    there.backup(elsewhere / "een.backup")
    with pytest.raises(BackupProblem, match="hoort bij een andere installatie"):
        there.backup(disk / "een.backup")
    there.query("ALTER TABLE access_log DISABLE TRIGGER append_only")
    there.query("DELETE FROM access_log")
    there.query("ALTER TABLE access_log ENABLE ALWAYS TRIGGER append_only")
    with pytest.raises(BackupProblem, match="geen sleutel en ook geen vernietigingsbewijs"):
        there.restore(disk / "een.backup", elsewhere / NAME)


def test_a_backup_with_a_tampered_access_log_is_refused(here: Practice, there: Practice, disk: Path) -> None:
    here.consult()
    here.query("ALTER TABLE access_log DISABLE TRIGGER append_only")
    here.query("UPDATE access_log SET actor = 'Pietersen' WHERE seq = 1")
    here.backup(disk / "een.backup")
    with pytest.raises(BackupProblem, match="toegangslogboek"):
        there.restore(disk / "een.backup")
    assert there.store.events() == []


def test_a_backup_of_a_newer_version_is_refused(
    here: Practice, there: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_module, "revision_of", lambda _: "9999")
    here.backup(disk / "een.backup")
    monkeypatch.undo()
    with pytest.raises(BackupProblem, match="nieuwere versie"):
        there.restore(disk / "een.backup")


def test_keys_that_only_a_newer_backup_needs_are_not_written_over(here: Practice, there: Practice, disk: Path) -> None:
    """The wrong back-up was brought back, and the administrator goes on with a new one to every disk."""
    here.consult(1)
    here.backup(disk / "maandag.backup")
    newer = here.consult(2)
    here.backup(disk / "vrijdag.backup")
    there.restore(disk / "maandag.backup")
    with pytest.raises(BackupProblem, match=r"van consulten die hier niet zijn \(1\)"):
        there.backup(disk / "nieuw.backup")
    assert {path.name for path in disk.iterdir()} == {"maandag.backup", "vrijdag.backup", NAME}
    elsewhere = disk.parent / "andere"
    elsewhere.mkdir()
    there.backup(elsewhere / "nieuw.backup")
    held = read_copy(disk / NAME, MASTER).held()
    assert {(newer.id, purpose) for purpose in KeyPurpose} <= held
    assert verify(disk / "vrijdag.backup", disk / NAME, master_key=MASTER).contents.consults == 2


def test_a_damaged_copy_of_the_keys_is_made_anew(here: Practice, disk: Path) -> None:
    here.consult()
    here.backup(disk / "een.backup")
    (disk / NAME).write_bytes((disk / NAME).read_bytes()[:-1])
    here.backup(disk / "twee.backup")
    assert verify(disk / "een.backup", disk / NAME, master_key=MASTER).contents.consults == 1


def test_a_backup_whose_keys_are_gone_is_not_called_whole(here: Practice, there: Practice, disk: Path) -> None:
    here.consult(1)
    here.backup(disk / "een.backup")
    for _ in range(20):
        there.store.log(event())
    elsewhere = disk.parent / "elders"
    elsewhere.mkdir()
    there.backup(elsewhere / "een.backup")
    with pytest.raises(BackupProblem, match=r"Van 1 consulten staat .* geen sleutel en ook geen vernietigingsbewijs"):
        verify(disk / "een.backup", elsewhere / NAME, master_key=MASTER)


def test_what_was_erased_needs_no_key_to_be_whole(here: Practice, disk: Path) -> None:
    before, after = here.consult(1), here.consult(2)
    here.erase(before)
    here.backup(disk / "een.backup")
    here.erase(after)
    with here.copies() as copies:
        here.keeper(copies).clear()
    assert verify(disk / "een.backup", disk / NAME, master_key=MASTER).contents.consults == 2


# -- copies of the keys that can't be reached ----------------------------------------------------------------------


def test_an_erasure_waits_for_a_copy_that_may_hold_the_key(here: Practice, there: Practice, disk: Path) -> None:
    erased = here.consult(1)
    here.backup(disk / "een.backup")
    disk.rename(disk.with_name("kast"))  # unplugged; an empty mount point is left
    disk.mkdir()
    here.erase(erased)
    later = here.consult(2)  # its keys were never on that disk
    here.erase(later)
    with here.copies() as copies:
        keeper = here.keeper(copies)
        assert keeper.clear() == 2
        assert {proof.consult_id for proof in here.store.uncleared()} == {erased.id}
        (place,) = copies.places()
        trouble = copies.trouble(place)
        assert trouble is not None
        assert re.search(r"loopt achter sinds \d", trouble)
        assert place.name in trouble
        assert list(disk.iterdir()) == []  # nothing is written to what is not the disk
        since = place.missed_at
        assert keeper.clear() == 0
        assert copies.places()[0].missed_at == since

        disk.rmdir()
        disk.with_name("kast").rename(disk)
        assert keeper.clear() == 2
        assert here.store.uncleared() == []
        assert copies.trouble(copies.places()[0]) is None
    assert there.restore(disk / "een.backup").erased == 1
    with pytest.raises(Erased):
        there.store.note(erased.id)


@pytest.mark.parametrize(("code", "told"), [(errno.EROFS, "EROFS"), (errno.EACCES, "EACCES"), (errno.ENOSPC, "ENOSPC")])
def test_a_copy_that_is_there_and_cannot_be_written_is_not_asked_for(
    here: Practice,
    disk: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
    told: str,
) -> None:
    erased = here.consult()
    here.backup(disk / "een.backup")
    here.erase(erased)

    def refused(path: object, *_: object, **__: object) -> int:
        raise OSError(code, os.strerror(code), str(path))

    with here.copies() as copies:
        with monkeypatch.context() as patch:
            patch.setattr("transcribe.store.envelope.os.open", refused)
            assert here.keeper(copies).clear() == 0
        (place,) = copies.places()
        trouble = copies.trouble(place)
        assert trouble is not None
        assert "wat sindsdien is gewist, kan er nog in staan" in trouble
        assert "Zij is er weer en wordt binnen enkele minuten bijgewerkt" in trouble
        assert "Sluit de schijf aan" not in trouble
        assert f"copy of the keys {place.name} not written ({told})" in caplog.messages
        disk.rename(disk.with_name("weg"))
        assert "Sluit de schijf aan" in (copies.trouble(place) or "")


def test_a_disk_that_is_back_is_brought_up_to_date_also_when_nothing_was_erased(here: Practice, disk: Path) -> None:
    other = disk.with_name("andere")
    other.mkdir()
    here.consult(1)
    here.backup(disk / "een.backup")
    disk.rename(disk.with_name("kast"))
    here.backup(other / "een.backup")
    with here.copies() as copies:
        keeper = here.keeper(copies)
        keeper.clear()
        assert [bool(copies.trouble(place)) for place in copies.places()] == [False, True]
        disk.with_name("kast").rename(disk)
        keeper.clear()
        assert [copies.trouble(place) for place in copies.places()] == [None, None]


def test_a_copy_is_not_made_anew_on_the_mount_point_of_a_disk_that_is_away(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcribe.store.key_copies._on_system_disk", lambda _: True)
    here.consult(1)
    here.backup(disk / "een.backup")
    here.backup(disk / "een.backup")
    for file in disk.iterdir():
        file.unlink()
    with here.copies() as copies:
        (place,) = copies.places()
        with pytest.raises(BackupProblem, match=rf"is de schijf wel aangesloten.*forget {place.name}"):
            here.backup(disk / "twee.backup")
        assert list(disk.iterdir()) == []
        copies.remove(place.name)
    here.backup(disk / "twee.backup")


def test_a_copy_that_is_no_more_is_reported_by_the_administrator(here: Practice, disk: Path) -> None:
    erased = here.consult(1)
    here.backup(disk / "een.backup")
    disk.rename(disk.with_name("weg"))
    here.erase(erased)
    with here.copies() as copies:
        keeper = here.keeper(copies)
        assert keeper.clear() == 0
        with pytest.raises(BackupProblem, match="schijf"):
            copies.remove("onbekend")
        copies.remove(copies.places()[0].name)
        assert keeper.clear() == 2
        assert copies.places() == []


def test_two_disks_by_turns_in_the_same_place_are_two_copies(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transcribe.store.key_copies._on_system_disk", lambda _: False)
    erased = here.consult(1)
    other = disk.with_name("andere")
    here.backup(disk / "een.backup")
    disk.rename(other)
    disk.mkdir()
    here.backup(disk / "een.backup")
    here.erase(erased)
    with here.copies() as copies:
        keeper = here.keeper(copies)
        assert len(copies.places()) == 2
        assert keeper.clear() == 0
        first = (disk / NAME).read_bytes()
        assert keeper.clear() == 0
        assert (disk / NAME).read_bytes() == first, "a copy that is up to date is left alone"
        disk.rename(disk.with_name("derde"))
        other.rename(disk)
        assert keeper.clear() == 2
        assert [copies.trouble(place) for place in copies.places()] == [None, None]


def test_a_copy_is_written_by_one_process_at_a_time(here: Practice, disk: Path) -> None:
    here.consult()
    here.backup(disk / "een.backup")
    with here.copies() as copies:
        (place,) = copies.places()
        with here.store.alone(f"key copy {place.id}"), pytest.raises(BackupProblem, match="ander proces"):
            copies.keep(disk)
        proofs = here.erase(here.store.search(Search())[0])
        with here.store.alone(f"key copy {place.id}"):
            assert copies.forget(proofs) == []
        assert copies.forget(proofs) == proofs


def test_a_crash_while_a_copy_is_written_errs_on_the_safe_side(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was replaced and the database does not know: a key of today may be in it."""
    here.backup(disk / "een.backup")
    consult = here.consult()
    with here.copies() as copies:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", crash_after(Path.replace))
            with pytest.raises(KeyboardInterrupt):
                copies.keep(disk)
        disk.rename(disk.with_name("weg"))
        proofs = here.erase(consult)
        assert copies.forget(proofs) == []
        disk.with_name("weg").rename(disk)
        assert copies.forget(proofs) == proofs


def crash_after(act: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
    def replacement(path: Path, target: Path) -> Path:
        act(path, target)
        raise KeyboardInterrupt

    return replacement


def test_after_a_restore_old_copies_wait_for_a_backup_to_them(here: Practice, there: Practice, disk: Path) -> None:
    """A trial restore must not write the copy of the practice that goes on; a real one must not forget that copy."""
    consult, other = here.consult(1), here.consult(2)
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    written = (disk / NAME).read_bytes()
    there.erase(there.store.consult(consult.id))
    new = there.consult(3)
    there.erase(new)
    with there.copies() as copies:
        keeper = there.keeper(copies)
        assert keeper.clear() == 2, "only the consult of after the restore"
        assert (disk / NAME).read_bytes() == written
        trouble = copies.trouble(copies.places()[0])
        assert trouble is not None
        assert "vóór het terugzetten" in trouble
        there.backup(disk / "twee.backup", take_over=True)
        assert keeper.clear() == 2
        assert copies.trouble(copies.places()[0]) is None
    assert there.store.note(other.id) == (1, NOTE)
