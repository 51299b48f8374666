"""What people do with a consult of another practice ends as with one that nobody knows, whatever it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from consent import ConsentMissing, How, Texts, grant
from transcribe.asr.transcript import Speaker
from transcribe.consult import Action, Actor, Emergency, Role, Search, Status
from transcribe.contact import Contact
from transcribe.errors import NotFound
from transcribe.naming import Naming
from transcribe.practice import Practice, Practices
from transcribe.recorder import Recorder
from transcribe.soep.note import Concern, Section
from transcribe.testing import Scripted, confirm_seen, scripted_service
from transcribe.video import Video
from transcribe.workflow import Workflow

NORTH, SOUTH = "Noord", "Zuid"
GP = Actor(name="Dr. Proef", role=Role.HUISARTS)
GIVEN = grant(
    how=How.SPOKEN,
    informed_by=GP.name,
    text_id="t",
    text_sha256="ab" * 32,
    others_informed=True,
    now=datetime(2026, 11, 22, tzinfo=UTC),
)
#: What methods are called with besides the consult, by name.
ARGUMENTS: dict[str, object] = {
    "actor": GP,
    "version": 1,
    "seen": 0,
    "line_id": "L1",
    "report_id": "R1",
    "section": Section.S,
    "text": "Keelpijn.",
    "second": "Geen koorts.",
    "by": 1,
    "code": "R74",
    "contact": Contact(),
    "video": Video(),
    "editor": "L1",
    "to": "W. Neem",
    "shown_sha256": "ab" * 32,
    "consent": GIVEN,
    "digest": bytes(32),
    "chunks": [b"RIFF"],
    "layout": (Speaker.ONBEKEND,),
    "speakers": (Speaker.ONBEKEND,),
    "first": "Keelpijn.",  # a part of a line, or: is this the first time? yes
    "looker": b"d",
    "texts": Texts(),
    "shown": "ab" * 32,
    "utterance": 0,
    "concern": Concern.DAMAGED,
    "said": None,
    "why": Emergency.CARE,
}


def methods(kind: type) -> list[str]:
    """Those that are called with the number of a consult that is there."""
    public = inspect.getmembers(kind, lambda found: inspect.isfunction(found))
    asked = {name: inspect.signature(found).parameters.get("consult_id") for name, found in public}
    return [name for name, one in asked.items() if not name.startswith("_") and one and one.default is one.empty]


PARTS = {Workflow: "workflow", Recorder: "recorder", Naming: "naming"}
CASES = [(kind, name) for kind in PARTS for name in methods(kind)]


def call(practice: Practice, kind: type, name: str, consult_id: UUID) -> object:
    method: Callable[..., object] = getattr(getattr(practice, PARTS[kind]), name)
    needed = {
        parameter.name: ARGUMENTS[parameter.name]
        for parameter in inspect.signature(method).parameters.values()
        if parameter.default is parameter.empty and parameter.name != "consult_id"
    }
    try:
        return method(consult_id=consult_id, **needed)
    except Exception as problem:  # noqa: BLE001  (which one it is, is compared)
        return type(problem)


@pytest.fixture
def service() -> Scripted:
    return scripted_service(icpc=True)


def consults(service: Scripted) -> list[UUID]:
    """Of the one practice, wherever something can be done with them."""
    north = service.practice(NORTH)
    locum = replace(GP, name="W. Neem")
    new = north.workflow.create(locum, "P-1").id
    agreed, recording, drafted, signed = (north.workflow.create(GP, "P-1").id for _ in range(4))
    for one in (agreed, recording, drafted, signed):
        north.workflow.record_consent(GP, one, GIVEN)
    north.recorder.start(GP, recording, (Speaker.ONBEKEND,))
    for one in (drafted, signed):
        north.workflow.receive(GP, one, [b"RIFF"], (Speaker.ONBEKEND,))
    service.work()
    confirm_seen(north.workflow, GP, signed, "L3")
    north.workflow.approve(GP, signed, north.workflow.review(GP, signed).sha256)
    north.workflow.deliver(GP, signed)
    north.workflow.close(locum, new, north.workflow.consult(new).version)
    north.workflow.open_in_emergency(GP, new, Emergency.CARE)
    return [new, agreed, recording, drafted, signed]


@pytest.mark.parametrize(("kind", "name"), CASES, ids=[f"{kind.__name__}.{name}" for kind, name in CASES])
def test_a_consult_of_another_practice_is_as_one_that_nobody_knows(service: Scripted, kind: type, name: str) -> None:
    known = consults(service)
    north, south = service.practice(NORTH), service.practice(SOUTH)
    nobody = call(south, kind, name, uuid4())
    assert nobody in (NotFound, ConsentMissing, None, [])
    before = [service.store.consult(one) for one in known]
    log = service.store.of(NORTH).events()
    assert [call(south, kind, name, one) for one in known] == [nobody] * len(known)
    assert [service.store.consult(one) for one in known] == before
    assert service.store.of(NORTH).events() == log
    # the counter-proof: whose it is gets something else
    if name not in NOTHING:
        assert any(call(north, kind, name, one) != nobody for one in known)


#: Nothing there for its own practice either, in these consults.
NOTHING = {"aside_since"}


def test_what_is_recorded_through_one_practice_is_safe_from_another(service: Scripted) -> None:
    recording = consults(service)[2]
    live = service.practice(NORTH).recorder.open(GP, recording)
    for name in ("open", "pause", "finish", "progress"):
        assert call(service.practice(SOUTH), Recorder, name, recording) is NotFound
    assert service.practice(SOUTH).recorder.finish_abandoned() == 0
    live.append(b"\0" * 3200)
    assert live.sync() == 3200
    assert service.practice(NORTH).workflow.consult(recording).status is Status.RECORDING


def test_each_practice_has_its_own_list_and_log(service: Scripted) -> None:
    consults(service)
    south = service.practice(SOUTH)
    own = south.workflow.create(GP, "P-1")
    assert own.practice == SOUTH
    assert south.workflow.search(Search()) == [own]
    south.workflow.log(GP, Action.LOGGED_IN)
    assert [event.action for event in service.store.of(SOUTH).events()] == [Action.CONSULT_CREATED, Action.LOGGED_IN]


def test_a_practice_is_made_once() -> None:
    made: list[str] = []

    def make(name: str) -> Practice:
        made.append(name)
        return scripted_service().practice(name)

    practices = Practices(make)
    assert practices(NORTH) is practices(NORTH)
    assert practices(SOUTH) is not practices(NORTH)
    assert made == [NORTH, SOUTH]
