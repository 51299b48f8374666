"""Every page and action for a consult of another practice answers as for one that nobody knows. From the app's own
routes: one that is added is tried too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.integration.test_web import BASE, HUISARTS, KEY, House, make_house, path_of, routes
from transcribe.asr.transcript import Speaker
from transcribe.consult import Space, Status
from transcribe.web import guard
from transcribe.web.access import Access
from transcribe.web.application import create_app

SOUTH = "Zuid"
#: What forms ask for: all of it, to all of them.
FORM = {
    "versie": "1", "tekst": "Keelpijn.", "rest": "Geen koorts.", "regel": "L1", "naar": "L1-S", "onderdeel": "S",
    "neem": "0-S", "keuze": "R1-E-R78", "sha256": "ab" * 32, "naam": "W. Neem", "layout": "gemengd", "app": "",
    "gezien": "ab" * 32, "uiting": "0",
    "verbinding": "", "toestel": "", "identiteit": "", "aanwezig": "", "reden": "", "kenmerk": "P-1",
}  # fmt: skip
#: Refused before the consult is looked up (a form that is not whole) or for want of a consent: the same for all.
OTHERWISE = {"/consult/{consult_id}/toestemming", "/consult/{consult_id}/opname/hervat"}


@pytest.fixture(scope="module")
def north() -> Iterator[House]:
    made = make_house()
    with made.client:
        made.client.get(f"/start?ticket={made.access.ticket()}")
        yield made


@pytest.fixture(scope="module")
def south(north: House) -> Iterator[House]:
    access = Access(KEY)
    app = create_app(
        practices=north.service.practice,
        practice=SOUTH,
        actor=HUISARTS,
        access=access,
        demo=None,
        ui_language="nl",
        max_upload_mb=1,
        idle_minutes=30,
        version="0",
        space=lambda: Space(total=100, free=50),
        min_free_percent=5,
    )
    with TestClient(app, base_url=BASE, follow_redirects=False) as client:
        client.get(f"/start?ticket={access.ticket()}")
        yield replace(north, app=app, client=client, access=access)


@pytest.fixture(scope="module")
def known(north: House) -> list[UUID]:
    """Of the one practice, wherever something can be done with them."""
    recording = north.consult_at(Status.CONSENTED)
    north.service.recorder.start(HUISARTS, recording, (Speaker.ONBEKEND,))
    return [*(north.consult_at(one) for one in (Status.CONSENTED, Status.DRAFTED, Status.APPROVED)), recording]


OF_A_CONSULT = [(method, path) for method, path in routes(make_house().app) if "{consult_id}" in path]


def answer(house: House, method: str, pattern: str, consult_id: UUID) -> tuple[int, str]:
    path = path_of(pattern, consult_id)
    if method == "GET":
        found = house.client.get(path)
    elif method == "PUT":
        headers = {"X-CSRF-Token": house.token, "Content-Type": "application/octet-stream"}
        found = house.client.put(path, headers=headers, content=b"RIFF")
    else:
        found = house.client.request(method, path, data={"token": house.token, **FORM})
    return found.status_code, re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "nummer", found.text)


@pytest.mark.parametrize(("method", "pattern"), OF_A_CONSULT)
def test_a_consult_of_another_practice_answers_as_an_unknown_one(
    north: House, south: House, known: list[UUID], method: str, pattern: str
) -> None:
    nobody = answer(south, method, pattern, uuid4())
    assert nobody[0] == 404 or (nobody[0] >= 400 and pattern in OTHERWISE)
    before = [north.consult(one) for one in known]
    for one in known:
        assert answer(south, method, pattern, one) == nobody
    assert [north.consult(one) for one in known] == before


def test_no_sound_of_another_practice_is_taken_in_or_given(south: House, known: list[UUID]) -> None:
    """The live connection and the recording itself."""
    told = []
    for one in (known[-1], uuid4()):
        address = f"{BASE.replace('http', 'ws')}/consult/{one}/opname"
        with south.client.websocket_connect(address, headers={"Origin": BASE}) as socket:
            said = socket.receive_json()
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_json()
        told.append((said, closed.value.code))
    assert told[0] == told[1]
    assert told[0][0]["code"] == "refused"
    assert told[0][1] != guard.LOG_IN


def test_the_worklist_and_the_search_show_one_practice(north: House, south: House, known: list[UUID]) -> None:
    assert "HIS-4711" in north.client.get("/").text
    assert "HIS-4711" not in south.client.get("/").text
    assert all(str(one) not in south.client.get("/").text for one in known)
    asked = {"token": south.token, "kenmerk": "HIS-4711"}
    found = south.client.post("/zoeken", data=asked, follow_redirects=True).text
    assert "Geen consulten gevonden" in found
    assert all(str(one) not in found for one in known)


def test_what_a_doctor_sets_is_of_his_practice(north: House, south: House) -> None:
    north.service.practice("").preferences.add_word(HUISARTS.name, "Zorgbeeld")  # type: ignore[union-attr]
    assert "Zorgbeeld" in north.client.get("/stijl").text
    assert "Zorgbeeld" not in south.client.get("/stijl").text
