"""Several reports, ICPC codes and style, from the page to the draft, on the real use cases with fakes below."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from tests.integration.test_web import HUISARTS, House, make_house
from transcribe.consult import Actor, Role, Status
from transcribe.errors import InvalidInput, NotFound
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.soep.style import Order, Style
from transcribe.testing import confirm_seen

TWO = Note(
    reports=(
        Report(
            id="R1",
            title="Hoest",
            lines=(
                Line(id="L1", section=Section.S, text="Hoest, geen koorts.", evidence=(1,)),
                Line(id="L2", section=Section.E, text="Acute bronchitis."),
            ),
        ),
        Report(
            id="R2",
            title="Wrat",
            lines=(
                Line(id="L3", section=Section.S, text="Wrat op duim.", evidence=(2,)),
                Line(id="L4", section=Section.O, text="Bloeddruk 142/86."),
            ),
        ),
    ),
    next_line=5,
)


@contextmanager
def opened(**options: object) -> Iterator[House]:
    made = make_house(**{"draft": TWO, **options})  # type: ignore[arg-type]
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


@pytest.fixture
def house() -> Iterator[House]:
    with opened() as made:
        yield made


@pytest.fixture
def coding() -> Iterator[House]:
    with opened(icpc=True) as made:
        yield made


def note(house: House, consult_id: UUID) -> Note:
    found = house.store.note(consult_id)
    assert found
    return found[1]


def send(house: House, path: str, consult_id: UUID, **fields: str) -> int:
    status: int = house.post(
        f"/consult/{consult_id}/{path}", versie=str(house.version(consult_id)), **fields
    ).status_code
    return status


def approve(house: House, consult_id: UUID) -> None:
    for line in list(note(house, consult_id).lines()):
        confirm_seen(house.workflow, HUISARTS, consult_id, line.id)
    house.workflow.approve(HUISARTS, consult_id, house.workflow.review(HUISARTS, consult_id).sha256)


# --- several reports -----------------------------------------------------------------------------------------------


def test_reports_stand_apart_with_their_titles(house: House) -> None:
    page = house.client.get(f"/consult/{house.consult_at(Status.DRAFTED)}").text
    for words in ("Deelcontact 1", "Hoest", "Deelcontact 2", "Wrat", "Voeg bij deelcontact 1"):
        assert words in page


def test_a_line_is_moved_and_reports_are_joined(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert send(house, "verplaats", consult_id, naar="L2-R2") == 303
    assert [line.id for line in note(house, consult_id).report("R2").lines] == ["L3", "L4", "L2"]
    assert send(house, "verplaats", consult_id, naar="L2-nieuw") == 303
    assert [report.id for report in note(house, consult_id).reports] == ["R1", "R2", "R3"]
    assert send(house, "verslag/R3/samen", consult_id) == 303
    assert [report.id for report in note(house, consult_id).reports] == ["R1", "R2"]


@pytest.mark.parametrize("naar", ["L9-R1", "L1-R9", "L1", "", "-"])
def test_a_move_to_nowhere_changes_nothing(house: House, naar: str) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert send(house, "verplaats", consult_id, naar=naar) == 404
    assert send(house, "verslag/R1/samen", consult_id) == 404
    assert note(house, consult_id) == TWO


def test_what_is_taken_over_goes_to_the_report_that_speaks_of_it(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert send(house, "uiting", consult_id, neem="2-P") == 303
    assert note(house, consult_id).report("R2").lines[-1].evidence == (2,)


def test_each_report_is_copied_by_itself_and_every_copy_is_on_record(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert house.copy(consult_id, "R1").status_code == 409
    approve(house, consult_id)
    page = house.client.get(f"/consult/{consult_id}").text
    for part, text in (("R1", "S: Hoest, geen koorts.\nE: Acute bronchitis."), ("R2-S", "Wrat op duim.")):
        assert f'data-copy="{part}"' in page
        answer = house.copy(consult_id, part)
        assert answer.json()["text"] == text
    assert house.copy(consult_id, "R3").status_code == 422
    assert [one.part for one in house.store.deliveries(consult_id)] == ["R1", "R2-S"]


# --- codes ---------------------------------------------------------------------------------------------------------


def test_codes_are_off_until_they_are_set_on(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    assert "ICPC" not in house.client.get(f"/consult/{consult_id}").text
    assert send(house, "icpc", consult_id, keuze="R1-E-R78") == 404
    with pytest.raises(NotFound):
        house.workflow.code_report(HUISARTS, consult_id, house.version(consult_id), "R1", Section.E, "R78")


def test_a_code_is_chosen_from_the_list_with_the_line_it_rests_on(coding: House) -> None:
    consult_id = coding.consult_at(Status.DRAFTED)
    page = coding.client.get(f"/consult/{consult_id}").text
    assert "R78 Acute bronchitis" in page
    assert "bij: Acute bronchitis." in page
    assert "A03 Koorts" not in page  # denied
    assert note(coding, consult_id) == TWO  # nothing is chosen for the doctor
    assert send(coding, "icpc", consult_id, keuze="R1-E-R78") == 303
    assert "ICPC R78 Acute bronchitis" in coding.workflow.review(HUISARTS, consult_id).text
    assert send(coding, "icpc", consult_id, keuze="R1-E", code=" r81 ") == 303
    assert [code.code for code in note(coding, consult_id).report("R1").codes] == ["R81"]
    assert send(coding, "icpc", consult_id, keuze="R1-E-") == 303
    assert note(coding, consult_id).reports == TWO.reports


@pytest.mark.parametrize(
    ("keuze", "status"), [("R1-O-R78", 404), ("R1-P-R78", 404), ("R1-E-Q99", 422), ("R9-E-R78", 404), ("R1-X-R78", 422)]
)
def test_no_code_but_those_of_the_table_and_at_s_and_e(coding: House, keuze: str, status: int) -> None:
    consult_id = coding.consult_at(Status.DRAFTED)
    assert send(coding, "icpc", consult_id, keuze=keuze) == status
    assert note(coding, consult_id) == TWO


def test_a_code_after_approval_closes_the_gate(coding: House) -> None:
    consult_id = coding.consult_at(Status.DRAFTED)
    approve(coding, consult_id)
    assert send(coding, "icpc", consult_id, keuze="R1-E-R78") == 303
    assert coding.consult(consult_id).status is Status.DRAFTED
    assert coding.copy(consult_id, "alles").status_code == 409


def test_the_practices_own_table_is_offered(coding: House) -> None:
    coding.service.preferences.import_codes({"R78": "Bronchitis (eigen tabel)"})
    assert "R78 Bronchitis (eigen tabel)" in coding.client.get(f"/consult/{coding.consult_at(Status.DRAFTED)}").text


# --- style ---------------------------------------------------------------------------------------------------------


def test_two_edits_give_a_proposal_and_accepted_it_writes_the_next_draft(house: House) -> None:
    for _ in range(2):
        consult_id = house.consult_at(Status.DRAFTED)
        assert "Voorstel uit uw wijzigingen" not in house.client.get("/stijl").text
        assert send(house, "regel/L4/wijzig", consult_id, tekst="RR 142/86.") == 303
    assert "Voorstel uit uw wijzigingen" in house.client.get("/stijl").text
    assert note(house, house.consult_at(Status.DRAFTED)).line("L4").text == "Bloeddruk 142/86."  # not yet

    (rule,) = house.service.preferences.rules(HUISARTS.name)
    assert house.post(f"/stijl/regel/{rule.id}/aan").status_code == 303
    assert note(house, house.consult_at(Status.DRAFTED)).line("L4").text == "RR 142/86."
    assert house.post(f"/stijl/regel/{rule.id}/weg").status_code == 303
    assert note(house, house.consult_at(Status.DRAFTED)).line("L4").text == "Bloeddruk 142/86."


def test_an_edit_of_ones_own_words_teaches_nothing(house: House) -> None:
    consult_id = house.consult_at(Status.DRAFTED)
    send(house, "regel/L4/wijzig", consult_id, tekst="Bloeddruk 142/86, hoofdpijn.")
    send(house, "regel/L4/wijzig", consult_id, tekst="Bloeddruk 142/86, cefalgie.")
    assert house.service.preferences.rules(HUISARTS.name) == []


def test_evidence_is_never_styled(house: House) -> None:
    house.post("/stijl/regel", gezegd="hoest", geschreven="kucht")
    consult_id = house.consult_at(Status.DRAFTED)
    assert note(house, consult_id).line("L1").text == "Kucht, geen koorts."
    assert note(house, consult_id).line("L1").evidence == (1,)
    transcript = house.workflow.review(HUISARTS, consult_id).transcript
    assert transcript
    assert "hoest" in transcript.utterances[1].text


def test_rules_of_another_doctor_do_nothing_here(house: House) -> None:
    house.service.preferences.add_rule("Dr. Ander", "bloeddruk", "RR")
    assert note(house, house.consult_at(Status.DRAFTED)).line("L4").text == "Bloeddruk 142/86."


def test_the_practices_style_is_set_on_the_page(house: House) -> None:
    answer = house.post("/stijl", afkortingen="ja", lengte="12", volgorde="ontkend-laatst")
    assert answer.status_code == 303
    assert house.service.preferences.style() == Style(line_words=12, order=Order.DENIED_LAST)
    house.post("/stijl", lengte="24", volgorde="gesprek")
    assert house.service.preferences.style() == Style(abbreviations=False)
    for wrong in ({"lengte": "13", "volgorde": "gesprek"}, {"lengte": "12", "volgorde": "x"}, {"lengte": "12"}):
        assert house.post("/stijl", **wrong).status_code == 422
    assert house.service.preferences.style() == Style(abbreviations=False)


@pytest.mark.parametrize(("said", "written"), [("geen", "wel"), ("links", "rechts"), ("5", "6"), ("", "RR")])
def test_a_rule_about_content_is_refused_with_a_sentence(house: House, said: str, written: str) -> None:
    answer = house.post("/stijl/regel", htmx=True, gezegd=said, geschreven=written)
    assert answer.status_code == 422
    assert "stijlregel" in answer.text or "Vul in" in answer.text
    assert house.service.preferences.rules(HUISARTS.name) == []


def test_only_a_doctor_sets_the_style_of_the_practice() -> None:
    with opened(actor=Actor(name="Praktijkondersteuner", role=Role.POH)) as house:
        assert house.client.get("/stijl").status_code == 200
        assert house.post("/stijl", lengte="12", volgorde="gesprek").status_code == 403
        assert house.service.preferences.style() == Style()


def test_a_count_that_fails_does_not_fail_the_edit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise InvalidInput(problem="weg")

    monkeypatch.setattr(house.service.preferences, "noticed", away)
    consult_id = house.consult_at(Status.DRAFTED)
    assert send(house, "regel/L4/wijzig", consult_id, tekst="RR 142/86.") == 303
    assert note(house, consult_id).line("L4").text == "RR 142/86."
