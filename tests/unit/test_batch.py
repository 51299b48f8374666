"""A batch brings each recording in once, whatever breaks in between, and nothing without consent."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from consent import Consent, How, current_text, grant, refuse
from transcribe.asr.transcript import Speaker
from transcribe.audio.pcm import Span
from transcribe.audio.together import read_head
from transcribe.batch.intake import Intake, NotProven, NotWritable, OtherRecording
from transcribe.batch.items import Item, State
from transcribe.batch.manifest import Entry
from transcribe.batch.matching import matched, planned, recordings
from transcribe.batch.run import AGAIN_S, AHEAD, DECODINGS, STILL_S, Batch, seconds, waits, wrong
from transcribe.batch.summary import row_of
from transcribe.consult import Action, Actor, KeyPurpose, Part, Reason, Role, Search, Status
from transcribe.contact import Contact, ContactType
from transcribe.errors import Conflict, DecoderFailed, DiskFull, NoAudioTrack, StoreUnavailable, TranscribeError
from transcribe.naming import Naming
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Section
from transcribe.speakers.profile import Enrolled, Profile
from transcribe.testing import (
    CONSULT,
    Scripted,
    ScriptedDecoder,
    ScriptedTranscriber,
    confirm_seen,
    scripted_service,
    utterances,
)

ASSISTANT = Actor(name="B. Balie", role=Role.ASSISTENTE)
GP = Actor(name="T. Arts", role=Role.HUISARTS)
NOW = datetime.now(UTC)
WORDS = current_text("nl")
CONSENT = grant(
    how=How.SPOKEN, informed_by="B. Balie (assistente)", text_id=WORDS.id, text_sha256=WORDS.sha256,
    others_informed=True, now=NOW,
)  # fmt: skip

NO = refuse(informed_by="B", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)


@pytest.fixture
def service() -> Scripted:
    return scripted_service(transcriber=ScriptedTranscriber(utterances()), drafter=ExtractiveDrafter())


def entry(name: str, ref: str = "P-1", **changed: object) -> Entry:
    return replace(Entry(name=name, row=2, ref=ref, consent=CONSENT, layout=(Speaker.ONBEKEND,)), **changed)  # type: ignore[arg-type]


def files(folder: Path, *names: str) -> dict[str, Path]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(f"sound of {name}".encode())
    return recordings([folder])


def done(service: Scripted, batch: Batch) -> Batch:
    while batch.step():
        service.work()
    return batch


def run(service: Scripted, items: list[Item], **options: bool) -> Batch:
    delete = options.pop("delete_source", False)
    batch = Batch(Intake(service.workflow, ASSISTANT, **options), delete_source=delete)
    batch.plan(items)
    return done(service, batch)


def consults(service: Scripted) -> list[Status]:
    return sorted(consult.status for consult in service.store.search(Search()))


def test_what_counts_as_a_recording(tmp_path: Path) -> None:
    found = files(tmp_path, "a.MP4", "map/b.webm", ".c.mp4", "~d.wav", "e.mp4.part", "lijst.csv", ".map/f.mp4")
    assert list(found) == ["a.MP4", "map/b.webm"]


def test_each_recording_goes_its_own_way(service: Scripted, tmp_path: Path) -> None:
    found = files(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4")
    rows = [entry("A.mp4"), entry("b.mp4", consent=None), entry("c.mp4", consent=NO), entry("x.mp4")]
    batch = run(service, planned(found, rows))
    assert {item.name: item.state for item in batch.items.values()} == {
        "a.mp4": State.DONE,
        "b.mp4": State.NO_CONSENT,
        "c.mp4": State.REFUSED,
        "d.mp4": State.NO_ROW,
        "x.mp4": State.NO_FILE,
    }
    assert consults(service) == [Status.DRAFTED]
    assert waits(batch.everything)
    assert [item.name for item in batch.everything if wrong(item)] == ["x.mp4"]
    # of one whose original was removed the file is not there either
    assert not any(wrong(item, delete_source=True) for item in batch.everything)


def test_the_same_recording_is_not_done_twice_under_whatever_name(service: Scripted, tmp_path: Path) -> None:
    found = files(tmp_path, "a.mp4")
    run(service, planned(found, [entry("a.mp4")]))
    found["a.mp4"].rename(tmp_path / "b.mp4")
    batch = run(service, planned(recordings([tmp_path]), [entry("b.mp4")]))
    assert batch.items["b.mp4"].state is State.BEFORE
    assert consults(service) == [Status.DRAFTED]


def row_shown(item: Item) -> dict[str, object]:
    return row_of(item, str, str)


def test_a_recording_that_was_done_for_another_patient_is_told(service: Scripted, tmp_path: Path) -> None:
    """A reference that was corrected, or one recording under two names for two patients: the draft is of the first."""
    found = files(tmp_path, "a.mp4")
    (tmp_path / "b.mp4").write_bytes((tmp_path / "a.mp4").read_bytes())
    batch = run(service, planned(recordings([tmp_path]), [entry("a.mp4"), entry("b.mp4", "P-2")]), delete_source=True)
    assert batch.items["a.mp4"].removed
    other = batch.items["b.mp4"]
    assert (other.state, other.removed) == (State.OTHER_REF, False)
    assert (row_shown(other)["kenmerk"], row_shown(other)["stand"]) == ("P-1", State.OTHER_REF.value)
    assert wrong(other)
    assert found["a.mp4"].exists() is False
    assert (tmp_path / "b.mp4").exists()
    assert consults(service) == [Status.DRAFTED]


@pytest.mark.parametrize("now_is", [None, NO])
def test_a_draft_whose_consent_the_list_takes_back_is_told(
    service: Scripted, tmp_path: Path, now_is: Consent | None
) -> None:
    found = files(tmp_path, "a.mp4", "b.mp4")
    run(service, planned(found, [entry("a.mp4")]))
    batch = run(service, planned(found, [entry("a.mp4", consent=now_is), entry("b.mp4", consent=now_is)]))
    assert batch.items["a.mp4"].state is State.KEPT
    assert wrong(batch.items["a.mp4"])
    assert batch.items["b.mp4"].state in (State.NO_CONSENT, State.REFUSED)
    assert consults(service) == [Status.DRAFTED]


def test_what_was_withdrawn_is_not_done_again(service: Scripted, tmp_path: Path) -> None:
    """Until the patient agrees once more, later than that."""
    found = files(tmp_path, "a.mp4")
    first = run(service, planned(found, [entry("a.mp4")])).items["a.mp4"].consult_id
    assert first is not None
    service.workflow.withdraw(GP, first)
    for again in (False, True):
        item = run(service, planned(found, [entry("a.mp4")]), again=again).items["a.mp4"]
        assert item.state is State.WITHDRAWN
    later = replace(CONSENT, recorded_at=datetime.now(UTC) + timedelta(seconds=1))
    items = planned(found, [entry("a.mp4", consent=later)])
    assert run(service, items).items["a.mp4"].state is State.GONE
    done_again = run(service, items, again=True).items["a.mp4"]
    assert done_again.state is State.DONE
    assert done_again.consult_id is not None
    # and once that one is thrown away, the withdrawal still counts
    service.workflow.discard(GP, done_again.consult_id)
    assert run(service, planned(found, [entry("a.mp4")]), again=True).items["a.mp4"].state is State.WITHDRAWN


@pytest.mark.parametrize("cut", ["create", "record_consent", "receive"])
def test_what_was_cut_off_goes_on_where_it_was(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """As if the program had been killed right after each step."""
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])

    class Killed(BaseException):
        pass

    real = getattr(service.workflow, cut)

    def killed(*given: object, **named: object) -> None:
        real(*given, **named)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(service.workflow, cut, killed)
        with pytest.raises(Killed):
            run(service, items)
    assert run(service, items).items["a.mp4"].state is State.DONE
    assert consults(service) == [Status.DRAFTED]


def test_a_machine_in_trouble_loses_nothing_and_a_bad_file_leaves_nothing(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])

    def full(*_given: object) -> None:
        raise DiskFull

    with monkeypatch.context() as patch:
        patch.setattr(service.audio, "write", full)
        batch = run(service, items)
    assert batch.items["a.mp4"].state is State.FAILED
    assert isinstance(batch.items["a.mp4"].problem, TranscribeError)
    assert consults(service) == [Status.CONSENTED]
    assert run(service, items).items["a.mp4"].state is State.DONE


def test_what_was_erased_is_done_again_only_when_asked(service: Scripted, tmp_path: Path) -> None:
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    first = run(service, items).items["a.mp4"].consult_id
    assert first is not None
    service.workflow.discard(GP, first)
    assert run(service, items).items["a.mp4"].state is State.GONE
    again = run(service, items, again=True).items["a.mp4"]
    assert again.state is State.DONE
    assert again.consult_id != first
    assert run(service, items, again=True).items["a.mp4"].state is State.BEFORE


TWO = {"layout": (Speaker.PATIENT, Speaker.HUISARTS), "second": "b.wav", "shift_s": 2.5}


def paired(found: dict[str, Path], *rows: Entry) -> list[tuple[str, str, State]]:
    return [(item.name, item.second_name, item.state) for item in planned(found, list(rows))]


def test_two_files_are_one_consult_when_the_list_says_so(tmp_path: Path) -> None:
    service = scripted_service(decoder=ScriptedDecoder(channels=2), transcriber=ScriptedTranscriber(utterances()))
    found = files(tmp_path, "a.mp4", "b.wav")
    (item,) = planned(found, [entry("a.mp4", **TWO)])
    done_item = run(service, [item]).items["a.mp4"]
    assert done_item.state is State.DONE
    assert done_item.consult_id is not None
    consult = service.workflow.consult(done_item.consult_id)
    assert consult.channels == (Speaker.PATIENT, Speaker.HUISARTS)
    with service.audio.open(consult.id, consult.upload, service.store.data_key(consult.id, KeyPurpose.SOURCE)) as file:
        stored = file.read()
    first, second = read_head(stored)
    assert stored[first.offset :] == b"sound of a.mp4sound of b.wav"
    assert (first.start_s, second.start_s) == (0.0, 2.5)
    # the other way round it is the same recording
    turned = entry("b.wav", layout=(Speaker.HUISARTS, Speaker.PATIENT), second="a.mp4")
    assert run(service, planned(found, [turned])).items["b.wav"].state is State.BEFORE
    assert run(service, [item], delete_source=True).items["a.mp4"].removed
    assert list(tmp_path.iterdir()) == []


def test_two_files_wait_for_each_other_and_for_consent(tmp_path: Path) -> None:
    found = files(tmp_path, "a.mp4")
    assert paired(found, entry("a.mp4", **TWO)) == [("a.mp4", "b.wav", State.NO_FILE)]
    found = files(tmp_path, "a.mp4", "b.wav")
    assert paired(found, entry("a.mp4", consent=None, **TWO)) == [("a.mp4", "b.wav", State.NO_CONSENT)]
    del found["a.mp4"]
    assert paired(found, entry("a.mp4", **TWO)) == [("a.mp4", "b.wav", State.NO_FILE)]


def test_two_files_are_one_consult_by_their_names_unless_the_list_says_otherwise(tmp_path: Path) -> None:
    gp, patient = "x - huisarts.m4a", "x - patient.m4a"
    found = files(tmp_path, gp, patient)
    assert paired(found) == [(gp, patient, State.NO_ROW)]
    for name in (gp, patient):
        (item,) = planned(found, [entry(name)])
        assert (item.name, item.second_name, item.state) == (gp, patient, State.READY)
        assert item.entry is not None
        assert item.entry.layout == (Speaker.HUISARTS, Speaker.PATIENT)
    assert paired(found, entry(gp), entry(patient)) == [(gp, "", State.READY), (patient, "", State.READY)]
    stereo = entry(gp, layout=(Speaker.HUISARTS, Speaker.PATIENT))
    assert paired(found, stereo) == [(gp, "", State.READY), (patient, "", State.NO_ROW)]
    sizes = {name: path.stat().st_size for name, path in found.items()}
    assert [item.second_name for item in matched(sizes, [], apart=[gp, patient])] == ["", ""]


def test_a_recording_belongs_to_the_consult_that_was_made_for_it(service: Scripted) -> None:
    intake = Intake(service.workflow, ASSISTANT)
    known = intake.prepare(entry("a.mp4"), bytes(32))
    assert (known.state, known.new) == (State.READY, True)
    assert intake.prepare(entry("b.mp4"), bytes(32)) == replace(known, new=False)
    one, other = known.consult, intake.prepare(entry("c.mp4"), bytes(31) + b"x").consult
    assert one is not None
    assert other is not None
    assert intake.belongs(one.id, bytes(32))
    assert not intake.belongs(other.id, bytes(32))
    assert not intake.belongs(one.id, bytes(31) + b"y")
    assert intake.look(Item(name="a.mp4", consult_id=one.id)).state is State.READY


def test_the_draft_is_for_the_doctor_that_the_list_names(service: Scripted, tmp_path: Path) -> None:
    began = NOW - timedelta(days=1)
    contact = Contact(kind=ContactType.VIDEO, began=began, ended=began + timedelta(minutes=8))
    rows = [entry("a.mp4", doctor="T. Arts", contact=contact, app="WeSeeDo")]
    consult_id = run(service, planned(files(tmp_path, "a.mp4"), rows)).items["a.mp4"].consult_id
    assert consult_id is not None
    (consult,) = service.workflow.search(Search(part=Part.MINE, person=GP.name))
    assert (consult.id, consult.contact) == (consult_id, contact)
    assert service.workflow.recorded_video(consult_id)[1].app == "WeSeeDo"


@pytest.mark.parametrize(
    ("by", "named", "heard"),
    [(GP, "B. Arts", "B. Arts"), (GP, "", "T. Arts"), (ASSISTANT, "B. Arts", "B. Arts"), (ASSISTANT, "", "")],
)
def test_it_is_heard_and_written_as_of_the_doctor_that_the_list_names(
    tmp_path: Path, by: Actor, named: str, heard: str
) -> None:
    """Voice, words and style: a colleague who brings it in has nothing to do with it."""
    transcriber = ScriptedTranscriber(utterances())
    service = scripted_service(transcriber=transcriber)
    profiles = {}
    written = {GP.name: "keelpijntje", "B. Arts": "pijn in de keel"}
    for name in written:
        profiles[name] = Profile(mean=(float(len(profiles)),) * 15, voiced_s=30.0)
        enrolled = Enrolled(profile=profiles[name], agreed_at=NOW, text="1")
        service.voices.keep(name, enrolled, service.writer.event(GP, Action.VOICE_ENROLLED, None))
        service.preferences.add_word(name, f"woord van {name}")
        service.preferences.add_rule(name, "keelpijn", written[name])
    batch = Batch(Intake(service.workflow, by))
    batch.plan(planned(files(tmp_path, "a.mp4"), [entry("a.mp4", doctor=named)]))
    (item,) = done(service, batch).items.values()
    assert item.consult_id is not None
    assert transcriber.profile == profiles.get(heard)
    assert transcriber.hints == ((f"woord van {heard}",) if heard else ())
    found = service.store.note(item.consult_id)
    assert found is not None
    text = " ".join(line.text for line in found[1].lines())
    assert [name for name, words in written.items() if words in text] == ([heard] if heard else [])


def test_an_original_goes_only_when_its_draft_and_the_stored_recording_can_be_read(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = planned(files(tmp_path, "a.mp4", "b.mp4"), [entry("a.mp4"), entry("b.mp4", consent=None)])
    with monkeypatch.context() as patch:
        patch.setattr(service.audio, "open", lambda *_: (_ for _ in ()).throw(DiskFull()))
        assert not Intake(service.workflow, ASSISTANT).remove_source(items[0]).removed
    batch = run(service, items, delete_source=True)
    assert batch.items["a.mp4"].removed
    assert [path.name for path in tmp_path.iterdir()] == ["b.mp4"]
    # another file has come in its place meanwhile: it stays
    (tmp_path / "a.mp4").write_bytes(b"another")
    kept = Intake(service.workflow, ASSISTANT).remove_source(replace(batch.items["a.mp4"], removed=False))
    assert not kept.removed
    assert (tmp_path / "a.mp4").exists()


def test_an_original_stays_when_the_stored_recording_can_not_be_read(service: Scripted, tmp_path: Path) -> None:
    batch = run(service, planned(files(tmp_path, "a.mp4"), [entry("a.mp4")]))
    item = batch.items["a.mp4"]
    assert item.consult_id is not None
    service.audio.delete(item.consult_id)
    kept = Intake(service.workflow, ASSISTANT).remove_source(item)
    assert not kept.removed
    assert isinstance(kept.kept, NotProven)
    assert (tmp_path / "a.mp4").exists()


def test_a_file_that_is_still_written_is_left_alone(service: Scripted, tmp_path: Path) -> None:
    now = 0.0
    batch = Batch(Intake(service.workflow, ASSISTANT), settled=True, clock=lambda: now)

    def look() -> bool:
        batch.plan(planned(recordings([tmp_path]), [entry("a.mp4")]))
        return batch.can_take

    files(tmp_path, "a.mp4")
    assert not look()
    now = STILL_S - 1
    with (tmp_path / "a.mp4").open("ab") as file:
        file.write(b" more")
    assert not look()
    now += STILL_S - 1
    assert not look()
    now += 2
    assert look()
    assert done(service, batch).items["a.mp4"].state is State.DONE


def test_it_does_not_run_ahead_of_the_workers(service: Scripted, tmp_path: Path) -> None:
    names = [f"{number}.mp4" for number in range(AHEAD + 3)]
    batch = Batch(Intake(service.workflow, ASSISTANT))
    batch.plan(planned(files(tmp_path, *names), [entry(name) for name in names]))
    for _ in range(AHEAD + 3):
        batch.step()
    assert len(consults(service)) == AHEAD
    done(service, batch)
    assert len(consults(service)) == len(names)
    spoken, all_of_it = seconds(list(batch.items.values()))
    assert spoken == all_of_it > 0


def test_a_recording_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    service = scripted_service(
        decoder=ScriptedDecoder(seconds=4 * 3600.0), transcriber=ScriptedTranscriber(utterances())
    )
    item = run(service, planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])).items["a.mp4"]
    assert item.state is State.FAILED
    assert isinstance(item.problem, TranscribeError)
    assert consults(service) == [Status.DISCARDED]
    # and the next time it still is: neither done nor removed by somebody
    second = run(service, planned(recordings([tmp_path]), [entry("a.mp4")])).items["a.mp4"]
    assert (second.state, second.reason) == (State.FAILED, Reason.UNUSABLE)
    assert wrong(second)
    assert row_shown(second)["reden"] == "De opname was niet te gebruiken; er is niets van bewaard."
    assert consults(service) == [Status.DISCARDED]
    assert run(service, planned(recordings([tmp_path]), [entry("a.mp4")]), again=True).items["a.mp4"].problem
    assert consults(service) == [Status.DISCARDED, Status.DISCARDED]


def test_one_that_can_not_be_used_leaves_nothing_for_the_doctor_it_was_for(tmp_path: Path) -> None:
    service = scripted_service(decoder=ScriptedDecoder(probe_problem=NoAudioTrack()))
    item = run(service, planned(files(tmp_path, "a.mp4"), [entry("a.mp4", doctor="T. Arts")])).items["a.mp4"]
    assert isinstance(item.problem, NoAudioTrack)
    assert consults(service) == [Status.DISCARDED]


def test_a_file_that_is_gone_since_it_was_seen(service: Scripted, tmp_path: Path) -> None:
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    os.unlink(tmp_path / "a.mp4")  # noqa: PTH108
    item = run(service, items).items["a.mp4"]
    assert item.state is State.FAILED
    assert isinstance(item.problem, OSError)


def test_a_file_that_grows_while_it_is_read_is_not_stored(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    created = service.workflow.create

    def grows(*given: object, **named: object) -> object:
        with (tmp_path / "a.mp4").open("ab") as file:
            file.write(b" more")
        return created(*given, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(service.workflow, "create", grows)
        item = run(service, items).items["a.mp4"]
    assert item.state is State.FAILED
    assert isinstance(item.problem, OtherRecording)
    assert consults(service) == [Status.DISCARDED]
    assert run(service, planned(recordings([tmp_path]), [entry("a.mp4")])).items["a.mp4"].state is State.DONE


def test_a_database_that_is_away_for_a_moment_fails_no_recording(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = Batch(Intake(service.workflow, ASSISTANT), delete_source=True)
    batch.plan(planned(files(tmp_path, "a.mp4"), [entry("a.mp4")]))

    def away(*_given: object, **_named: object) -> None:
        raise StoreUnavailable

    for step in ("create", "receive", "proven"):
        with monkeypatch.context() as patch:
            patch.setattr(service.workflow, step, away)
            with pytest.raises(StoreUnavailable):
                done(service, batch)
    item = done(service, batch).items["a.mp4"]
    assert (item.state, item.removed) == (State.DONE, True)
    assert consults(service) == [Status.DRAFTED]


def test_two_programs_with_one_folder_end_with_one_consult(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one was first, between our look and our writing."""
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    real = service.workflow.create

    def second(*given: object, **named: object) -> None:
        real(*given, **named)  # type: ignore[arg-type]
        raise Conflict

    with monkeypatch.context() as patch:
        patch.setattr(service.workflow, "create", second)
        assert run(service, items).items["a.mp4"].state is State.DONE
    assert consults(service) == [Status.DRAFTED]


