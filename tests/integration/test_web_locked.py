"""A screen that nobody touches while a recording of it goes on: locked for every route but those that the recording and
the way out need.
"""

from __future__ import annotations

import html
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from starlette.websockets import WebSocketDisconnect

from tests.clinic import BASE, PASSWORD, Clinic, Desk, token_in
from tests.integration.test_web import OPEN, api_routes, path_of
from transcribe.consult import Action, Role
from transcribe.ports import Entry, Session
from transcribe.web import guard

IDLE = timedelta(minutes=30)


class Room:
    """A doctor whose recording runs, and whose screen nobody touched for longer than the idle limit."""

    def __init__(self) -> None:
        self.clinic = Clinic()
        self.desk = self.clinic.set_up()
        self.actor = self.clinic.account(self.desk.login).actor
        self.consult = self.clinic.recording(self.actor)
        self.other = self.clinic.drafted("")
        self.token = token_in(self.desk.client.get("/account").text)
        self.leave()

    @property
    def page(self) -> str:
        return f"/consult/{self.consult}"

    def session(self) -> Session:
        (found,) = self.clinic.access.of(self.clinic.account(self.desk.login))
        return found

    def leave(self) -> None:
        """Sound comes, and nobody is there."""
        self.clinic.now += IDLE - timedelta(seconds=5)
        self.clinic.access.sounded(self.session(), self.consult)
        self.clinic.now += timedelta(seconds=10)

    def unlock(self, password: str = PASSWORD, **headers: str) -> int:
        fields = {"token": self.token, "wachtwoord": password, "naar": self.page}
        return self.desk.client.post("/slot", data=fields, headers=headers).status_code

    def locked(self) -> bool:
        answer = self.desk.client.get("/sessie", headers={"Accept": "application/json"})
        return answer.status_code == 401 and answer.json()["locked"] is True

    def connect(self, consult_id: UUID) -> int:
        """The code that the connection of a recording is closed with; 0: it is open."""
        path = f"{BASE.replace('http', 'ws')}/consult/{consult_id}/opname"
        try:
            with self.desk.client.websocket_connect(path, headers={"Origin": BASE}) as socket:
                socket.receive_json()
        except WebSocketDisconnect as closed:
            return closed.code
        return 0


@pytest.fixture
def room() -> Room:
    return Room()


def refused(desk: Desk, token: str, method: str, path: str) -> None:
    """As after a log-out: a page leads away, a fragment takes its page with it, a script hears it."""
    body = {"data": {"token": token}} if method == "POST" else {}
    page = desk.client.request(method, path, **body)
    assert page.status_code == 303, path
    assert page.headers["location"].startswith("/slot"), path
    assert page.text == "", path
    script = desk.client.request(method, path, headers={"Accept": "application/json"}, **body)
    assert script.status_code == 401, path
    assert method == "HEAD" or script.json()["locked"] is True, path
    fragment = desk.client.request(method, path, headers={"HX-Request": "true"}, **body)
    assert (fragment.status_code, fragment.text) == (401, ""), path
    assert fragment.headers["hx-redirect"].startswith("/slot"), path


def test_every_route_is_locked(room: Room) -> None:
    """For each consult, that of the recording as well. None of it wakes the session."""
    works = {"/slot", "/logout"}
    before = room.clinic.service.store.consult(room.consult), room.clinic.service.store.consult(room.other)
    for route in api_routes(room.clinic.app):
        if route.path in OPEN or route.path in works:
            continue
        for method in sorted(route.methods):
            for consult_id in (room.consult, room.other):
                if route.path.endswith("/sleutel") and consult_id == room.consult:
                    continue
                refused(room.desk, room.token, method, path_of(route.path, consult_id))
    assert room.locked()
    assert (room.clinic.service.store.consult(room.consult), room.clinic.service.store.consult(room.other)) == before


def test_a_glance_shows_nothing(room: Room) -> None:
    answer = room.desk.client.get(f"{room.page}/groei", headers={"HX-Request": "true", "X-Glance": "1"})
    assert (answer.status_code, answer.text) == (204, "")


def test_the_recorder_has_what_it_needs_and_no_more(room: Room) -> None:
    assert room.desk.client.get(f"{room.page}/opname/sleutel").status_code == 200
    assert room.connect(room.consult) == 0
    another = room.clinic.recording(room.actor)
    assert room.connect(another) == guard.LOG_IN
    assert room.connect(uuid4()) == guard.LOG_IN
    assert room.locked()


def test_the_page_of_the_lock_names_no_patient(room: Room) -> None:
    here = room.desk.client.get(room.page, follow_redirects=True)
    assert here.request.url.path == "/slot"
    assert "data-recorder" in here.text, "a reload costs no sound"
    elsewhere = room.desk.client.get("/", follow_redirects=True)
    assert "data-recorder" not in elsewhere.text
    for page in (here, elsewhere):
        assert page.status_code == 200
        assert "HIS-4711" not in page.text
        assert "Vergrendeld" in page.text
        assert "Werklijst" not in page.text


