"""Copies of the keys that another installation needs, and disks that do not answer."""

from __future__ import annotations

import base64
import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.integration.test_backup import MASTER, Practice, event, practice
from transcribe import doctor
from transcribe.consult import Action, KeyPurpose, Status
from transcribe.errors import BackupProblem, OtherSchema
from transcribe.settings import Settings
from transcribe.store import backup as backup_module
from transcribe.store import key_copies as key_copies_module
from transcribe.store.backup import verify
from transcribe.store.crypto import SealingWriter
from transcribe.store.envelope import Kind, end, put, read_label, write_envelope
from transcribe.store.key_copies import NAME, KeyCopies, NotOurs, read_copy
from transcribe.store.key_places import VARIABLE
from transcribe.store.keys import MasterKey
from transcribe.store.marked import MARK, MarkedBlobs, installations
from transcribe.store.migrate import migrate


@pytest.fixture
def here(postgres_server: Callable[[str], object], tmp_path: Path) -> Iterator[Practice]:
    with postgres_server("").database() as url:  # type: ignore[attr-defined]
        found = practice(url, tmp_path / "praktijk")
        yield found
        found.store.close()


@pytest.fixture
def there(postgres_url: str, tmp_path: Path) -> Iterator[Practice]:
    found = practice(postgres_url, tmp_path / "nieuw")
    yield found
    found.store.close()


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    folder = tmp_path / "schijf"
    folder.mkdir()
    return folder


def trouble(of: Practice) -> str | None:
    with of.copies() as copies:
        (place,) = copies.places()
        return copies.trouble(place)


def troubles(of: Practice) -> dict[UUID, str | None]:
    with of.copies() as copies:
        return {place.id: copies.trouble(place) for place in copies.places()}


def test_the_doctor_tells_of_each_copy(
    here: Practice, there: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, base64.b64encode(bytes(range(32))).decode())

    def found(of: Practice) -> list[tuple[doctor.Level, str, str]]:
        settings = Settings(data_dir=of.folder, database_url=of.url, master_key="env")
        return [(one.level, one.found.partition(") ")[2], one.advice) for one in doctor._copies(settings)]

    assert [(level, advice[-26:]) for level, _, advice in found(here)] == [
        (doctor.Level.NOTICE, "transcribe backup BESTAND.")
    ]
    here.backup(disk / "een.backup")
    assert found(here) == [(doctor.Level.GOOD, "is er", "")]
    there.restore(disk / "een.backup")
    [(level, present, advice)] = found(there)
    assert (level, present, "van vóór het terugzetten" in advice) == (doctor.Level.NOTICE, "is er", True)
    disk.rename(disk.with_name("weg"))
    assert found(here) == [(doctor.Level.GOOD, "is nu niet te vinden", "")]
    with here.copies() as copies:
        copies.refresh()
    [(level, present, advice)] = found(here)
    assert (level, present, "loopt achter" in advice) == (doctor.Level.NOTICE, "is nu niet te vinden", True)


# -- two installations that know the same place --------------------------------------------------------------------


def test_a_trial_does_not_write_the_copy_of_the_practice(here: Practice, there: Practice, disk: Path) -> None:
    consult = here.consult(1)
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    written = (disk / NAME).read_bytes()
    assert f"transcribe backup {disk}/NAAM.backup --take-over" in (trouble(there) or "")
    with pytest.raises(BackupProblem, match=r"andere installatie.*andere map.*--take-over"):
        there.backup(disk / "proef.backup")
    there.erase(there.store.consult(consult.id))
    with there.copies() as copies:
        there.keeper(copies).clear()
        copies.refresh()
    assert (disk / NAME).read_bytes() == written
    assert {path.name for path in disk.iterdir()} == {"een.backup", NAME}
    assert trouble(here) is None
    here.consult(2)
    here.backup(disk / "twee.backup")
    assert verify(disk / "twee.backup", disk / NAME, master_key=MASTER).contents.consults == 2