def test_what_the_practice_does_not_know_is_said_before_anything_is_made(service: Scripted, tmp_path: Path) -> None:
    video = Contact(kind=ContactType.VIDEO)
    rows = [entry("a.mp4", app="Onbekend", contact=video), entry("b.mp4", doctor="x" * 101), entry("c.mp4", "P" * 65)]
    batch = run(service, planned(files(tmp_path, "a.mp4", "b.mp4", "c.mp4"), rows))
    assert {item.state for item in batch.items.values()} == {State.BAD_ROW}
    assert all(not item.digest and item.problem for item in batch.items.values())
    assert consults(service) == []


# --- removing originals --------------------------------------------------------------------------------------------


def test_a_link_is_no_original(service: Scripted, tmp_path: Path) -> None:
    (tmp_path / "elders").mkdir()
    (tmp_path / "elders" / "a.mp4").write_bytes(b"sound")
    (tmp_path / "hier").mkdir()
    (tmp_path / "hier" / "a.mp4").symlink_to(tmp_path / "elders" / "a.mp4")
    batch = run(service, planned(recordings([tmp_path / "hier"]), [entry("a.mp4")]), delete_source=True)
    item = batch.items["a.mp4"]
    assert (item.state, item.removed) == (State.DONE, False)
    assert "verwijzing" in str(row_shown(item)["reden"])
    assert wrong(item)
    assert (tmp_path / "hier" / "a.mp4").is_symlink()


