"""A patient asks to see all, or to have it erased: what is handed over, what goes, and what can't go wrong."""

from __future__ import annotations

import io
import json
import stat
import wave
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import How, current_text, grant
from transcribe.asr.transcript import Speaker
from transcribe.audio.pcm import RATE_HZ
from transcribe.consult import Action, Actor, Change, KeyPurpose, Role, Search, Status
from transcribe.erasure import GROUNDS, ON_REQUEST, month_of
from transcribe.errors import Conflict, Erased, InvalidInput, NotFound, StoreUnavailable
from transcribe.rights import PatientRights
from transcribe.rights_cli import HEADINGS, proof_row
from transcribe.rights_pages import DRAFT, Answer, private_zip, put_pages, put_sound, sound_name
from transcribe.soep.note import note_text
from transcribe.testing import CONSULT, Scripted, confirm_seen, scripted_service
from transcribe.writer import PCM

GP = Actor(name="Dr. Test", role=Role.HUISARTS)
ADMIN = Actor(name="beheer", role=Role.SYSTEEM)
WORDS = current_text()
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Practice:
    def __init__(self) -> None:
        self.service: Scripted = scripted_service()
        service = self.service
        self.rights = PatientRights(
            store=service.store, audio=service.audio, spool=service.spool, writer=service.writer
        )

    def consented(self, ref: str = "P-1") -> UUID:
        workflow = self.service.workflow
        consult = workflow.create(GP, ref)
        given = grant(
            how=How.SPOKEN,
            informed_by="Dr. Test",
            text_id=WORDS.id,
            text_sha256=WORDS.sha256,
            others_informed=True,
            now=datetime.now(UTC),
        )
        return workflow.record_consent(GP, consult.id, given).id

    def drafted(self, ref: str = "P-1") -> UUID:
        consult_id = self.consented(ref)
        self.service.workflow.receive(GP, consult_id, [b"sound"], (Speaker.HUISARTS,))
        self.service.work()
        return consult_id

    def approved(self, ref: str = "P-1") -> UUID:
        consult_id = self.drafted(ref)
        workflow = self.service.workflow
        for line_id in workflow.review(GP, consult_id).flags:
            confirm_seen(workflow, GP, consult_id, line_id)
        workflow.approve(GP, consult_id, workflow.review(GP, consult_id).sha256)
        return consult_id

    def running(self, ref: str = "P-1") -> UUID:
        consult_id = self.consented(ref)
        self.service.recorder.start(GP, consult_id, (Speaker.ONBEKEND,))
        return consult_id

    def handed_over(self, path: Path, ref: str = "P-1", *, decided_by: str = "") -> zipfile.ZipFile:
        """As the command does it."""
        consults = self.rights.consults(ref)
        with private_zip(path) as target:
            self.rights.give_access(ADMIN, consults, decided_by=decided_by)
            sounding = []
            for consult in consults:
                if (sound := self.rights.sound(consult)) is not None:
                    put_sound(target, consult, sound)
                    sounding.append(consult)
            held = [self.rights.held(consult.id, drafts=bool(decided_by)) for consult in consults]
            answer = Answer(
                at=NOW, patient_ref=ref, practice="", held=held, drafts=bool(decided_by), decided_by=decided_by
            )
            put_pages(target, answer, sounding)
        return zipfile.ZipFile(path)


@pytest.fixture
def practice() -> Practice:
    return Practice()


# -- to see --------------------------------------------------------------------------------------------------------


def test_all_of_one_patient_and_nothing_of_another(practice: Practice, tmp_path: Path) -> None:
    mine = {practice.approved(), practice.approved("p 1"), practice.consented("P-1")}
    practice.approved("P-2")
    assert {consult.id for consult in practice.rights.consults("P-1")} == mine - {
        one.id for one in practice.service.store.search(Search()) if one.patient_ref == "p 1"
    }
    with practice.handed_over(tmp_path / "inzage.zip") as file:
        document, page = file.read("gegevens.json").decode(), file.read("index.html").decode()
    assert "P-2" not in document + page
    assert len(json.loads(document)["consulten"]) == 2


def test_a_signed_note_its_consent_and_who_saw_it(practice: Practice, tmp_path: Path) -> None:
    consult_id = practice.approved()
    practice.service.workflow.deliver(GP, consult_id)
    (note,) = practice.rights.held(consult_id, drafts=False).notes
    with practice.handed_over(tmp_path / "inzage.zip") as file:
        assert set(file.namelist()) == {"gegevens.json", "index.html"}, "the sound went at the approval"
        (consult,) = json.loads(file.read("gegevens.json"))["consulten"]
        page = file.read("index.html").decode()
    lines = [line.text for line in note.note.lines()]
    assert [row["tekst"] for report in consult["verslagen"][0]["regels"] for row in report] == lines
    assert consult["verslagen"][0]["stand"] == "vastgesteld"
    assert consult["akkoord"][0]["door"] == "Dr. Test"
    assert consult["toestemming"][0]["status"] == "gegeven"
    assert consult["overgenomen_in_his"]
    assert [one["waarom"] for one in consult["vernietigd"]] == ["na akkoord"]
    told = [one["wat"] for one in consult["wie_deed_wat"]]
    assert {Action.NOTE_VIEWED, Action.APPROVED, Action.COPIED} <= set(told)
    assert told[-1] == Action.ACCESS_GIVEN, "that it was handed over is in what is handed over"
    assert all(line in page for line in lines)
    assert DRAFT not in page


