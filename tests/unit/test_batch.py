"""A batch brings each recording in once, whatever breaks in between, and nothing without consent."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent import How, current_text, grant, refuse
from transcribe.asr.transcript import Speaker
from transcribe.audio.together import read_head
from transcribe.batch.intake import Intake, Item, State, matched, planned, recordings
from transcribe.batch.manifest import Entry
from transcribe.batch.run import AHEAD, STILL_S, Batch, seconds, worst
from transcribe.consult import Actor, KeyPurpose, Part, Role, Search, Status
from transcribe.contact import Contact, ContactType
from transcribe.errors import DiskFull, TranscribeError
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.testing import Scripted, ScriptedDecoder, ScriptedTranscriber, scripted_service, utterances

ASSISTANT = Actor(name="B. Balie", role=Role.ASSISTENTE)
GP = Actor(name="T. Arts", role=Role.HUISARTS)
NOW = datetime.now(UTC)
WORDS = current_text("nl")
CONSENT = grant(
    how=How.SPOKEN, informed_by="B. Balie (assistente)", text_id=WORDS.id, text_sha256=WORDS.sha256,
    others_informed=True, now=NOW,
)  # fmt: skip


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
    no = refuse(informed_by="B", text_id=WORDS.id, text_sha256=WORDS.sha256, now=NOW)
    rows = [entry("A.mp4"), entry("b.mp4", consent=None), entry("c.mp4", consent=no), entry("x.mp4")]
    batch = run(service, planned(found, rows))
    assert {item.name: item.state for item in batch.items.values()} == {
        "a.mp4": State.DONE,
        "b.mp4": State.NO_CONSENT,
        "c.mp4": State.REFUSED,
        "d.mp4": State.NO_ROW,
        "x.mp4": State.NO_FILE,
    }
    assert consults(service) == [Status.DRAFTED]
    assert worst(list(batch.items.values())) is State.NO_FILE


def test_the_same_recording_is_not_done_twice_under_whatever_name(service: Scripted, tmp_path: Path) -> None:
    found = files(tmp_path, "a.mp4")
    run(service, planned(found, [entry("a.mp4")]))
    found["a.mp4"].rename(tmp_path / "b.mp4")
    batch = run(service, planned(recordings([tmp_path]), [entry("b.mp4", "P-2")]))
    assert batch.items["b.mp4"].state is State.BEFORE
    assert consults(service) == [Status.DRAFTED]


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
    one, new = intake.prepare(entry("a.mp4"), bytes(32))
    assert new
    assert intake.prepare(entry("b.mp4"), bytes(32)) == (one, False)
    other, _ = intake.prepare(entry("c.mp4"), bytes(31) + b"x")
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
    assert kept.problem is not None
    assert (tmp_path / "a.mp4").exists()


def test_a_file_that_is_still_written_is_left_alone(service: Scripted, tmp_path: Path) -> None:
    now = 0.0
    batch = Batch(Intake(service.workflow, ASSISTANT), clock=lambda: now)

    def look() -> bool:
        batch.plan(planned(recordings([tmp_path]), [entry("a.mp4")]), settled=True)
        return "a.mp4" in batch.items

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


def test_a_file_that_is_gone_since_it_was_seen(service: Scripted, tmp_path: Path) -> None:
    items = planned(files(tmp_path, "a.mp4"), [entry("a.mp4")])
    os.unlink(tmp_path / "a.mp4")  # noqa: PTH108
    item = run(service, items).items["a.mp4"]
    assert item.state is State.FAILED
    assert isinstance(item.problem, OSError)
