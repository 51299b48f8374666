"""A consult that is closed to colleagues: what they see of it on every route there is, and what opens it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

import pytest

from consent import How, Withdrawer
from tests.clinic import BASE, Clinic, Desk
from tests.integration.test_web import OPEN, api_routes, path_of
from tests.integration.test_web_tenants import FORM
from transcribe.consult import Action, Actor, Emergency, LogFilter, Role, Status
from transcribe.errors import ClosedConsult
from transcribe.ports import Entry
from transcribe.run import consent_given
from transcribe.web.rights import RULES, name_of

REF = "HIS-4711"
OWNER, LOCUM = "Dr. A. Jansen", "W. Neem"
HELD = "Dr. Proef"  # in whose name the consult was made


@dataclass
class Surgery:
    clinic: Clinic
    owner: Desk
    locum: Desk
    nurse: Desk
    assistant: Desk
    consult_id: UUID

    @property
    def page(self) -> str:
        return f"/consult/{self.consult_id}"

    def version(self) -> str:
        return str(self.clinic.service.store.consult(self.consult_id).version)

    def send(self, desk: Desk, path: str, **fields: str):  # type: ignore[no-untyped-def]
        return desk.post(f"{self.page}/{path}", **{"versie": self.version()} | fields)

    def later(self, minutes: int) -> None:
        """Everybody logged in anew: the sessions before have been idle too long."""
        self.clinic.now += timedelta(minutes=minutes)
        for desk in (self.owner, self.locum):
            session = self.clinic.access.open(Entry.OPEN, self.clinic.account(desk.login))
            desk.client.cookies.set("transcribe-8600", session)

    def words(self) -> list[str]:
        """Of the note and of the talk: what must not be seen."""
        store = self.clinic.service.store
        found, talk = store.note(self.consult_id), store.transcript(self.consult_id)
        assert found is not None
        assert talk is not None
        return [REF, *(line.text for line in found[1].lines()), *(one.text for one in talk.utterances)]


@pytest.fixture
def surgery() -> Surgery:
    clinic = Clinic()
    made = Surgery(
        clinic=clinic,
        owner=clinic.seat("", Role.HUISARTS, name=OWNER),
        locum=clinic.seat("", Role.WAARNEMER, name=LOCUM),
        nurse=clinic.seat("", Role.POH, name="P. Zorg"),
        assistant=clinic.seat("", Role.ASSISTENTE, name="A. Balie"),
        consult_id=clinic.drafted(""),
    )
    assert made.send(made.owner, "afschermen").status_code == 303
    return made


def ask(desk: Desk, method: str, path: str, version: str):  # type: ignore[no-untyped-def]
    token = desk.client.get("/account").text.partition('name="token" value="')[2].partition('"')[0]
    if method == "PUT":
        headers = {"X-CSRF-Token": token, "Content-Type": "application/octet-stream"}
        return desk.client.put(path, headers=headers, content=b"RIFF")
    if method in {"GET", "HEAD"}:
        return desk.client.request(method, path)
    return desk.client.request(method, path, data={**FORM, "versie": version, "token": token})


def test_no_route_shows_or_changes_it_for_who_is_no_reader(surgery: Surgery) -> None:
    """Every route with the number of a consult, from the app's own list, for whoever else has the role for it."""
    before, words = surgery.clinic.service.store.consult(surgery.consult_id), surgery.words()
    tried = 0
    for route in api_routes(surgery.clinic.app):
        if "{consult_id}" not in route.path or route.path in OPEN:
            continue
        rule = RULES[name_of(route.endpoint)]
        if name_of(route.endpoint) == "routes.withdraw":
            continue  # see below
        for method in sorted(route.methods):
            for desk in (surgery.locum, surgery.nurse, surgery.assistant):
                answer = ask(desk, method, path_of(route.path, surgery.consult_id), surgery.version())
                if name_of(route.endpoint) == "routes.standing":
                    assert (answer.status_code, answer.headers["hx-refresh"]) == (204, "true")
                elif name_of(route.endpoint) == "closing.emergency":
                    assert answer.status_code in {403, 422}  # not a doctor; no reason
                else:
                    assert answer.status_code == 403, (route.path, method, answer.status_code)
                    assert rule.closed or method == "HEAD" or "afgeschermd" in answer.text or "mag u dit" in answer.text
                assert not any(word in answer.text for word in words), route.path
                tried += 1
    assert tried > 100
    assert surgery.clinic.service.store.consult(surgery.consult_id) == before