def test_a_copy_that_was_taken_over_is_not_in_order_to_who_had_it(here: Practice, there: Practice, disk: Path) -> None:
    consult = here.consult(1)
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    there.backup(disk / "twee.backup", take_over=True)
    assert trouble(there) is None
    assert "door een andere installatie geschreven" in (trouble(here) or "")
    written = (disk / NAME).read_bytes()
    proofs = here.erase(consult)
    with here.copies() as copies:
        assert copies.forget(proofs) == [], "the key is still there"
        copies.refresh()
        assert "door een andere installatie geschreven" in (copies.trouble(copies.places()[0]) or "")
    with pytest.raises(NotOurs, match="--take-over"):
        here.backup(disk / "drie.backup")
    assert (disk / NAME).read_bytes() == written
    here.backup(disk / "drie.backup", take_over=True)
    assert trouble(here) is None
    there.consult(2)
    with there.copies() as copies, pytest.raises(NotOurs):
        copies.keep(disk)


def test_keys_that_only_the_other_has_are_not_taken_over(here: Practice, there: Practice, disk: Path) -> None:
    here.consult(1)
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    here.consult(2)
    here.backup(disk / "twee.backup")
    written = (disk / NAME).read_bytes()
    with pytest.raises(NotOurs, match=r"sleutels of vernietigingsbewijzen van consulten die hier niet zijn \(1\)"):
        there.backup(disk / "proef.backup", take_over=True)
    assert (disk / NAME).read_bytes() == written


def test_after_a_disaster_what_came_after_the_newest_backup_is_given_up_by_number(
    here: Practice, there: Practice, disk: Path
) -> None:
    """An erasure wrote keys into the copy of consults that no back-up holds; then the machine was lost."""
    first = here.consult(1)
    here.consult(2)
    here.backup(disk / "een.backup")
    here.consult(3)
    here.consult(4)
    proofs = here.erase(first)
    with here.copies() as copies:
        assert copies.forget(proofs) == proofs
    there.restore(disk / "een.backup")
    written = (disk / NAME).read_bytes()
    for said in ({"lost": 2}, {"take_over": True}, {"take_over": True, "lost": 1}):
        with pytest.raises(NotOurs, match=r"--take-over --lost 2\."):
            there.backup(disk / "twee.backup", **said)  # type: ignore[arg-type]
        assert (disk / NAME).read_bytes() == written
    there.backup(disk / "twee.backup", take_over=True, lost=2)
    assert trouble(there) is None
    there.backup(disk / "drie.backup")
    assert verify(disk / "drie.backup", disk / NAME, master_key=MASTER).contents.consults == 2


def test_what_was_erased_after_the_newer_backup_counts_too(here: Practice, there: Practice, disk: Path) -> None:
    """Without the certificate of one consult the newer back-up is not to be read at all."""
    here.consult(1)
    here.backup(disk / "maandag.backup")
    erased = here.consult(2)
    here.backup(disk / "dinsdag.backup")
    proofs = here.erase(erased)
    with here.copies() as copies:
        assert copies.forget(proofs) == proofs
    there.restore(disk / "maandag.backup")
    written = (disk / NAME).read_bytes()
    for lost in (0, 2):
        with pytest.raises(NotOurs, match=r"--take-over --lost 1\."):
            there.backup(disk / "woensdag.backup", take_over=True, lost=lost)
        assert (disk / NAME).read_bytes() == written
    assert verify(disk / "dinsdag.backup", disk / NAME, master_key=MASTER).contents.consults == 2
    there.backup(disk / "woensdag.backup", take_over=True, lost=1)
    assert [one.detail for one in there.store.events()][-1] == "1 consult, sleutelkopie overgenomen, 1 verloren"