def test_an_original_of_which_a_part_is_missing_stays_and_says_so(tmp_path: Path) -> None:
    """Whoever can mend it, or finds a better copy, still needs it; the draft is of the rest."""
    service = scripted_service(
        decoder=ScriptedDecoder(missing=(Span(start_s=4.0, end_s=8.0),)), transcriber=ScriptedTranscriber(utterances())
    )
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    item = run(service, items).items["a.mp4"]
    assert item.state is State.DONE
    assert "beschadigd" in str(row_shown(item)["reden"])
    item = run(service, items, delete_source=True).items["a.mp4"]
    assert (item.state, item.removed) == (State.BEFORE, False)
    assert "deel ervan was niet te lezen" in str(row_shown(item)["reden"])
    assert wrong(item, delete_source=True)
    assert item.path is not None
    assert item.path.exists()


def test_channels_that_are_not_there_are_said(service: Scripted, tmp_path: Path) -> None:
    """The list names who is on which channel, and the recording has one for everybody."""
    sides = (Speaker.HUISARTS, Speaker.PATIENT)
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4", layout=sides)])
    for state in (State.DONE, State.BEFORE):
        item = run(service, items).items["a.mp4"]
        assert item.state is state
        assert "kolom kanalen past niet" in str(row_shown(item)["reden"])


