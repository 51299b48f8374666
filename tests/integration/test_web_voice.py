"""A doctor's own voice by the page: consent first, one voice, away again; and away with the account."""

from __future__ import annotations

import html
import io
import wave
from typing import Any

import numpy as np
import pytest

from tests.clinic import Clinic, Desk, token_in
from tests.unit.test_speakers import VOICES, sung
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Samples
from transcribe.consult import Action, Role
from transcribe.enrolment import AGREED, NOT_AGREED
from transcribe.speakers.profile import TOO_LITTLE, TWO_VOICES
from transcribe.testing import scripted_service

NAME = "Dr. A. Jansen"


def wav(*sounds: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes((np.concatenate(sounds) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def one(who: str, seconds: float = 30.0) -> list[Samples]:
    return [sung(seconds / 20, *VOICES[who], seed=700 + n) for n in range(20)]


@pytest.fixture(scope="module")
def minute() -> bytes:
    return wav(*one("low"))


@pytest.fixture
def clinic() -> Clinic:
    return Clinic(scripted_service(decoder=PyAvDecoder()))


@pytest.fixture
def jansen(clinic: Clinic) -> Desk:
    return clinic.set_up()


def send(desk: Desk, sound: bytes, agreed: str = AGREED) -> Any:
    headers = {"X-CSRF-Token": token_in(desk.client.get("/account").text), "Accept": "application/json"}
    headers["Content-Type"] = "application/octet-stream"
    return desk.client.put(f"/stem/{agreed}", headers=headers, content=sound)


def events(clinic: Clinic) -> list[tuple[str, Action, str, str]]:
    wanted = {Action.VOICE_ENROLLED, Action.VOICE_REMOVED}
    found = clinic.service.store.events()
    return [(one.actor, one.action, one.detail, one.whom) for one in found if one.action in wanted]


def test_a_doctor_agrees_and_is_shown_what_there_is(clinic: Clinic, jansen: Desk, minute: bytes) -> None:
    assert "Er is geen profiel van uw stem" in jansen.client.get("/stem").text
    assert 'href="/stem"' in jansen.client.get("/account").text
    answer = send(jansen, minute)
    assert (answer.status_code, answer.json()) == (201, {"page": "/stem"})
    page = html.unescape(jansen.client.get("/stem").text)
    assert "U ging akkoord op" in page
    assert f"met tekst {AGREED}" in page
    kept = clinic.service.voices.find(NAME)
    assert kept is not None
    assert kept.text == AGREED
    assert events(clinic) == [(NAME, Action.VOICE_ENROLLED, f"versie {AGREED}", "")]


@pytest.mark.parametrize("agreed", ["0", "2", "nee", "x" * 500])
def test_without_consent_to_this_text_nothing_is_made(clinic: Clinic, jansen: Desk, minute: bytes, agreed: str) -> None:
    answer = send(jansen, minute, agreed)
    assert (answer.status_code, answer.json()["error"]) == (422, NOT_AGREED)
    assert clinic.service.voices.find(NAME) is None
    assert events(clinic) == []


def test_what_can_be_no_profile_is_refused_and_leaves_what_there_was(
    clinic: Clinic, jansen: Desk, minute: bytes
) -> None:
    send(jansen, minute)
    before = clinic.service.voices.find(NAME)
    low, high, pause = one("low", 12.0), one("high", 12.0), np.zeros(RATE_HZ // 3)
    two = [sound for n in range(0, 20, 4) for voice in (low, high) for sound in (*voice[n : n + 4], pause)]
    for sound, said in ((wav(*one("low", 5.0)), TOO_LITTLE), (wav(*two), TWO_VOICES)):
        answer = send(jansen, sound)
        assert (answer.status_code, answer.json()["error"]) == (422, said)
    assert send(jansen, b"geen geluid").status_code == 415
    assert clinic.service.voices.find(NAME) == before
    assert len(events(clinic)) == 1


def test_a_file_that_is_too_large_is_refused(jansen: Desk) -> None:
    assert send(jansen, bytes(1_100_000)).status_code == 413  # the limit of this installation; ours is higher


def test_it_is_destroyed_when_its_owner_says_so(clinic: Clinic, jansen: Desk, minute: bytes) -> None:
    send(jansen, minute)
    assert jansen.post("/stem/verwijderen").headers["location"] == "/stem"
    assert jansen.post("/stem/verwijderen").status_code == 303
    assert clinic.service.voices.find(NAME) is None
    assert [one[1] for one in events(clinic)] == [Action.VOICE_ENROLLED, Action.VOICE_REMOVED]


def test_nobody_but_a_doctor_makes_one(clinic: Clinic, jansen: Desk, minute: bytes) -> None:
    zorg = clinic.colleague(jansen, "P. Zorg", "p.zorg", Role.POH)
    assert "alleen voor huisartsen en waarnemers" in zorg.client.get("/stem").text
    assert 'href="/stem"' not in zorg.client.get("/account").text
    assert send(zorg, minute).status_code == 403
    assert clinic.service.voices.find("P. Zorg") is None


@pytest.mark.parametrize("way", ["disabled", "another role"])
def test_it_goes_with_the_account_or_the_role(clinic: Clinic, jansen: Desk, minute: bytes, way: str) -> None:
    neem = clinic.colleague(jansen, "W. Neem", "w.neem", Role.WAARNEMER)
    assert send(neem, minute).status_code == 201
    account = clinic.account("w.neem").id
    if way == "disabled":
        jansen.post(f"/medewerkers/{account}/uitschakelen", of="/medewerkers")
    else:
        jansen.post(f"/medewerkers/{account}/rol", of="/medewerkers", rol="poh")
    assert clinic.service.voices.find("W. Neem") is None
    assert events(clinic)[-1] == (NAME, Action.VOICE_REMOVED, "", "W. Neem")


def test_the_voice_of_the_doctor_of_a_mixed_recording_is_used_and_of_no_other(
    clinic: Clinic, jansen: Desk, minute: bytes
) -> None:
    from consent import How
    from transcribe.asr.transcript import Speaker
    from transcribe.run import consent_given

    send(jansen, minute)
    service, actor = clinic.service, clinic.account("a.jansen").actor
    seen = []
    for channels in ((Speaker.ONBEKEND,), (Speaker.HUISARTS,)):
        consult = service.workflow.create(actor, "P-1")
        service.workflow.record_consent(actor, consult.id, consent_given(How.SPOKEN, actor.name, others_informed=True))
        service.workflow.receive(actor, consult.id, iter([minute]), channels)
        service.work()
        seen.append(service.steps._transcriber.profile)  # type: ignore[union-attr]
    kept = service.voices.find(NAME)
    assert kept is not None
    assert seen == [kept.profile, None]