def test_the_recording_connection_is_closed_too() -> None:
    """Whoever recorded is told that it is stored, so that their browser lets go of its copy; and nothing else."""
    clinic = Clinic()
    owner, locum = clinic.seat("", Role.HUISARTS, name=OWNER), clinic.seat("", Role.WAARNEMER, name=LOCUM)
    workflow, actor = clinic.service.workflow, Actor(name=OWNER, role=Role.HUISARTS)
    consented = workflow.create(actor, REF).id
    workflow.record_consent(actor, consented, consent_given(How.SPOKEN, OWNER, others_informed=True))
    for consult_id, expected in ((consented, {"error", "code"}), (clinic.drafted(""), {"stored", "frames", "page"})):
        version = str(clinic.service.store.consult(consult_id).version)
        assert owner.post(f"/consult/{consult_id}/afschermen", versie=version).status_code == 303
        path = f"{BASE.replace('http', 'ws')}/consult/{consult_id}/opname"
        with locum.client.websocket_connect(path, headers={"Origin": BASE}) as socket:
            said = socket.receive_json()
        assert set(said) == expected
        assert "afgeschermd" in said.get("error", "afgeschermd")
    assert clinic.service.store.consult(consented).status is Status.CONSENTED


def test_lists_and_searches_name_no_patient_to_others(surgery: Surgery) -> None:
    for desk in (surgery.locum, surgery.nurse, surgery.assistant):
        for page in (desk.client.get("/").text, desk.client.get("/werklijst").text):
            assert REF not in page
            assert "Afgeschermd consult" in page
        found = desk.client.get(desk.post("/zoeken", kenmerk=REF).headers["location"]).text
        assert "Afgeschermd consult" in found  # it can be found, for an emergency
    assert REF in surgery.owner.client.get("/").text


def test_it_waits_for_who_closed_it_and_for_nobody_else(surgery: Surgery) -> None:
    assert "Wacht op een collega" in surgery.locum.client.get("/").text
    assert f"Wacht op {OWNER}" in surgery.locum.client.get(surgery.page).text
    assert "Voor u" in surgery.owner.client.get("/").text
    # whoever opens it in an emergency takes it over before anything changes
    assert surgery.send(surgery.locum, "noodtoegang", reden="waarneming").status_code == 303
    assert surgery.send(surgery.locum, "regel/L1/wijzig", tekst="Anders.").status_code == 409
    assert surgery.send(surgery.locum, "overnemen").status_code == 303
    assert surgery.send(surgery.locum, "regel/L1/wijzig", tekst="Anders.").status_code == 303


#: What an emergency opens: to read the consult, and to finish its note.
URGENT = {"routes.consult_page", "routes.standing", "routes.progress", "routes.withdraw", "closing.emergency",
    "media.audio", "media.outline", "ingest.growing", "passing.take_over",
    *(name for name in RULES if name.startswith("review."))}  # fmt: skip


def test_an_emergency_gives_nothing_that_lasts(surgery: Surgery) -> None:
    """Every route with the consult's number, before and after taking over: nothing lifted, destroyed, recorded or
    passed on. In an hour it is over.
    """
    assert surgery.send(surgery.locum, "noodtoegang", reden="spoed").status_code == 303
    for taken_over in (False, True):
        if taken_over:
            assert surgery.send(surgery.locum, "overnemen").status_code == 303
        before, tried = surgery.clinic.service.store.consult(surgery.consult_id), 0
        for route in api_routes(surgery.clinic.app):
            if "{consult_id}" not in route.path or name_of(route.endpoint) in URGENT:
                continue
            for method in sorted(route.methods):
                answer = ask(surgery.locum, method, path_of(route.path, surgery.consult_id), surgery.version())
                assert answer.status_code == 409, (route.path, method, answer.status_code)
                tried += 1
        assert tried > 15
        assert surgery.clinic.service.store.consult(surgery.consult_id) == before
        page = surgery.locum.client.get(surgery.page).text
        assert not any(f'id="{one}"' in page for one in ("openstellen", "verwijderen", "overdragen", "afschermen"))
    path = f"{BASE.replace('http', 'ws')}{surgery.page}/opname"
    with surgery.locum.client.websocket_connect(path, headers={"Origin": BASE}) as socket:
        assert set(socket.receive_json()) == {"stored", "frames", "page"}
    surgery.later(61)
    assert surgery.locum.client.get(surgery.page).status_code == 403
    assert surgery.send(surgery.owner, "overnemen").status_code == 303
    assert surgery.send(surgery.owner, "openstellen").status_code == 303
    assert "opende met noodtoegang" in surgery.owner.client.get("/").text  # told all the same