def test_speakers_who_were_put_right_at_the_consult_agree_with_the_list(tmp_path: Path) -> None:
    """The list named the channels the wrong way round. Its row was mended and the voices were, at the consult: done."""
    service = scripted_service(decoder=ScriptedDecoder(channels=2), transcriber=ScriptedTranscriber(CONSULT))
    sides = (Speaker.PATIENT, Speaker.HUISARTS)
    found = files(tmp_path, "a.mp4")
    consult_id = run(service, planned(found, [entry("a.mp4", layout=sides)])).items["a.mp4"].consult_id
    assert consult_id is not None
    mended = planned(found, [entry("a.mp4", layout=sides[::-1])])
    assert run(service, mended).items["a.mp4"].state is State.OTHER_LAYOUT
    version = service.workflow.consult(consult_id).version
    Naming(store=service.store, writer=service.writer).name(GP, consult_id, version, None)
    service.work()
    assert run(service, mended).items["a.mp4"].state is State.BEFORE


def test_an_original_whose_draft_was_signed_goes_too(service: Scripted, tmp_path: Path) -> None:
    """Its stored recording was destroyed with the signature, as it should be: the note stands for it."""
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    consult_id = run(service, items).items["a.mp4"].consult_id
    assert consult_id is not None
    version = service.workflow.consult(consult_id).version
    service.workflow.add_line(GP, consult_id, version, Section.P, "Controle over een week.")
    for line_id in service.workflow.review(GP, consult_id).flags:
        confirm_seen(service.workflow, GP, consult_id, line_id)
    service.workflow.approve(GP, consult_id, service.workflow.review(GP, consult_id).sha256)
    assert run(service, items, delete_source=True).items["a.mp4"].removed


