"""A practice on PostgreSQL as the service itself puts it together: set up once, and still itself after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from starlette.testclient import TestClient

from tests.clinic import BASE, Clock, Desk
from transcribe.app import Service, access_key, make_web, open_service
from transcribe.consult import Action
from transcribe.settings import Settings
from transcribe.store.sessions import PostgresSessions
from transcribe.web.access import Access


@contextmanager
def running(settings: Settings) -> Iterator[tuple[Service, Access, TestClient]]:
    with open_service(settings) as service, PostgresSessions(service.database_url) as sessions:
        access = Access(access_key(settings.data_dir), sessions)
        yield service, access, TestClient(make_web(service, access), base_url=BASE, follow_redirects=False)


def test_the_first_start_is_set_up_and_the_key_opens_nothing_after_it(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings.from_env(data_dir=tmp_path / "praktijk", database_url=postgres_url)
    with running(settings) as (service, access, client):
        assert service.accounts
        assert service.accounts.key_opens()
        desk = Desk(clinic=Clock(now=datetime.now(UTC)), login="a.jansen", client=client)
        assert desk.begin_set_up(access.ticket()).status_code == 303
        desk.enrol()
        assert "Dr. A. Jansen, huisarts" in client.get("/").text
        cookies = client.cookies
    with running(settings) as (service, _, client):
        assert service.accounts
        assert service.accounts.key_opens() is None
        assert client.post("/login", data={"sleutel": access_key(settings.data_dir)}).status_code == 403
        client.cookies = cookies
        assert client.get("/account").status_code == 200, "a restart asks nobody to log in again"
        client.cookies.clear()
        again = Desk(clinic=desk.clinic, login="a.jansen", client=client)
        assert again.first_step().status_code == 303
        assert again.second_step(desk.recovery[0]).status_code == 303
        events = [one for one in service.store.events() if one.action is Action.LOGGED_IN]
        assert [one.actor for one in events] == ["Dr. A. Jansen"] * 2
        assert UUID(events[0].user_id) == UUID(events[1].user_id)
        assert service.store.verify_log() is None


def test_the_proxy_of_the_settings_is_believed_and_no_other(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings.from_env(
        data_dir=tmp_path / "praktijk", database_url=postgres_url, public_host="scribe.example", proxy="192.0.2.7"
    )
    with running(settings) as (service, access, _):
        app = make_web(service, access)
        for peer in ("192.0.2.7", "192.0.2.8"):
            client = TestClient(app, base_url="http://scribe.example", client=(peer, 1))
            fields = {"naam": "niemand", "wachtwoord": "x"}
            client.post("/login", data=fields, headers={"X-Forwarded-For": "198.51.100.9"})
        tried = [one.address for one in service.store.events() if one.action is Action.LOGIN_FAILED]
        assert sorted(tried) == ["192.0.2.8", "198.51.100.9"]