def test_a_draft_stays_out_until_a_doctor_decides(practice: Practice, tmp_path: Path) -> None:
    """Promise 2, and AVG art. 15: with the sound and what was said, and without what nobody verified."""
    consult_id = practice.drafted()
    _, draft = practice.service.store.note(consult_id)  # type: ignore[misc]
    with practice.handed_over(tmp_path / "een.zip") as file:
        without = file.read("gegevens.json").decode() + file.read("index.html").decode()
        names = file.namelist()
    said = {utterance.text for utterance in CONSULT}
    assert not [line.text for line in draft.lines() if line.text in without and line.text not in said]
    assert "dat staat hier niet bij" in without
    assert json.loads(without[: without.index("<!doctype")])["consulten"][0]["concepten_niet_meegegeven"] == 1
    assert CONSULT[0].text in without
    assert sound_name(practice.service.store.consult(consult_id)) in names

    with practice.handed_over(tmp_path / "twee.zip", decided_by="Dr. Test") as file:
        document, page = json.loads(file.read("gegevens.json")), file.read("index.html").decode()
    rows = [row for report in document["consulten"][0]["verslagen"][0]["regels"] for row in report]
    assert rows
    assert all(row["tekst"].startswith(DRAFT) for row in rows), "no row can be taken for a note"
    assert page.count(f"<span class=mark>{DRAFT}</span>") == len(rows)
    assert practice.service.store.events()[-1].detail == "met concepten"


def test_what_was_changed_after_the_signature_is_a_draft_again(practice: Practice) -> None:
    consult_id = practice.approved()
    workflow = practice.service.workflow
    line = next(practice.rights.held(consult_id, drafts=False).notes[0].note.lines())
    workflow.edit_line(GP, consult_id, workflow.consult(consult_id).version, line.id, "Andere woorden.")
    held = practice.rights.held(consult_id, drafts=False)
    assert (len(held.notes), held.drafts) == (1, 1)
    assert "Andere woorden." not in note_text(held.notes[0].note)
    assert len(practice.rights.held(consult_id, drafts=True).notes) == 2


def test_the_sound_is_a_wav_of_the_recording(practice: Practice, tmp_path: Path) -> None:
    consult_id = practice.drafted()
    store, audio = practice.service.store, practice.service.audio
    with audio.open(consult_id, PCM, store.data_key(consult_id, KeyPurpose.SOURCE)) as stored:
        pcm = stored.read()
    with practice.handed_over(tmp_path / "inzage.zip") as file:
        wav = file.read(f"geluid/{consult_id}.wav")
    with wave.open(io.BytesIO(wav)) as sound:
        assert (sound.getframerate(), sound.getsampwidth()) == (RATE_HZ, 2)
        assert sound.readframes(sound.getnframes()) == pcm