def test_an_original_stays_when_another_recording_is_stored(service: Scripted, tmp_path: Path) -> None:
    batch = run(service, planned(files(tmp_path, "a.mp4"), [entry("a.mp4")]))
    item = batch.items["a.mp4"]
    assert item.consult_id is not None
    consult = service.workflow.consult(item.consult_id)
    key = service.store.data_key(consult.id, KeyPurpose.SOURCE)
    service.audio.write(consult.id, consult.upload, key, [b"something else"])
    kept = Intake(service.workflow, ASSISTANT).remove_source(item)
    assert isinstance(kept.kept, NotProven)
    assert (tmp_path / "a.mp4").exists()


def test_of_two_files_both_go_or_none(service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = planned(files(tmp_path, "a.mp4", "b.wav"), [entry("a.mp4", **TWO)])
    real = Path.rename

    def stuck(path: Path, target: Path) -> Path:
        if path.name == "b.wav":
            raise PermissionError(13, "no")
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stuck)
        item = run(service, items, delete_source=True).items["a.mp4"]
    assert isinstance(item.kept, NotWritable)
    assert wrong(item)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.wav"]
    assert run(service, items, delete_source=True).items["a.mp4"].removed
    assert list(tmp_path.iterdir()) == []


# --- a folder that is watched --------------------------------------------------------------------------------------