def test_a_newer_backup_of_the_same_consults_can_be_read_after_an_older_one_was_brought_back(
    here: Practice, there: Practice, disk: Path
) -> None:
    """It may hold sound that the older one has not; the log of the new installation is the shorter one."""
    consult = here.consult(1)
    here.backup(disk / "maandag.backup")
    for _ in range(20):
        here.store.log(event(consult.id))
    here.backup(disk / "dinsdag.backup")
    there.restore(disk / "maandag.backup")
    there.backup(disk / "woensdag.backup", take_over=True)
    assert verify(disk / "dinsdag.backup", disk / NAME, master_key=MASTER).contents.consults == 1


def test_what_was_erased_does_not_return_into_a_copy_that_is_taken_over(
    here: Practice, there: Practice, disk: Path
) -> None:
    """A disk that was in the cupboard during the erasure is brought back; then the other disk is taken over."""
    consult = here.consult(1)
    cupboard = disk.parent / "kast"
    cupboard.mkdir()
    here.backup(cupboard / "een.backup")
    here.backup(disk / "een.backup")
    cupboard.rename(disk.parent / "weg")
    proofs = here.erase(consult)
    with here.copies() as copies:
        assert copies.forget(proofs) == []
    (disk.parent / "weg").rename(cupboard)
    there.restore(cupboard / "een.backup")
    written = (disk / NAME).read_bytes()
    with pytest.raises(NotOurs, match=f"gewist wat hier te lezen is: {consult.id}.*--keys {disk / NAME}"):
        there.backup(disk / "twee.backup", take_over=True)
    assert (disk / NAME).read_bytes() == written
    there.erase(there.store.consult(consult.id))
    there.backup(disk / "twee.backup", take_over=True)
    assert read_copy(disk / NAME, MASTER).held() == set()


def test_what_is_left_of_an_ended_consult_is_erased_with_the_take_over(
    here: Practice, there: Practice, disk: Path
) -> None:
    """Nobody can delete it on its page any more, and another disk has the proof that all of it was erased."""
    other, away = disk.with_name("andere"), disk.with_name("weg")
    other.mkdir()
    consult, kept = here.consult(1), here.consult(2)
    here.backup(disk / "een.backup")
    here.backup(other / "een.backup")
    with here.copies() as copies:
        here.erase(consult, KeyPurpose.SOURCE, status=Status.APPROVED)
        here.keeper(copies).clear()
        disk.rename(away)
        here.erase(here.store.consult(consult.id), KeyPurpose.RECORD)
        here.keeper(copies).clear()
    away.rename(disk)
    there.restore(disk / "een.backup")
    back = there.store.consult(consult.id)
    assert (back.status, back.patient_ref) == (Status.ERASED, "P-1")
    there.backup(disk / "twee.backup", take_over=True)
    written = (other / NAME).read_bytes()
    for erased in (0, 2):
        with pytest.raises(NotOurs, match=rf"{consult.id}\..*--take-over --erased 1\."):
            there.backup(other / "twee.backup", take_over=True, erased=erased)
        assert (other / NAME).read_bytes() == written
        assert there.store.consult(consult.id).patient_ref == "P-1"

    there.backup(other / "twee.backup", take_over=True, erased=1)

    gone = there.store.consult(consult.id)
    assert (gone.status, gone.patient_ref) == (Status.ERASED, "")
    assert {proof.purpose for proof in there.store.certificates(consult.id)} == set(KeyPurpose)
    event = there.store.events(consult.id)[-1]
    assert (event.action, event.actor) == (Action.ERASED, "beheerder")
    with there.copies() as copies:
        there.keeper(copies).clear()
    assert all(proof.cleared_at for proof in there.store.certificates(consult.id))
    for folder in (disk, other):
        assert {one for one, _ in read_copy(folder / NAME, MASTER).held()} == {kept.id}