def test_an_emergency_offers_nothing_that_is_refused(surgery: Surgery) -> None:
    """What its pages ask for and send is what an emergency opens: of a draft that waits for somebody, of one that was
    taken over, and of one that is signed.
    """
    for desk, name in ((surgery.owner, "P. Zorg"), (surgery.nurse, OWNER)):
        assert surgery.send(desk, "overdragen", naam=name, bevestigd=name).status_code == 303
    assert surgery.send(surgery.locum, "noodtoegang", reden="spoed").status_code == 303
    patterns = {
        re.compile(re.sub(r"\{[^}]+\}", "[^/]+", route.path)): RULES[name_of(route.endpoint)]
        for route in api_routes(surgery.clinic.app)
        if "{consult_id}" in route.path
    }

    def offered() -> set[str]:
        page = surgery.locum.client.get(surgery.page).text
        asked = re.findall(r'(?:action|href|hx-get|hx-post|hx-put)="(/consult/[^"#?]+)', page)
        rules = {path: [rule for pattern, rule in patterns.items() if pattern.fullmatch(path)] for path in asked}
        assert not [path for path, found in rules.items() if not any(rule.urgent or rule.closed for rule in found)]
        return set(asked)

    assert f"{surgery.page}/overnemen" in offered()
    assert surgery.send(surgery.locum, "overnemen").status_code == 303
    assert f"{surgery.page}/regel" in offered()
    while flags := re.findall(r'/regel/(L[0-9]+)/bevestig"', surgery.locum.client.get(surgery.page).text):
        assert surgery.send(surgery.locum, f"regel/{flags[0]}/verwijder").status_code == 303
    page = surgery.locum.client.get(surgery.page).text
    shown = page.partition('name="sha256" value="')[2].partition('"')[0]
    assert surgery.send(surgery.locum, "akkoord", sha256=shown).status_code == 303
    assert surgery.clinic.service.store.consult(surgery.consult_id).status is Status.APPROVED
    assert offered()


def test_who_keeps_a_consult_gets_it_back_whatever_the_role() -> None:
    clinic = Clinic()
    nurse, locum = clinic.seat("", Role.POH, name="P. Zorg"), clinic.seat("", Role.WAARNEMER, name=LOCUM)
    made = Surgery(clinic=clinic, owner=nurse, locum=locum, nurse=nurse, assistant=nurse, consult_id=clinic.drafted(""))
    assert made.send(nurse, "afschermen").status_code == 303
    assert made.send(locum, "noodtoegang", reden="spoed").status_code == 303
    assert made.send(locum, "overnemen").status_code == 303
    assert made.send(nurse, "overnemen").status_code == 303
    assert made.send(nurse, "regel/L1/wijzig", tekst="Anders.").status_code == 303


def test_one_emergency_is_told_once(surgery: Surgery) -> None:
    for _ in range(3):
        assert surgery.send(surgery.locum, "noodtoegang", reden="spoed").status_code == 303
    assert len(surgery.clinic.service.store.logged(LogFilter(action=Action.EMERGENCY_ACCESS))) == 1


def test_who_signed_is_not_locked_out_and_who_was_here_in_an_emergency_is() -> None:
    clinic = Clinic()
    workflow, store = clinic.service.workflow, clinic.service.store
    doctor, nurse, locum = (
        Actor(name=name, role=role)
        for name, role in ((OWNER, Role.HUISARTS), ("P. Zorg", Role.POH), (LOCUM, Role.WAARNEMER))
    )
    consult_id = clinic.drafted("")
    workflow.close(nurse, consult_id, store.consult(consult_id).version)
    workflow.open_in_emergency(locum, consult_id, Emergency.CARE)
    workflow.take_over(locum, consult_id, store.consult(consult_id).version)
    workflow.take_over(nurse, consult_id, store.consult(consult_id).version)
    workflow.lift(nurse, consult_id, store.consult(consult_id).version)
    workflow.edit_line(doctor, consult_id, store.consult(consult_id).version, "L1", "Anders.")
    workflow.close(nurse, consult_id, store.consult(consult_id).version)
    assert store.consult(consult_id).readers == ("P. Zorg", HELD, OWNER)


def test_a_colleague_does_not_lock_out_who_held_the_consult() -> None:
    clinic = Clinic()
    nurse = clinic.seat("", Role.POH, name="P. Zorg")
    consult_id = clinic.drafted("")
    page = f"/consult/{consult_id}"
    nurse.post(f"{page}/afschermen", versie=str(clinic.service.store.consult(consult_id).version))
    assert clinic.service.store.consult(consult_id).readers == ("P. Zorg", HELD)


def test_who_gets_the_draft_may_open_it(surgery: Surgery) -> None:
    assert surgery.send(surgery.owner, "overdragen", naam=LOCUM, bevestigd=LOCUM).status_code == 303
    assert surgery.locum.client.get(surgery.page).status_code == 200
    assert surgery.nurse.client.get(surgery.page).status_code == 403
    # who sends it back has seen it, and stays a reader
    assert surgery.send(surgery.locum, "terugsturen").status_code == 303
    assert surgery.locum.client.get(surgery.page).status_code == 200