class Watching:
    """A watched folder, by a clock of our own."""

    def __init__(self, service: Scripted, folder: Path, **options: bool) -> None:
        self.service = service
        self.folder = folder
        self.now = 0.0
        self.batch = Batch(Intake(service.workflow, ASSISTANT), settled=True, clock=lambda: self.now, **options)

    def goes_on(self, *rows: Entry) -> dict[str, State]:
        """For as long as it takes: what is there is looked at, taken in and drafted."""
        for _ in range(6):
            self.batch.plan(planned(recordings([self.folder]), list(rows)))
            self.batch.step()
            self.service.work()
            self.now += STILL_S
        return {item.name: item.state for item in self.batch.items.values()}


def test_a_file_that_went_on_after_a_pause_is_done_whole(service: Scripted, tmp_path: Path) -> None:
    watching = Watching(service, tmp_path)
    files(tmp_path, "a.mp4")
    assert watching.goes_on(entry("a.mp4")) == {"a.mp4": State.DONE}
    with (tmp_path / "a.mp4").open("ab") as file:
        file.write(b" and the rest")
    assert watching.goes_on(entry("a.mp4")) == {"a.mp4": State.DONE}
    assert consults(service) == [Status.DRAFTED, Status.DRAFTED]
    half, whole = watching.batch.everything
    assert half.consult_id != whole.consult_id
    assert "daarna veranderd" in str(row_shown(half)["reden"])
    os.utime(tmp_path / "a.mp4", (1, 1))  # a time is no other recording
    assert watching.goes_on(entry("a.mp4")) == {"a.mp4": State.BEFORE}
    assert len(watching.batch.everything) == 2