def test_what_was_erased_before_a_backup_gets_no_key_of_another_installation(
    here: Practice, there: Practice, disk: Path, tmp_path: Path, postgres_server: Callable[[str], object]
) -> None:
    consult = here.consult(1)
    elsewhere = disk.parent / "elders"
    elsewhere.mkdir()
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    there.backup(elsewhere / "een.backup")
    here.erase(consult)
    here.backup(disk / "twee.backup")
    assert verify(disk / "twee.backup", elsewhere / NAME, master_key=MASTER).soundless == ()
    with postgres_server("").database() as url:  # type: ignore[attr-defined]
        third = practice(url, tmp_path / "derde")
        with closing(third.store):
            third.restore(disk / "twee.backup", elsewhere / NAME)
            assert third.query("SELECT * FROM data_key") == []
            assert len(third.store.certificates(consult.id)) == 2


def test_what_was_approved_twice_comes_back_as_approved(
    here: Practice, there: Practice, disk: Path, tmp_path: Path, postgres_server: Callable[[str], object]
) -> None:
    """Once in the back-up, once in the restored installation that took the copy over: each has its own certificate."""
    cupboard = disk.with_name("kast")
    consult = here.consult(1)
    here.backup(disk / "maandag.backup")
    disk.rename(cupboard)
    disk.mkdir()
    here.erase(consult, KeyPurpose.SOURCE, status=Status.APPROVED)
    elsewhere = disk.with_name("elders")
    elsewhere.mkdir()
    here.backup(elsewhere / "dinsdag.backup")
    there.restore(cupboard / "maandag.backup")
    there.erase(there.store.consult(consult.id), KeyPurpose.SOURCE, status=Status.APPROVED)
    there.backup(elsewhere / "woensdag.backup", take_over=True)
    with postgres_server("").database() as url:  # type: ignore[attr-defined]
        third = practice(url, tmp_path / "derde")
        with closing(third.store):
            assert third.restore(elsewhere / "dinsdag.backup").erased == 0
            assert third.store.consult(consult.id).status is Status.APPROVED
            assert len(third.store.certificates(consult.id)) == 1


def test_a_disk_that_the_restored_installation_never_knew_is_taken_over_by_the_same_rules(
    here: Practice, there: Practice, disk: Path
) -> None:
    """The disk that was brought back was away when the first back-up went to the other."""
    here.consult(1)
    here.backup(disk / "een.backup")
    disk.rename(disk.with_name("weg"))
    newer = disk.parent / "nieuwer"
    newer.mkdir()
    here.consult(2)
    here.backup(newer / "twee.backup")
    disk.with_name("weg").rename(disk)
    there.restore(disk / "een.backup")
    with pytest.raises(BackupProblem, match=r"hoort bij een andere installatie.*--take-over"):
        there.backup(newer / "drie.backup")
    with pytest.raises(NotOurs, match=r"--take-over --lost 1\."):
        there.backup(newer / "drie.backup", take_over=True)
    there.backup(newer / "drie.backup", take_over=True, lost=1)
    with there.copies() as copies:
        assert [copies.trouble(place) for place in copies.places() if place.path == newer / NAME] == [None]


def test_a_copy_that_is_there_is_not_reported_as_destroyed(here: Practice, disk: Path) -> None:
    """What is erased from then on would be readable with it, and the certificate complete."""
    erased = here.consult(1)
    here.backup(disk / "een.backup")
    with here.copies() as copies:
        (place,) = copies.places()
        with pytest.raises(BackupProblem, match="is er nog en is niet afgemeld"):
            copies.remove(place.name)
        proofs = here.erase(erased)
        assert copies.forget(proofs) == proofs
        assert read_copy(disk / NAME, MASTER).held() == set()
        (disk / NAME).unlink()
        copies.remove(place.name)
        assert copies.places() == []