def test_the_password_opens_it_on_the_same_page(room: Room) -> None:
    page = room.desk.client.get(room.page, follow_redirects=True)
    fields = {"token": token_in(page.text), "wachtwoord": PASSWORD, "naar": room.page}
    answer = room.desk.client.post("/slot", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (303, room.page)
    assert not room.locked()
    assert "HIS-4711" in room.desk.client.get(room.page).text
    assert room.desk.client.get(f"/slot?naar={room.page}").headers["location"] == room.page
    assert (Action.LOGGED_IN, "ontgrendeld") in [(e.action, e.detail) for e in room.clinic.service.store.events()]


def test_a_wrong_password_does_not_and_more_of_them_cost_time(room: Room) -> None:
    wrong = room.desk.client.post("/slot", data={"token": room.token, "wachtwoord": "mis", "naar": room.page})
    assert wrong.status_code == 403
    assert "wachtwoord klopt niet" in html.unescape(wrong.text)
    assert "data-recorder" in wrong.text
    assert room.unlock("mis", Accept="application/json") == 403
    codes = [room.unlock("mis") for _ in range(5)]
    assert codes[-1] == 429
    assert room.unlock() == 429, "nor the right one, before the wait is over"
    assert room.locked()
    events = room.clinic.service.store.events()
    assert [one.detail for one in events if one.action is Action.LOGIN_FAILED][-1] == "niet ontgrendeld"
    room.clinic.now += timedelta(minutes=6)
    assert room.unlock(Accept="application/json") == 204
    assert not room.locked()


@pytest.mark.parametrize("token", ["", "geraden"])
def test_another_site_does_not_unlock(room: Room, token: str) -> None:
    assert room.desk.client.post("/slot", data={"token": token, "wachtwoord": PASSWORD}).status_code == 403
    assert room.locked()


def test_nobody_is_sent_to_another_site(room: Room) -> None:
    fields = {"token": room.token, "wachtwoord": PASSWORD, "naar": "//elders.example"}
    assert room.desk.client.post("/slot", data=fields).headers["location"] == "/"


def test_when_the_recording_is_over_the_session_is(room: Room) -> None:
    room.clinic.service.recorder.pause(room.actor, room.consult)
    assert room.locked(), "a pause is no end"
    room.clinic.service.workflow.discard(room.actor, room.consult)
    answer = room.desk.client.get(room.page)
    assert answer.headers["location"] == f"/login?naar={room.page}"
    assert room.clinic.access.of(room.clinic.account(room.desk.login)) == []


def test_when_no_sound_came_for_as_long_the_session_is_over(room: Room) -> None:
    room.clinic.now += IDLE
    assert room.desk.client.get("/").headers["location"] == "/login"


def test_without_a_recording_a_session_ends_as_ever() -> None:
    clinic = Clinic()
    desk = clinic.set_up()
    clinic.now += IDLE + timedelta(seconds=1)
    assert desk.client.get("/slot").headers["location"] == "/login"


def test_one_may_log_out(room: Room) -> None:
    assert room.desk.client.post("/logout", data={"token": room.token}).headers["location"] == "/login"
    assert room.connect(room.consult) == guard.LOG_IN


def test_who_is_disabled_meanwhile_is_out(room: Room) -> None:
    manager = room.clinic.seat("", Role.BEHEERDER, manages=True)
    account = room.clinic.account(room.desk.login)
    token = token_in(manager.client.get("/medewerkers").text)
    done = manager.client.post(f"/medewerkers/{account.id}/uitschakelen", data={"token": token})
    assert done.status_code < 400, done.text
    assert room.desk.client.get("/").headers["location"] == "/login"
    assert room.connect(room.consult) == guard.LOG_IN


def test_another_session_of_the_same_person_is_not_locked(room: Room) -> None:
    account = room.clinic.account(room.desk.login)
    second = room.clinic.desk(room.desk.login)
    second.client.cookies.set("transcribe-8600", room.clinic.access.open(Entry.OPEN, account))
    assert second.client.get("/").status_code == 200
    assert room.locked()


def test_the_page_asks_how_long_there_is_left(room: Room) -> None:
    assert room.unlock() == 303
    left = [room.desk.client.get("/sessie").json()["left"]]
    room.clinic.now += timedelta(minutes=10)
    left.append(room.desk.client.get("/sessie").json()["left"])
    assert left == [1800, 1200], "asking keeps nobody logged in"


def test_logging_in_anew_ends_no_recording_of_the_same_person(room: Room) -> None:
    """At a provider, or in another tab. The old session stays for the line of the recording; it opens nothing else."""
    access, account = room.clinic.access, room.clinic.account(room.desk.login)
    cookie = next(value for name, value in room.desk.client.cookies.items() if name.startswith("transcribe"))
    access.open(Entry.CODE, account, instead_of=cookie)
    access.open(Entry.OPEN, account, instead_of=cookie)
    assert room.connect(room.consult) == 0
    assert room.locked()
    room.clinic.now += timedelta(minutes=31)
    access.open(Entry.OPEN, account, instead_of=cookie)
    assert room.connect(room.consult) == 4401


def test_somebody_else_who_logs_in_ends_the_session_of_before(room: Room) -> None:
    cookie = next(value for name, value in room.desk.client.cookies.items() if name.startswith("transcribe"))
    seat = room.clinic.seat("", Role.WAARNEMER, name="W. Neem")
    room.clinic.access.open(Entry.OPEN, room.clinic.account(seat.login), instead_of=cookie)
    assert room.connect(room.consult) == 4401