def test_another_recording_of_a_name_that_was_done_and_removed(service: Scripted, tmp_path: Path) -> None:
    watching = Watching(service, tmp_path, delete_source=True)
    files(tmp_path, "consult.mp4")
    watching.goes_on(entry("consult.mp4"))
    assert watching.batch.items["consult.mp4"].removed
    assert watching.goes_on(entry("consult.mp4")) == {"consult.mp4": State.DONE}, "it stays as it is"
    (tmp_path / "consult.mp4").write_bytes(b"of the next day")
    assert watching.goes_on(entry("consult.mp4")) == {"consult.mp4": State.OTHER_FILE}
    assert watching.goes_on() == {"consult.mp4": State.NO_ROW}, "for a moment the list does not name it"
    assert watching.goes_on(entry("consult.mp4")) == {"consult.mp4": State.OTHER_FILE}
    waiting = watching.batch.items["consult.mp4"]
    assert "pas de regel in de lijst aan" in str(row_shown(waiting)["reden"])
    assert wrong(waiting)
    assert consults(service) == [Status.DRAFTED], "neither patient nor consent are of this one"
    assert (tmp_path / "consult.mp4").exists()
    corrected = entry("consult.mp4", "P-2", given={"kenmerk": "P-2"})
    assert watching.goes_on(corrected) == {"consult.mp4": State.DONE}
    assert consults(service) == [Status.DRAFTED, Status.DRAFTED]
    assert list(tmp_path.iterdir()) == []


def test_another_recording_over_one_that_was_done(service: Scripted, tmp_path: Path) -> None:
    watching = Watching(service, tmp_path)
    files(tmp_path, "consult.mp4")
    watching.goes_on(entry("consult.mp4"))
    (tmp_path / "consult.mp4").write_bytes(b"of the next day, and longer")
    assert watching.goes_on(entry("consult.mp4")) == {"consult.mp4": State.OTHER_FILE}
    files(tmp_path, "consult.mp4")
    assert watching.goes_on(entry("consult.mp4")) == {"consult.mp4": State.BEFORE}, "the first one was put back"
    assert consults(service) == [Status.DRAFTED]


def test_the_other_half_of_a_pair_that_comes_later(tmp_path: Path) -> None:
    service = scripted_service(decoder=ScriptedDecoder(channels=2), transcriber=ScriptedTranscriber(utterances()))
    watching = Watching(service, tmp_path)
    gp, patient = "x - huisarts.m4a", "x - patient.m4a"
    files(tmp_path, gp)
    watching.goes_on(entry(gp))
    files(tmp_path, patient)
    assert watching.goes_on(entry(gp)) == {gp: State.DONE}
    assert watching.batch.items[gp].second_name == patient
    assert len(consults(service)) == 2