@pytest.mark.parametrize("left", [0, 5, 40])
def test_a_copy_that_is_damaged_at_its_beginning_is_told_and_made_anew(here: Practice, disk: Path, left: int) -> None:
    here.consult(1)
    here.backup(disk / "een.backup")
    (disk / NAME).write_bytes((disk / NAME).read_bytes()[:left])
    assert "is beschadigd. Maak een nieuwe reservekopie naar die map." in (trouble(here) or "")
    here.backup(disk / "twee.backup")
    assert [told for place, told in troubles(here).items() if place == read_label(disk / NAME, Kind.KEYS).id] == [None]
    assert verify(disk / "een.backup", disk / NAME, master_key=MASTER).contents.consults == 1


def test_a_damaged_copy_on_another_disk_does_not_pass_for_the_one_that_is_away(here: Practice, disk: Path) -> None:
    consult = here.consult(1)
    here.backup(disk / "een.backup")
    cupboard = disk.with_name("kast")
    disk.rename(cupboard)
    disk.mkdir()
    (disk / NAME).write_bytes(b"")
    here.backup(disk / "twee.backup")
    here.erase(consult)
    with here.copies() as copies:
        assert here.keeper(copies).clear() == 0, "the disk in the cupboard can still open it"
        disk.rename(disk.with_name("andere"))
        cupboard.rename(disk)
        assert here.keeper(copies).clear() == 2
    assert read_copy(disk / NAME, MASTER).held() == set()


@pytest.mark.parametrize("restored", [True, False])
def test_a_copy_that_was_damaged_and_made_anew_says_how_it_ends(
    here: Practice, there: Practice, disk: Path, restored: bool
) -> None:
    consult = here.consult(1)
    here.backup(disk / "een.backup")
    of = there if restored else here
    if restored:
        there.restore(disk / "een.backup")
    (damaged,) = troubles(of)
    (disk / NAME).write_bytes(b"")
    told = troubles(of)[damaged] or ""
    assert ("key-copies forget" in told, "vervangen door" in told) == (restored, False)
    of.backup(disk / "twee.backup", take_over=restored)
    of.erase(of.store.consult(consult.id))
    with of.copies() as copies:
        assert of.keeper(copies).clear() == 0
        made = str(read_label(disk / NAME, Kind.KEYS).id)[:8]
        told = troubles(of)[damaged] or ""
        assert f"vervangen door {made}" in told
        copies.remove(told.rpartition("key-copies forget ")[2])
        assert of.keeper(copies).clear() == 2
        assert list(troubles(of).values()) == [None]


def pulled(*_: object, **__: object) -> AbstractContextManager[SealingWriter]:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@contextmanager
def pulled_at_its_end(path: Path, kind: Kind, *rest: object, **more: object) -> Iterator[SealingWriter]:
    """The file is there, whole, and its writer does not hear of it."""
    with write_envelope(path, kind, *rest, **more) as file:  # type: ignore[arg-type]
        yield file
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("written_before", [True, False])
def test_a_disk_that_broke_while_it_was_written_does_not_give_its_number_to_the_next(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch, written_before: bool
) -> None:
    monkeypatch.setattr("transcribe.store.key_copies._on_system_disk", lambda _: False)
    consult = here.consult(1)
    if written_before:
        here.backup(disk / "een.backup")
    with here.copies() as copies:
        with monkeypatch.context() as broken:
            broken.setattr(key_copies_module, "write_envelope", pulled if written_before else pulled_at_its_end)
            with pytest.raises(OSError, match=r"Errno"):
                copies.keep(disk)
        cupboard = disk.with_name("kast")
        disk.rename(cupboard)
        disk.mkdir()
        here.backup(disk / "twee.backup")
        here.erase(consult)
        assert here.keeper(copies).clear() == 0, "the disk in the cupboard can still open it"
        assert read_label(disk / NAME, Kind.KEYS).id != read_label(cupboard / NAME, Kind.KEYS).id
        disk.rename(disk.with_name("andere"))
        cupboard.rename(disk)
        assert here.keeper(copies).clear() == 2
    assert read_copy(disk / NAME, MASTER).held() == set()


