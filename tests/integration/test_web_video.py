"""A video consult on the screens: what is recorded of it before the draft and after, and its line in the note."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.integration.test_web import DRAFT, HUISARTS, House, make_house
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, Actor, Change, KeyPurpose, Role, Status
from transcribe.contact import Contact, ContactType
from transcribe.errors import Erased
from transcribe.policy import job_for
from transcribe.soep.note import Line, Report, Section, note_text
from transcribe.testing import ScriptedTranscriber, confirm_seen
from transcribe.video import Identity, Video, VideoPresets

PRACTICE = VideoPresets(apps=("WeSeeDo", "Zaurus"), app="WeSeeDo")
USUAL = (
    "Videoconsult via WeSeeDo; verbinding goed; identiteit gecontroleerd (geboortedatum); "
    "kon vrijuit spreken; beperkingen besproken."
)
BLANK = {"app": "", "verbinding": "", "toestel": "", "identiteit": "", "aanwezig": "", "reden": ""}
MEDICINE = replace(
    DRAFT, reports=(Report(id="R1", lines=(Line(id="L2", section=Section.P, text="Miconazol 2dd.", evidence=(2,)),)),)
)


def opened(house: House) -> House:
    house.client.get(f"/start?ticket={house.access.ticket()}")
    house.service.preferences.set_video_presets(PRACTICE)
    return house


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        yield opened(made)


def of_kind(house: House, consult_id: UUID, kind: ContactType = ContactType.VIDEO) -> UUID:
    old = house.consult(consult_id)
    new = replace(old, version=old.version + 1, contact=Contact(kind=kind))
    event = house.service.writer.event(HUISARTS, Action.CONTACT_CHANGED, consult_id)
    house.store.apply(Change(consult=new, audit=event))
    return consult_id


def record(house: House, consult_id: UUID, seen: int = 0, *, htmx: bool = True, **fields: str) -> Any:
    asked = BLANK | {"versie": str(seen)} | fields
    return house.post(f"/consult/{consult_id}/video", htmx=htmx, **asked)


def change(house: House, consult_id: UUID, version: int | None = None, **fields: str) -> Any:
    asked = BLANK | {"versie": str(version or house.version(consult_id))} | fields
    return house.post(f"/consult/{consult_id}/verslag/video", htmx=True, **asked)


def page_of(house: House, consult_id: UUID) -> str:
    return html.unescape(house.client.get(f"/consult/{consult_id}").text)


def to_copy(house: House, consult_id: UUID) -> str:
    return house.workflow.review(HUISARTS, consult_id, first=False).text


def drafted(house: House) -> UUID:
    """With "alles in orde" recorded before the recording."""
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    assert record(house, consult_id, alles="ja").status_code == 200
    house.workflow.receive(HUISARTS, consult_id, [b"RIFF"], (Speaker.HUISARTS, Speaker.PATIENT))
    house.service.work()
    return consult_id


def sign(house: House, consult_id: UUID) -> None:
    for line in house.workflow.review(HUISARTS, consult_id, first=False).flags:
        confirm_seen(house.workflow, HUISARTS, consult_id, line)
    house.workflow.approve(HUISARTS, consult_id, house.workflow.review(HUISARTS, consult_id, first=False).sha256)


# --- before the draft -----------------------------------------------------------------------------------------------


def test_only_a_video_consult_has_the_block_and_only_for_who_records(house: House) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    assert 'id="video"' not in page_of(house, consult_id)
    assert record(house, consult_id, alles="ja").status_code == 422
    for kind in ContactType:
        of_kind(house, consult_id, kind)
        assert ('id="video"' in page_of(house, consult_id)) == (kind is ContactType.VIDEO)


@pytest.mark.parametrize("kind", [None, *ContactType])
def test_the_recorder_begins_with_a_video_call_at_a_video_consult_only(house: House, kind: ContactType | None) -> None:
    consult_id = house.consult_at(Status.CONSENTED)
    if kind:
        of_kind(house, consult_id, kind)
    recorder = page_of(house, consult_id).split("data-recorder")[1].split("</fieldset>")[0]
    layout = "huisarts-links" if kind is ContactType.VIDEO else "gemengd"
    assert re.findall(r'value="([^"]*)" checked', recorder) == [layout]


@pytest.mark.parametrize("status", [Status.CONSENTED, Status.RECORDED])
def test_all_in_order_is_one_click_that_says_beforehand_what_it_records(house: House, status: Status) -> None:
    consult_id = of_kind(house, house.consult_at(status))
    page = page_of(house, consult_id)
    assert "Videogegevens nog niet vastgelegd" in page
    assert f"“Alles in orde” legt vast: {USUAL}" in page
    answer = record(house, consult_id, alles="ja")
    assert f'role="status">{USUAL}' in answer.text
    assert "Alles in orde" not in answer.text
    # written out already, the page may go at any moment: what is more is filled in beside the draft
    assert ('id="video-wijzigen" hidden' in answer.text) == (status is Status.RECORDED)
    assert house.workflow.recorded_video(consult_id)[0] == 1
    assert house.actions()[-1] is Action.VIDEO_RECORDED
    assert USUAL in page_of(house, consult_id)


def test_the_form_begins_with_nothing_chosen(house: House) -> None:
    """What it sends along unasked would be said in the note."""
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    form = page_of(house, consult_id).split('id="video-form"')[1].split("</form>")[0]
    assert re.findall(r"<option[^>]* selected>(.*?)</option>", form) == ["niet vastgelegd"]
    assert " checked" not in form
    record(house, consult_id, app="Zaurus")
    form = page_of(house, consult_id).split('id="video-form"')[1].split("</form>")[0]
    assert re.findall(r"<option[^>]* selected>(.*?)</option>", form) == ["Zaurus"]


def test_what_was_filled_in_stays_and_without_a_script_too(house: House) -> None:
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    answer = record(
        house, consult_id, htmx=False, app="Zaurus", verbinding="slecht", toestel="tablet",
        identiteit="bekende patiënt", aanwezig="dochter", vrijuit="ja", reden="hoort hier niet",
    )  # fmt: skip
    assert answer.headers["location"] == f"/consult/{consult_id}"
    line = (
        "Videoconsult via Zaurus; verbinding slecht; patiënt op tablet; identiteit gecontroleerd (bekende patiënt); "
        "kon vrijuit spreken; ook aanwezig: dochter."
    )
    page = page_of(house, consult_id)
    assert line in page
    assert '<option value="slecht" selected>' in page
    assert 'value="dochter"' in page
    assert record(house, consult_id, 1).status_code == 200  # all of it taken back
    assert "Videogegevens nog niet vastgelegd" in page_of(house, consult_id)


def test_all_in_order_leaves_what_was_filled_in(house: House) -> None:
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    answer = record(house, consult_id, alles="ja", verbinding="slecht")
    assert USUAL.replace("verbinding goed", "verbinding slecht") in answer.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"app": "FaceTalk"}, "niet op de lijst van de praktijk"),
        ({"app": "anders", "andere": "Zoom"}, "niet op de lijst van de praktijk"),
        ({"app": "anders", "andere": " . "}, "welke app"),
        ({"app": "anders", "andere": "", "alles": "ja"}, "welke app"),
        ({"aanwezig": "x" * 121}, "te lang"),
        ({"verbinding": "prima"}, "formulier"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(house: House, fields: dict[str, str], said: str) -> None:
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    answer = record(house, consult_id, **fields)
    assert answer.status_code == 422
    assert said in answer.text.lower()
    assert house.workflow.recorded_video(consult_id) == (0, Video())


def test_another_application_is_said_with_its_reason(house: House) -> None:
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    answer = record(house, consult_id, app="anders", andere="Zoom", reden="Zaurus lag eruit")
    assert "Videoconsult via Zoom; reden van deze app: Zaurus lag eruit." in answer.text
    assert "<option data-outside selected>Zoom</option>" in answer.text


def test_what_a_colleague_recorded_meanwhile_is_not_overwritten(house: House) -> None:
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    record(house, consult_id, aanwezig="dochter")
    assert record(house, consult_id, alles="ja").status_code == 409
    assert house.workflow.recorded_video(consult_id) == (1, Video(others="dochter"))


def test_recording_it_takes_nothing_from_the_worker(house: House) -> None:
    """It is done while the recording is written out: the worker goes on, and its draft has the line."""
    consult_id = of_kind(house, house.consult_at(Status.RECORDED))
    transcriber = house.service.steps._transcriber
    assert isinstance(transcriber, ScriptedTranscriber)
    transcriber.meanwhile = lambda: record(house, consult_id, app="Zaurus")
    house.service.work()
    assert house.consult(consult_id).status is Status.DRAFTED
    assert to_copy(house, consult_id).startswith("S: Videoconsult via Zaurus.\n   ")
    assert record(house, consult_id, 1, alles="ja").status_code == 409  # from now on it is changed in the note


# --- in the note ----------------------------------------------------------------------------------------------------


def test_its_line_opens_s_is_signed_and_copied_and_its_source_is_the_record(house: House) -> None:
    consult_id = drafted(house)
    page = page_of(house, consult_id)
    recorded = re.search(r'<li class="line-recorded">(.*?)</li>', page, re.S)
    assert recorded
    assert USUAL in recorded[1]
    assert '<a href="#video-app">videogegevens</a>' in recorded[1]
    assert "data-edit" not in recorded[1]
    sign(house, consult_id)
    assert house.workflow.deliver(HUISARTS, consult_id, "S").startswith(f"{USUAL}\n")
    assert house.workflow.deliver(HUISARTS, consult_id).startswith(f"S: {USUAL}\n")
    assert 'id="video"' not in page_of(house, consult_id)


def test_nothing_was_recorded_so_it_says_only_that_it_was_a_video_consult(house: House) -> None:
    consult_id = of_kind(house, house.consult_at(Status.DRAFTED))
    assert to_copy(house, consult_id).startswith("S: Videoconsult.\n")
    assert change(house, consult_id, alles="ja").status_code == 200
    assert house.actions()[-1] is Action.VIDEO_RECORDED
    assert to_copy(house, consult_id).startswith(f"S: {USUAL}\n")


def test_a_change_is_an_edit_that_can_be_undone(house: House) -> None:
    consult_id = drafted(house)
    seen = house.version(consult_id)
    change(house, consult_id, app="Zaurus")
    assert to_copy(house, consult_id).startswith("S: Videoconsult via Zaurus.\n")
    assert change(house, consult_id, seen, app="WeSeeDo").status_code == 409
    house.workflow.undo(HUISARTS, consult_id, house.version(consult_id))
    assert to_copy(house, consult_id).startswith(f"S: {USUAL}\n")
    house.workflow.redo(HUISARTS, consult_id, house.version(consult_id))
    assert to_copy(house, consult_id).startswith("S: Videoconsult via Zaurus.\n")


def test_what_is_signed_is_what_was_shown(house: House) -> None:
    consult_id = drafted(house)
    shown = house.workflow.review(HUISARTS, consult_id, first=False)
    change(house, consult_id, app="Zaurus")
    confirm_seen(house.workflow, HUISARTS, consult_id, "L2")
    assert house.post(f"/consult/{consult_id}/akkoord", htmx=True, sha256=shown.sha256).status_code == 409
    assert house.consult(consult_id).status is Status.DRAFTED


def test_a_change_after_the_signature_closes_the_gate(house: House) -> None:
    consult_id = drafted(house)
    sign(house, consult_id)
    signed = house.workflow.review(HUISARTS, consult_id, first=False)
    page = html.unescape(house.client.get(f"/consult/{consult_id}/wijzigen").text)
    assert 'id="video"' in page
    assert change(house, consult_id, app="Zaurus").status_code == 200
    assert house.consult(consult_id).status is Status.DRAFTED
    assert house.copy(consult_id, "S", htmx=True).status_code == 409
    sign(house, consult_id)
    assert house.workflow.deliver(HUISARTS, consult_id).startswith("S: Videoconsult via Zaurus.\n")
    both = [note_text(house.store.note(consult_id, number)[1]) for number in (signed.approval.note_version, None)]
    assert [text.splitlines()[0] for text in both] == [f"S: {USUAL}", "S: Videoconsult via Zaurus."]


def test_the_same_once_more_opens_nothing(house: House) -> None:
    consult_id = drafted(house)
    sign(house, consult_id)
    change(
        house, consult_id, app="WeSeeDo", verbinding="goed", identiteit="geboortedatum", vrijuit="ja", beperkingen="ja"
    )  # fmt: skip
    assert house.consult(consult_id).status is Status.APPROVED


def test_who_goes_on_after_the_end_finds_what_was_recorded_last(house: House) -> None:
    """It is changed in the draft, the recording goes on, and it is changed again beside the recorder."""
    consult_id = drafted(house)
    change(house, consult_id, app="Zaurus")
    for fields in ({}, {"aanwezig": "dochter"}):
        goes_on(house, consult_id)
        seen, video = house.workflow.recorded_video(consult_id)
        assert video == Video(app="Zaurus")
        if fields:
            assert record(house, consult_id, seen, app="Zaurus", **fields).status_code == 200
        drafted_again(house, consult_id)
    assert to_copy(house, consult_id).startswith("S: Videoconsult via Zaurus; ook aanwezig: dochter.\n")
    change(house, consult_id, app="WeSeeDo")
    assert to_copy(house, consult_id).startswith("S: Videoconsult via WeSeeDo.\n")


def goes_on(house: House, consult_id: UUID) -> None:
    old = house.consult(consult_id)
    new = replace(old, version=old.version + 1, status=Status.PAUSED)
    event = house.service.writer.event(HUISARTS, Action.RECORDING_PAUSED, consult_id)
    house.store.apply(Change(consult=new, audit=event))


def drafted_again(house: House, consult_id: UUID) -> None:
    old = house.consult(consult_id)
    new = replace(old, version=old.version + 1, status=Status.TRANSCRIBED)
    event = house.service.writer.event(HUISARTS, Action.AUDIO_STORED, consult_id)
    house.store.apply(Change(consult=new, audit=event, jobs=(job_for(new, ""),)))
    house.service.work()


def test_another_kind_of_contact_has_no_such_line(house: House) -> None:
    consult_id = drafted(house)
    version = house.version(consult_id)
    house.workflow.change_contact(HUISARTS, consult_id, version, Contact(kind=ContactType.PHONE))
    assert "Videoconsult" not in to_copy(house, consult_id)
    assert 'id="video"' not in page_of(house, consult_id)
    assert change(house, consult_id, app="Zaurus").status_code == 422
    version = house.version(consult_id)
    house.workflow.change_contact(HUISARTS, consult_id, version, Contact(kind=ContactType.VIDEO))
    assert to_copy(house, consult_id).startswith(f"S: {USUAL}\n")


@pytest.mark.parametrize("meanwhile", ["edited", "undone", "recorded on"])
def test_what_was_taken_back_in_the_draft_stays_so_through_another_kind_of_contact(
    house: House, meanwhile: str
) -> None:
    """An identity check that was recorded beside the recorder was not done after all."""
    consult_id = drafted(house)
    house.workflow.edit_line(HUISARTS, consult_id, house.version(consult_id), "L1", "Jeuk, sinds gisteren.")
    change(house, consult_id, app="WeSeeDo", verbinding="slecht")
    corrected = "S: Videoconsult via WeSeeDo; verbinding slecht.\n"
    assert to_copy(house, consult_id).startswith(corrected)
    kinds = house.workflow.change_contact
    kinds(HUISARTS, consult_id, house.version(consult_id), Contact(kind=ContactType.PHONE))
    if meanwhile == "undone":  # what nobody sees is not undone
        house.workflow.undo(HUISARTS, consult_id, house.version(consult_id))
    else:
        house.workflow.edit_line(HUISARTS, consult_id, house.version(consult_id), "L1", "Jeuk, al een week.")
    if meanwhile == "recorded on":
        goes_on(house, consult_id)
        drafted_again(house, consult_id)
    assert "Videoconsult" not in to_copy(house, consult_id)
    kinds(HUISARTS, consult_id, house.version(consult_id), Contact(kind=ContactType.VIDEO))
    assert to_copy(house, consult_id).startswith(corrected)


def test_signed_as_another_kind_of_contact_it_has_nothing_of_a_video_consult(house: House) -> None:
    consult_id = drafted(house)
    change(house, consult_id, app="Zaurus")
    house.workflow.change_contact(HUISARTS, consult_id, house.version(consult_id), Contact(kind=ContactType.PHONE))
    sign(house, consult_id)
    assert "Videoconsult" not in house.workflow.deliver(HUISARTS, consult_id)
    signed = house.store.note(consult_id)
    assert signed is not None
    assert signed[1].video is None


def test_a_note_that_was_signed_before_this_was_recorded_stays_as_it_was_signed(house: House) -> None:
    consult_id = house.consult_at(Status.APPROVED)
    of_kind(house, consult_id)
    assert "Videoconsult" not in house.workflow.deliver(HUISARTS, consult_id)


@pytest.mark.parametrize("identity", [None, Identity.KNOWN])
def test_medicines_in_the_plan_ask_who_was_on_the_screen_and_stop_nobody(identity: Identity | None) -> None:
    made = make_house(draft=MEDICINE)
    with made.client:
        house = opened(made)
        consult_id = of_kind(house, house.consult_at(Status.DRAFTED))
        change(house, consult_id, verbinding="goed", identiteit=identity or "")
        asked = re.search(r'<p class="part-note">(.*?)</p>', page_of(house, consult_id), re.S)
        assert (asked is not None) == (identity is None)
        if asked:
            assert "Identiteit niet vastgelegd" in asked[1]
        sign(house, consult_id)
        assert house.consult(consult_id).status is Status.APPROVED


def test_it_goes_with_the_draft_and_the_consent(house: House) -> None:
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    record(house, consult_id, aanwezig="dochter")
    house.workflow.withdraw(HUISARTS, consult_id)
    assert house.store.video(consult_id) == (0, Video())
    assert record(house, consult_id, 1).status_code == 409
    signed = drafted(house)
    sign(house, signed)
    assert house.store.video(signed) == (0, Video())  # the note has it now
    house.workflow.erase(HUISARTS, signed)
    with pytest.raises(Erased):
        house.store.note(signed)
    assert {proof.purpose for proof in house.store.certificates(signed)} == set(KeyPurpose)


def test_an_assistant_records_it_and_sees_no_note() -> None:
    made = make_house(actor=Actor(name="A. Proef", role=Role.ASSISTENTE))
    with made.client:
        house = opened(made)
        consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
        assert record(house, consult_id, alles="ja").status_code == 200
        ready = of_kind(house, house.consult_at(Status.DRAFTED))
        assert 'id="video"' not in page_of(house, ready)
        assert change(house, ready, app="Zaurus").status_code == 403


# --- what the practice sets -----------------------------------------------------------------------------------------


def test_a_practice_has_its_applications_and_one_of_them_first(house: House) -> None:
    page = html.unescape(house.client.get("/stijl").text)
    assert '<input type="checkbox" name="app0" value="ja" checked> WeSeeDo' in page
    assert '<input type="checkbox" name="app2" value="ja"> FaceTalk' in page
    asked = {"app2": "ja", "andere": "BeeldZorg, ", "vooraf": "FaceTalk"}
    assert house.post("/stijl/video", htmx=True, **asked).headers["hx-redirect"] == "/stijl"
    assert house.workflow.video_presets() == VideoPresets(apps=("FaceTalk", "BeeldZorg"), app="FaceTalk")
    assert 'value="BeeldZorg"' in house.client.get("/stijl").text
    assert house.post("/stijl/video", htmx=True, **(asked | {"vooraf": "Zaurus"})).status_code == 422
    for unseen in ("\x00", "\u202e"):
        refused = house.post("/stijl/video", htmx=True, **(asked | {"andere": f"Beeld{unseen}Zorg"}))
        assert refused.status_code == 422
        assert "onzichtbaar teken" in refused.text
    assert house.post("/stijl/video", htmx=True, **(asked | {"vooraf": "\x00"})).status_code == 422
    consult_id = of_kind(house, house.consult_at(Status.CONSENTED))
    assert record(house, consult_id, app="BeeldZorg").status_code == 200
    assert record(house, consult_id, 1, app="Zaurus").status_code == 422


def test_only_a_doctor_sets_them() -> None:
    made = make_house(actor=Actor(name="P. Proef", role=Role.POH))
    with made.client:
        house = opened(made)
        assert house.post("/stijl/video", htmx=True, andere="", vooraf="").status_code == 403
        assert house.workflow.video_presets() == PRACTICE