@pytest.mark.parametrize("of", ["huisarts", "patient"])
def test_a_pair_of_the_next_day_under_the_name_of_one_file(tmp_path: Path, of: str) -> None:
    service = scripted_service(decoder=ScriptedDecoder(channels=2), transcriber=ScriptedTranscriber(utterances()))
    watching = Watching(service, tmp_path, delete_source=True)
    row = entry(f"x - {of}.m4a", given={"bestand": f"x - {of}.m4a"})
    files(tmp_path, f"x - {of}.m4a")
    watching.goes_on(row)
    for who in ("huisarts", "patient"):
        (tmp_path / f"x - {who}.m4a").write_bytes(f"{who} of the next day".encode())
    assert State.OTHER_FILE in watching.goes_on(row).values()
    assert len(consults(service)) == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_what_failed_for_a_full_disk_is_tried_again(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = Watching(service, tmp_path)
    files(tmp_path, "a.mp4")
    tries = []

    def full(*_given: object) -> None:
        tries.append(watching.now)
        raise DiskFull

    with monkeypatch.context() as patch:
        patch.setattr(service.audio, "write", full)
        assert watching.goes_on(entry("a.mp4")) == {"a.mp4": State.FAILED}
    assert len(tries) == 1, "not again and again"
    watching.now += AGAIN_S
    assert watching.goes_on(entry("a.mp4")) == {"a.mp4": State.DONE}


def test_what_the_list_says_anew_of_what_was_begun_is_looked_at(service: Scripted, tmp_path: Path) -> None:
    watching = Watching(service, tmp_path)
    files(tmp_path, "a.mp4")

    def row(consent: Consent | None, ref: str = "P-1") -> Entry:
        return entry("a.mp4", ref, consent=consent, given={"kenmerk": ref, "toestemming": str(consent and consent.how)})

    assert watching.goes_on(row(CONSENT)) == {"a.mp4": State.DONE}
    assert watching.goes_on(row(replace(CONSENT, id=uuid4()))) == {"a.mp4": State.DONE}, "read anew, the same"
    assert watching.goes_on(row(CONSENT, "P-2")) == {"a.mp4": State.OTHER_REF}
    assert watching.goes_on(row(NO)) == {"a.mp4": State.KEPT}
    assert watching.goes_on() == {"a.mp4": State.NO_ROW}
    assert watching.goes_on(row(CONSENT)) == {"a.mp4": State.BEFORE}
    assert len(watching.batch.everything) == 1


def test_lines_of_what_is_not_there_any_more_go(service: Scripted, tmp_path: Path) -> None:
    watching = Watching(service, tmp_path)
    files(tmp_path, "a.mp4", "b.mp4")
    assert set(watching.goes_on(entry("a.mp4"), entry("x.mp4"))) == {"a.mp4", "b.mp4", "x.mp4"}
    for path in tmp_path.iterdir():
        path.unlink()
    assert watching.goes_on() == {"a.mp4": State.DONE}


def test_a_file_without_consent_is_not_read_while_it_is_written(
    service: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = Watching(service, tmp_path)
    files(tmp_path, "a.mp4")
    watching.batch.plan(planned(recordings([tmp_path]), [entry("a.mp4", consent=None)]))
    assert watching.batch.items["a.mp4"].state is State.NO_CONSENT
    assert not watching.batch.can_take
    watching.now += STILL_S
    assert watching.batch.can_take


def test_nothing_is_taken_in_while_the_list_is_broken(service: Scripted, tmp_path: Path) -> None:
    batch = Batch(Intake(service.workflow, ASSISTANT))
    batch.plan(planned(files(tmp_path, "a.mp4"), [entry("a.mp4")]))
    batch.step(take=False)
    assert consults(service) == []
    batch.step()
    service.work()
    batch.step(take=False)
    assert batch.items["a.mp4"].state is State.DONE, "what is under way is looked at"


def test_what_the_decoder_could_not_do_is_tried_a_few_times(tmp_path: Path) -> None:
    """It may have been killed, or been too slow: nobody knows that the file is at fault."""
    decoder = ScriptedDecoder(probe_problem=DecoderFailed())
    service = scripted_service(decoder=decoder, transcriber=ScriptedTranscriber(utterances()))
    watching = Watching(service, tmp_path)
    files(tmp_path, "a.mp4")
    tries = []
    for _ in range(DECODINGS + 2):
        assert watching.goes_on(entry("a.mp4")) == {"a.mp4": State.FAILED}
        tries.append(watching.batch._undecoded.total())
        watching.now += AGAIN_S
    assert tries == [*range(1, DECODINGS + 1), DECODINGS, DECODINGS]
    assert consults(service) == [Status.CONSENTED]
    object.__setattr__(decoder, "probe_problem", None)
    assert run(service, planned(recordings([tmp_path]), [entry("a.mp4")])).items["a.mp4"].state is State.DONE