def test_a_copy_that_was_never_finished_is_begun_again(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each try on a full disk would leave one that has to be reported as destroyed."""
    with here.copies() as copies:
        for _ in range(2):
            with monkeypatch.context() as broken:
                broken.setattr(key_copies_module, "write_envelope", pulled)
                with pytest.raises(OSError, match=r"Errno"):
                    copies.keep(disk)
        copies.keep(disk)
        assert len(copies.places()) == 1


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what a descriptor is of is asked of /proc")
def test_a_disk_that_is_full_at_the_end_of_the_copy_keeps_its_number(
    here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then there was never such a file: nothing has to be reported as destroyed when there is room again."""
    consult, sync = here.consult(1), os.fsync

    def full(descriptor: int) -> None:
        if NAME in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    with monkeypatch.context() as night:
        night.setattr(os, "fsync", full)
        for _ in range(2):
            with pytest.raises(BackupProblem):
                here.backup(disk / "een.backup")
    here.backup(disk / "een.backup")
    here.erase(consult)
    with here.copies() as copies:
        assert len(copies.places()) == 1
        assert here.keeper(copies).clear() == 2


def test_the_copy_of_another_master_key_never_asks_for_that_key(here: Practice, disk: Path) -> None:
    """Of a demonstration, perhaps: who puts its master key into the practice can't start it any more."""
    with write_envelope(disk / NAME, Kind.KEYS, uuid4(), MasterKey.of(bytes(32))) as file:
        end(file)
    with pytest.raises(BackupProblem, match=r"demonstratie.*Kies een andere map\.$"):
        here.backup(disk / "een.backup", take_over=True)


def test_after_a_restore_too_a_disk_that_is_away_is_missed(
    here: Practice, there: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is left of it is an empty mount point on the disk of the system."""
    here.consult(1)
    here.backup(disk / "een.backup")
    there.restore(disk / "een.backup")
    monkeypatch.setattr("transcribe.store.key_copies._on_system_disk", lambda _: True)
    for path in list(disk.iterdir()):
        path.unlink()
    for take_over in (False, True):
        with pytest.raises(BackupProblem, match="is de schijf wel aangesloten"):
            there.backup(disk / "twee.backup", take_over=take_over)
    assert list(disk.iterdir()) == []


def of_before(path: Path) -> None:
    """As versions wrote it that did not say of which installation it is."""
    copy, label = read_copy(path, MASTER), read_label(path, Kind.KEYS)
    about = {
        "format": 1,
        "log_seq": copy.log_seq,
        "places": [{"id": str(one), "path": place} for one, place in copy.places],
    }
    with write_envelope(path, Kind.KEYS, label.id, MASTER) as file:
        for name, content in (("over", json.dumps(about).encode()), ("sleutels", copy.keys), ("bewijzen", copy.proofs)):
            put(file, name, [content])
        end(file)


def test_a_copy_that_does_not_say_whose_it_is_can_be_used(here: Practice, there: Practice, disk: Path) -> None:
    here.consult(1)
    here.backup(disk / "een.backup")
    of_before(disk / NAME)
    assert read_copy(disk / NAME, MASTER).installation is None
    assert trouble(here) is None
    assert there.restore(disk / "een.backup").sounds == 1
    with pytest.raises(NotOurs, match="--take-over"):
        there.backup(disk / "proef.backup")
    here.backup(disk / "twee.backup")
    assert read_copy(disk / NAME, MASTER).installation == here.store.installation()


def test_a_copy_that_is_not_what_was_written_last_is_told(here: Practice, disk: Path) -> None:
    here.consult(1)
    here.backup(disk / "een.backup")
    old = (disk / NAME).read_bytes()
    here.consult(2)
    here.backup(disk / "twee.backup")
    assert trouble(here) is None
    (disk / NAME).write_bytes(old)
    assert "door een oudere vervangen" in (trouble(here) or "")
    (disk / NAME).write_bytes(old[:-1])
    assert "beschadigd" in (trouble(here) or "")
    here.backup(disk / "drie.backup")
    assert trouble(here) is None


# -- a disk that does not answer -----------------------------------------------------------------------------------


@pytest.fixture
def hanging(disk: Path) -> Iterator[Path]:
    """Put something in the place of the copy of the keys that keeps everybody waiting who opens it."""
    path = disk / NAME

    yield path
    with suppress(OSError):  # let those go who still wait
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))


def test_a_disk_that_hangs_keeps_nothing_else_waiting(here: Practice, disk: Path, hanging: Path) -> None:
    other, third = disk.with_name("andere"), disk.with_name("derde")
    other.mkdir()
    third.mkdir()
    erased = here.consult(1)
    here.backup(disk / "een.backup")
    here.backup(other / "een.backup")
    hanging.unlink()
    os.mkfifo(hanging)
    here.erase(erased)
    with closing(KeyCopies(here.store, here.url, MASTER, answer_s=2)) as copies:
        keeper = here.keeper(copies)
        assert keeper.clear() == 0
        assert not read_copy(other / NAME, MASTER).held()
        told = {place.path.parent: copies.trouble(place) for place in copies.places()}
        assert "geeft geen antwoord" in (told[disk] or "")
        assert told[other] is None
        copies.refresh()
        assert copies.keep(third).path == third / NAME
        with pytest.raises(BackupProblem, match="geeft geen antwoord"):
            copies.keep(disk)
        assert len(here.store.uncleared()) == 2
        assert next(place for place in copies.places() if place.path == hanging).missed_at is not None


@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_full_disk_is_named(here: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    here.backup(disk / "een.backup")

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(f"transcribe.store.envelope.os.{call}", full)
    with pytest.raises(BackupProblem, match=f"De schijf met {disk} is vol: er is geen nieuwe reservekopie gemaakt"):
        here.backup(disk / "een.backup")
    monkeypatch.undo()
    assert verify(disk / "een.backup", disk / NAME, master_key=MASTER).contents.consults == 0


# -- a restore that is stopped -------------------------------------------------------------------------------------


class Killed(BaseException):
    """Nothing of ours catches it."""


def test_a_restore_that_is_stopped_at_its_end_can_be_done_again_anywhere(
    here: Practice, there: Practice, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.consult(1)
    here.backup(disk / "een.backup")
    monkeypatch.setattr(backup_module, "_mark", killed)
    with pytest.raises(Killed):  # just before the database keeps it
        backup_module.restore(
            disk / "een.backup",
            disk / NAME,
            url=there.url,
            blobs=there.blobs,
            master_key=MASTER,
            actor="beheerder",
            settle=killed,
        )
    assert there.query("SELECT count(*) FROM consult") == [(0,)]
    assert list(installations(there.blobs)) == [], "the mark of an installation that may never be"
    with pytest.raises(Killed):  # just after
        there.restore(disk / "een.backup")
    assert there.query("SELECT count(*) FROM consult") == [(1,)]
    with pytest.raises(BackupProblem, match="zojuist teruggezet, dan is dat af"):
        there.restore(disk / "een.backup")
    MarkedBlobs(there.blobs, there.store).check()  # what the service does
    assert there.blobs.names(there.store.installation()) == [MARK]


def killed(*_: object) -> None:
    raise Killed


# -- tables of another version -------------------------------------------------------------------------------------


def test_tables_of_another_version_are_told_in_a_sentence(here: Practice) -> None:
    here.query("ALTER TABLE consult RENAME COLUMN patient_sealed TO anders")
    with pytest.raises(OtherSchema, match="andere versie van transcribe"):
        here.consult(1)
    here.query("DROP TABLE consult, master_key CASCADE")
    with pytest.raises(OtherSchema):
        migrate(here.url)
    here.query("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OtherSchema):
        migrate(here.url)
