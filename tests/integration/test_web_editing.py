"""Moving and splitting lines, undoing and redoing, the drawing of the sound and what is typed, by the page's routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from tests.integration.test_web import CANARY, DRAFT, HUISARTS, House, make_house
from transcribe.consult import Action, Actor, Role, Status
from transcribe.soep.note import note_text
from transcribe.testing import confirm_seen
from transcribe.workflow import OUTLINE


@pytest.fixture
def house() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


@pytest.fixture
def draft(house: House) -> UUID:
    return house.consult_at(Status.DRAFTED)


def send(house: House, consult_id: UUID, path: str, **fields: str) -> int:
    versie = str(house.version(consult_id))
    status: int = house.post(f"/consult/{consult_id}/{path}", **{"versie": versie} | fields).status_code
    return status


def text(house: House, consult_id: UUID) -> str:
    found = house.store.note(consult_id)
    assert found
    return note_text(found[1])


def test_a_line_goes_where_the_page_says(house: House, draft: UUID) -> None:
    assert send(house, draft, "verplaats", naar="L1-P") == 303
    assert text(house, draft) == f"P: Neusspray voorgeschreven.\n   {CANARY}"
    assert send(house, draft, "verplaats", naar="L1-op") == 303
    assert text(house, draft) == f"P: {CANARY}\n   Neusspray voorgeschreven."
    assert send(house, draft, "verplaats", naar="L1-neer") == 303
    assert send(house, draft, "verplaats", naar="L2-samen") == 303
    assert text(house, draft) == f"P: Neusspray voorgeschreven. {CANARY}"
    assert send(house, draft, "verplaats", naar="L2-samen") == 404
    assert send(house, draft, "verplaats", naar="L9-P") == 404
    assert send(house, draft, "regel/L2/wijzig", tekst="Neusspray", rest="voorgeschreven. ") == 303
    assert text(house, draft) == "P: Neusspray\n   voorgeschreven."
    for _ in range(5):
        assert send(house, draft, "ongedaan") == 303
    assert text(house, draft) == note_text(DRAFT)
    assert send(house, draft, "ongedaan") == 404
    for _ in range(5):
        assert send(house, draft, "opnieuw-doen") == 303
    assert text(house, draft) == "P: Neusspray\n   voorgeschreven."
    assert send(house, draft, "opnieuw-doen") == 404
    assert send(house, draft, "verplaats", naar="L1-P", versie="1") == 409


def test_redoing_is_offered_after_undoing_and_refused_when_somebody_was_first(house: House, draft: UUID) -> None:
    def offered() -> list[str]:
        return re.findall(r'data-action="(ongedaan|opnieuw-doen)"', house.client.get(f"/consult/{draft}").text)

    assert offered() == []
    assert send(house, draft, "regel/L1/wijzig", tekst="Anders.") == 303
    assert offered() == ["ongedaan"]
    assert send(house, draft, "ongedaan") == 303
    assert offered() == ["opnieuw-doen"]
    versie = str(house.version(draft))
    assert send(house, draft, "regel/L1/wijzig", tekst="Van een collega.") == 303
    refused = house.post(f"/consult/{draft}/opnieuw-doen", versie=versie, htmx=True)
    assert refused.status_code == 409
    assert "Dit consult is intussen gewijzigd" in refused.text
    assert "Van een collega." in text(house, draft)
    assert offered() == ["ongedaan"]


def test_the_drawing_of_the_sound_is_no_listening_and_ends_with_it(house: House, draft: UUID) -> None:
    drawn = house.client.get(f"/consult/{draft}/golfvorm")
    assert drawn.status_code == 200
    assert len(drawn.content) == OUTLINE
    assert list(drawn.content) == sorted(drawn.content)  # each second of the fake is louder than the one before
    assert drawn.headers["cache-control"] == "no-store"
    assert Action.AUDIO_PLAYED not in house.actions()
    house.workflow.discard(HUISARTS, draft)
    assert house.client.get(f"/consult/{draft}/golfvorm").status_code == 410


def test_the_drawing_is_for_who_may_read_the_note() -> None:
    house = make_house(actor=Actor(name="A. Proef", role=Role.ASSISTENTE))
    house.client.get(f"/start?ticket={house.access.ticket()}")
    consult_id = house.consult_at(Status.DRAFTED)
    assert house.client.get(f"/consult/{consult_id}/golfvorm").status_code == 403
    assert house.post(f"/consult/{consult_id}/getypt", regel="L1", tekst="x").status_code == 403
    assert house.post(f"/consult/{consult_id}/ongedaan", versie="1").status_code == 403
    assert house.post(f"/consult/{consult_id}/opnieuw-doen", versie="1").status_code == 403


def test_what_is_typed_is_on_the_next_page_and_not_in_the_note(house: House, draft: UUID) -> None:
    assert house.post(f"/consult/{draft}/getypt", regel="L1", tekst="half <b>getypt").status_code == 204
    page = house.client.get(f"/consult/{draft}").text
    assert re.search(r'<p hidden data-typed="L1"[^>]*>half &lt;b&gt;getypt</p>', page)
    assert "half" not in text(house, draft)
    assert house.post(f"/consult/{draft}/getypt", regel="L1", tekst="").status_code == 204
    assert "data-typed" not in house.client.get(f"/consult/{draft}").text


def test_what_one_tab_saves_leaves_what_another_typed(house: House, draft: UUID) -> None:
    address = f"/consult/{draft}/getypt"
    for tab in ("1", "2"):
        assert house.post(address, regel="L1", tekst=f"tab {tab}", tabblad=tab, begin="Keelpijn.").status_code == 204
    assert house.post(address, regel="L1", tekst="", tabblad="1").status_code == 204
    page = house.client.get(f"/consult/{draft}").text
    assert 'data-tab="2"' in page
    assert 'data-began="Keelpijn."' in page
    assert "tab 1" not in page


def test_who_logs_in_again_gives_an_older_page_the_new_token(house: House, draft: UUID) -> None:
    old = house.client.get("/sessie").json()
    assert old["name"] == HUISARTS.name
    house.client.get(f"/start?ticket={house.access.ticket()}")
    assert house.client.get("/sessie").json()["token"] != old["token"]
    house.client.cookies.clear()
    refused = house.client.get("/sessie", headers={"Accept": "application/json"})
    assert (refused.status_code, "token" in refused.json()) == (401, False)


def test_an_approval_of_which_the_answer_was_lost_goes_on(house: House) -> None:
    consult_id = house.consult_at(Status.APPROVED)
    shown = house.workflow.review(HUISARTS, consult_id).sha256
    again = house.post(f"/consult/{consult_id}/akkoord", sha256=shown, htmx=True)
    assert again.headers["hx-redirect"] == f"/consult/{consult_id}"
    assert house.post(f"/consult/{consult_id}/akkoord", sha256="0" * 64, htmx=True).status_code == 409


def test_a_page_of_before_copies_nothing(house: House) -> None:
    """A colleague changed the note and signed it again while this page was open: what is copied was not seen."""
    consult_id = house.consult_at(Status.APPROVED)
    shown = re.findall(r'name="sha256" value="([0-9a-f]{64})"', house.client.get(f"/consult/{consult_id}").text)[-1]
    address = f"/consult/{consult_id}/kopie/alles"
    assert house.post(f"{address}/tekst", accept="application/json", sha256=shown).status_code == 200
    version = str(house.version(consult_id))
    added = {"onderdeel": "P", "tekst": "Rust houden."}
    assert house.post(f"/consult/{consult_id}/regel", versie=version, **added).status_code == 303
    for line_id in house.workflow.review(HUISARTS, consult_id).flags:
        confirm_seen(house.workflow, HUISARTS, consult_id, line_id)
    signed = house.workflow.review(HUISARTS, consult_id).sha256
    answer = house.post(f"/consult/{consult_id}/akkoord", sha256=signed)
    assert answer.status_code == 303, answer.text
    for path in (f"{address}/tekst", address):
        refused = house.post(path, accept="application/json", sha256=shown)
        assert refused.status_code == 409
        assert "niet meer het verslag met akkoord" in refused.json()["error"]
        assert house.post(path, accept="application/json").status_code == 422  # nor one that does not say what it shows
    assert Action.COPIED not in house.actions()
    assert "Rust houden." in house.copy(consult_id, "alles").json()["text"]


def test_a_page_that_changes_a_signed_note_is_not_replaced_unmarked(house: House) -> None:
    """It was signed anew elsewhere: the page says so, and the next action marks what is new. One to copy from goes."""
    consult_id = house.consult_at(Status.APPROVED)
    old = house.version(consult_id) - 1
    asked = f"/consult/{consult_id}/stand/{old}"
    page = f"http://testserver/consult/{consult_id}"
    changing = house.client.get(asked, headers={"HX-Request": "true", "HX-Current-URL": f"{page}/wijzigen"})
    assert "intussen gewijzigd" in changing.text
    copying = house.client.get(asked, headers={"HX-Request": "true", "HX-Current-URL": page})
    assert copying.headers["hx-refresh"] == "true"


def test_the_text_for_a_clipboard_is_no_copy_yet(house: House) -> None:
    consult_id = house.consult_at(Status.APPROVED)
    text = house.copy(consult_id, "S/tekst").json()["text"]
    assert Action.COPIED not in house.actions()
    assert house.copy(consult_id, "S").json()["text"] == text
    assert Action.COPIED in house.actions()
    draft = house.consult_at(Status.DRAFTED)
    assert house.copy(draft, "S/tekst").status_code == 409