def test_markup_in_what_was_said_is_text(practice: Practice, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    practice.approved(hostile)
    with practice.handed_over(tmp_path / "inzage.zip", hostile) as file:
        page = file.read("index.html").decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_file_is_for_our_eyes_only_and_whole_or_not_there(practice: Practice, tmp_path: Path) -> None:
    practice.drafted()
    path = tmp_path / "inzage.zip"
    practice.handed_over(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError), private_zip(path):
        raise AssertionError
    with pytest.raises(ZeroDivisionError), private_zip(tmp_path / "half.zip") as file:
        file.writestr("a", str(1 / 0))
    assert [found.name for found in tmp_path.iterdir()] == ["inzage.zip"]


def test_what_was_erased_is_proven_and_nothing_more(practice: Practice, tmp_path: Path) -> None:
    consult_id = practice.approved()
    practice.rights.erase(ADMIN, consult_id)
    with practice.handed_over(tmp_path / "inzage.zip") as file:
        (consult,) = json.loads(file.read("gegevens.json"))["consulten"]
    assert consult["verslagen"] == []
    assert consult["transcript"] is None
    assert [one["waarom"] for one in consult["vernietigd"]] == ["na akkoord", "op verzoek van de patiënt"]


# -- to be erased --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", ["consented", "running", "drafted", "approved"])
def test_it_goes_whatever_is_being_done_with_it(practice: Practice, made: str) -> None:
    consult_id = getattr(practice, made)()
    live = practice.service.recorder.open(GP, consult_id) if made == "running" else None
    if live:
        live.append(b"\1\0" * 1000)
    store = practice.service.store
    assert practice.rights.erase(ADMIN, consult_id) is True
    if live:
        with pytest.raises(NotFound):
            live.append(b"\1\0")
    assert store.consult(consult_id).status in {Status.DISCARDED, Status.ERASED}
    assert store.consult(consult_id).patient_ref == ""
    assert practice.service.audio.names(consult_id) == []
    assert practice.service.spool.consults() == []
    for purpose in KeyPurpose:
        with pytest.raises(Erased):
            store.data_key(consult_id, purpose)
    proofs = store.certificates(consult_id)
    assert {proof.purpose for proof in proofs} == set(KeyPurpose)
    assert proofs[-1].why == ON_REQUEST
    assert store.events(consult_id)[-1].action is Action.ERASED
    assert [consult.id for consult in practice.rights.consults("P-1")] == [consult_id], "the proof is found back"
    assert practice.rights.erase(ADMIN, consult_id) is False
    assert store.certificates(consult_id) == proofs


@pytest.mark.parametrize("status", [Status.REFUSED, Status.WITHDRAWN, Status.DISCARDED, Status.ERASED])
def test_what_had_ended_already_is_erased_to_the_last(practice: Practice, status: Status) -> None:
    store, consult_id = practice.service.store, practice.approved()
    consult = store.consult(consult_id)
    # the status alone: whatever left a key behind
    event = practice.service.writer.event(ADMIN, Action.ERASED, consult_id)
    store.apply(Change(consult=replace(consult, status=status, version=consult.version + 1), audit=event))
    assert practice.rights.erase(ADMIN, consult_id) is True
    assert store.consult(consult_id).status is Status.ERASED
    with pytest.raises(Erased):
        store.data_key(consult_id, KeyPurpose.RECORD)


def test_somebody_who_is_always_first_is_named(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    consult_id = practice.drafted()
    store = practice.service.store
    real, tries = store.apply, []

    def beaten(change):
        tries.append(change)
        if len(tries) < limit:
            raise Conflict
        real(change)

    monkeypatch.setattr(store, "apply", beaten)
    limit = 1_000
    with pytest.raises(Conflict):
        practice.rights.erase(ADMIN, consult_id)
    limit = len(tries) + 5
    assert practice.rights.erase(ADMIN, consult_id) is True


def test_sound_that_can_not_be_reached_now_keeps_nothing_readable(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    consult_id = practice.drafted()
    audio = practice.service.audio

    def away(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(audio, "delete", away)
    assert practice.rights.erase(ADMIN, consult_id) is True
    with pytest.raises(Erased):
        practice.service.store.data_key(consult_id, KeyPurpose.SOURCE)
    practice.service.keeper.clear()
    assert any(proof.cleared_at is None for proof in practice.service.store.certificates(consult_id))
    monkeypatch.undo()
    practice.service.keeper.clear()
    assert all(proof.cleared_at for proof in practice.service.store.certificates(consult_id))
    assert audio.names(consult_id) == []


@settings(max_examples=15)
@given(st.lists(st.sampled_from(["consented", "running", "drafted", "approved"]), min_size=1, max_size=4), st.data())
def test_who_was_stopped_half_way_comes_back(made: list[str], data: st.DataObject) -> None:
    """Whatever was erased before it was stopped: the next round leaves nothing, and one proof for each key."""
    practice = Practice()
    consults = [getattr(practice, one)() for one in made]
    before = data.draw(st.integers(0, len(consults)))
    for consult_id in consults[:before]:
        practice.rights.erase(ADMIN, consult_id)
    for consult in practice.rights.consults("P-1"):
        practice.rights.erase(ADMIN, consult.id)
    for consult_id in consults:
        proofs = [proof.purpose for proof in practice.service.store.certificates(consult_id)]
        assert sorted(proofs) == sorted(KeyPurpose)
        assert practice.service.audio.names(consult_id) == []


# -- the list of what was destroyed --------------------------------------------------------------------------------


def test_each_reason_to_destroy_has_words_and_a_rule(practice: Practice) -> None:
    consult_id = practice.approved()
    practice.rights.erase(ADMIN, consult_id)
    rows = [proof_row(proof) for proof in practice.service.store.certificates(consult_id)]
    assert all(len(row) == len(HEADINGS) and all(row) for row in rows)
    assert all("P-1" not in cell for row in rows for cell in row)
    assert {row[-1] for row in rows} == {"nog niet"}
    assert {"akkoord", "intrekking", "verwijderd", "gewist", "bewaartermijn", ON_REQUEST} <= set(GROUNDS)


def test_a_month_is_that_of_the_practice() -> None:
    since, before = month_of("2026-11")
    assert since.astimezone(UTC) == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert before - since == timedelta(days=30)
    assert month_of("2026-12")[1].year == 2027
    for wrong in ("", "2026-13", "november", "2026-1", "2026-11-01"):
        with pytest.raises(InvalidInput):
            month_of(wrong)
