"""The pages of an exercise: what they say, what they keep to themselves, and what they refuse."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from tests.unit.test_exercise import GP, TALK, drafted, signed
from transcribe.consult import Space, Status
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.testing import Scripted, ScriptedTranscriber, scripted_service
from transcribe.web.access import Access
from transcribe.web.application import DemoInfo, create_app

RECORDING = Path(__file__).resolve().parents[2] / "transcribe" / "demo" / "consults" / "keelpijn.ogg"
BASE = "http://127.0.0.1:8600"


@dataclass
class House:
    client: TestClient
    service: Scripted

    def get(self, path: str) -> str:
        return html.unescape(self.client.get(path).text)

    def post(self, path: str, **fields: str) -> object:
        token = re.search(r'name="token" value="([^"]+)"', self.client.get("/").text)
        assert token
        headers = {"Origin": BASE, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        return self.client.post(path, data={"token": token[1], **fields}, headers=headers)


def house(*, demo: bool = True) -> House:
    service = scripted_service(transcriber=ScriptedTranscriber(TALK), drafter=ExtractiveDrafter(), demo=demo)
    access = Access("sleutel-voor-de-proef")
    app = create_app(
        practices=service.practice,
        actor=GP,
        access=access,
        demo=DemoInfo(model="proef", wer_demo="", wer_open="") if demo else None,
        ui_language="nl",
        max_upload_mb=1,
        idle_minutes=30,
        version="0",
        space=lambda: Space(total=100, free=50),
        min_free_percent=5,
        recordings=[RECORDING] if demo else (),
    )
    client = TestClient(app, base_url=BASE, follow_redirects=False)
    client.get(f"/start?ticket={access.ticket()}")
    return House(client=client, service=service)


def test_an_exercise_is_one_button_away_and_says_what_it_is() -> None:
    made = house()
    assert "Begin een oefening" in made.get("/")
    answer = made.post("/oefenen")
    assert answer.status_code == 303
    page = answer.headers["location"]
    consult = made.service.store.consult(UUID(page.removeprefix("/consult/")))
    assert consult.exercise
    assert "Oefening: in dit concept komen fouten te staan." in made.get(page)
    made.service.work()
    assert made.service.store.consult(consult.id).status is Status.DRAFTED
    for path in (page, f"{page}/wijzigen"):
        shown = made.get(path) or made.get(page)
        assert "Oefening: in dit concept zitten fouten." in shown
        assert "Toestemming intrekken" not in shown
    assert '<span class="badge badge-ai">Oefening</span>' in made.get("/")


def test_outside_a_demonstration_there_is_no_way_in() -> None:
    made = house(demo=False)
    assert "/oefenen" not in made.get("/")
    assert made.post("/oefenen").status_code == 409
    assert made.service.workflow.sizes()
    assert made.service.store.events()[-1].consult_id is None, "nothing was made"


def test_the_page_is_the_same_with_and_without_the_list_of_what_was_planted() -> None:
    """Whoever looks into the source of the page, or asks for a part of it, finds nothing that tells."""
    made = house()
    consult_id = drafted(made.service, exercise=True)
    pages = [f"/consult/{consult_id}", "/", f"/consult/{consult_id}/voortgang", f"/consult/{consult_id}/stand/1"]
    made.get(pages[0])
    before = [made.get(page) for page in pages]
    notes = made.service.store._consults[consult_id].notes
    purpose, note = notes[-1]
    assert note is not None
    assert note.planted
    notes[-1] = (purpose, replace(note, planted=()))
    assert [made.get(page) for page in pages] == before


@pytest.mark.parametrize("part", ["alles", "S", "R1"])
def test_nothing_of_an_exercise_is_copied_before_or_after_the_signature(part: str) -> None:
    made = house()
    consult_id = drafted(made.service, exercise=True)
    for _ in range(2):
        answer = made.post(f"/consult/{consult_id}/kopie/{part}", sha256="0" * 64)
        assert answer.status_code == 409
        assert answer.json()["error"] == "Dit is een oefening met fouten erin. De tekst kan niet naar een HIS."
        if made.service.store.consult(consult_id).status is Status.DRAFTED:
            signed(made.service, consult_id)
    page = made.get(f"/consult/{consult_id}")
    assert "kopie/" not in page
    assert "data-gate" in page


def test_the_outcome_shows_each_error_and_the_worklist_counts_on() -> None:
    made = house()
    caught = planted = flagged = 0
    for times in (1, 2):
        consult_id = drafted(made.service, exercise=True)
        errors = made.service.store.note(consult_id)[1].planted
        signed(made.service, consult_id)
        page = made.get(f"/consult/{consult_id}")
        for error in errors:
            for line in (error.right, error.wrong):
                assert line is None or line.text in page
        assert page.count("gemist</span>") == len(errors)
        planted += sum(not error.flagged for error in errors)
        flagged += sum(error.flagged for error in errors)
        shown = made.get("/")
        assert f"Oefening: {caught} van {planted} fouten gevonden, {times} keer geoefend" in shown
        assert not flagged or f"Van de fouten waar de controle op wees: 0 van {flagged}." in shown
    assert made.client.get(f"/consult/{consult_id}/wijzigen").status_code == 303