def test_an_emergency_opens_it_for_an_hour_and_is_told(surgery: Surgery) -> None:
    store = surgery.clinic.service.store
    assert surgery.send(surgery.locum, "noodtoegang", reden="nieuwsgierig").status_code == 422
    assert surgery.send(surgery.nurse, "noodtoegang", reden="spoed").status_code == 403
    assert surgery.locum.client.get(surgery.page).status_code == 403
    assert surgery.send(surgery.locum, "noodtoegang", reden="spoed").status_code == 303
    page = surgery.locum.client.get(surgery.page).text
    assert REF in page
    assert "Noodtoegang tot 11:00" in page  # an hour from NOW, as the clock in the practice shows it
    # of nobody else, and the closing stays
    assert surgery.nurse.client.get(surgery.page).status_code == 403
    assert surgery.send(surgery.locum, "openstellen").status_code == 409
    # who keeps it reads that on the worklist and on the consult
    for shown in (surgery.owner.client.get("/").text, surgery.owner.client.get(surgery.page).text):
        assert LOCUM in shown
        assert "De patiënt heeft nu zorg nodig" in shown
    assert "opende met noodtoegang" not in surgery.locum.client.get("/").text
    (row,) = store.logged(LogFilter(action=Action.EMERGENCY_ACCESS))
    assert (row.event.actor, row.event.consult_id, row.event.detail) == (LOCUM, surgery.consult_id, "spoed")
    assert row.patient is not None
    # and the patient, why
    told = surgery.owner.post("/toegangslog/patient", kenmerk=REF)
    assert "opende met noodtoegang een afgeschermd consult, omdat u op dat moment zorg nodig had" in told.text
    surgery.later(61)
    assert surgery.locum.client.get(surgery.page).status_code == 403


def test_an_emergency_is_of_the_account_and_not_of_a_name(surgery: Surgery) -> None:
    workflow = surgery.clinic.service.workflow
    first = Actor(name=LOCUM, role=Role.WAARNEMER, id="1")
    workflow.open_in_emergency(first, surgery.consult_id, Emergency.CARE)
    workflow.check_open(first, surgery.consult_id, urgent=True)
    with pytest.raises(ClosedConsult):
        workflow.check_open(replace(first, id="2"), surgery.consult_id, urgent=True)


def test_the_closing_is_lifted_by_a_reader(surgery: Surgery) -> None:
    assert surgery.send(surgery.owner, "openstellen").status_code == 303
    assert surgery.locum.client.get(surgery.page).status_code == 200
    actions = [event.action for event in surgery.clinic.service.store.events(surgery.consult_id)]
    assert actions.count(Action.CLOSED) == actions.count(Action.CLOSING_LIFTED) == 1


def test_the_patients_withdrawal_waits_for_no_reader(surgery: Surgery) -> None:
    page = surgery.assistant.client.get(surgery.page)
    assert "Ja, intrekken en vernietigen" in page.text
    assert surgery.send(surgery.assistant, "intrekken", door=Withdrawer.PATIENT.value).status_code == 303
    assert surgery.clinic.service.store.consult(surgery.consult_id).status is Status.WITHDRAWN


def test_what_is_being_recorded_is_not_closed() -> None:
    clinic = Clinic()
    owner = clinic.seat("", Role.HUISARTS, name=OWNER)
    consult_id = clinic.recording(clinic.staff.person(clinic.sessions.of(clinic.account(owner.login).id)[0]).actor)
    answer = owner.post(
        f"/consult/{consult_id}/afschermen", versie=str(clinic.service.store.consult(consult_id).version)
    )
    assert answer.status_code == 409
    assert clinic.service.store.consult(consult_id).readers == ()


def test_a_page_that_is_out_of_date_closes_nothing(surgery: Surgery) -> None:
    assert surgery.send(surgery.owner, "openstellen", versie="1").status_code == 409
    assert surgery.clinic.service.store.consult(surgery.consult_id).readers == (OWNER, HELD)
    assert surgery.send(surgery.owner, "afschermen").status_code == 422  # it is already


def test_who_opens_a_running_recording_reads_whose_it_is() -> None:
    """One click there would stop it on the other screen: it is asked twice, of somebody else only."""
    clinic = Clinic()
    owner, nurse = clinic.seat("", Role.HUISARTS, name=OWNER), clinic.seat("", Role.POH, name="P. Zorg")
    page = f"/consult/{clinic.recording(Actor(name=OWNER, role=Role.HUISARTS))}"
    for desk, asked in ((owner, False), (nurse, True)):
        text = desk.client.get(page).text
        assert (f"{OWNER} neemt dit consult op, op een ander scherm" in text) is asked
        assert ("data-sure" in text) is asked
