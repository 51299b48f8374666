"""A HIS opens a consult, in a real browser: which cookies go along with what is the browser's to say."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.functional.conftest import service_on_fakes
from tests.functional.test_browser_story import WORKSTATION
from transcribe.web.his import signature

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

SECRET = "geheim-van-deze-test-0123456789-abcdef"
REF = "KANARIE-4711"


def page_of_the_his(address: str) -> str:
    moment = str(int(time.time()))
    fields = {"kenmerk": REF, "tijd": moment, "handtekening": signature(SECRET, moment, REF).hex()}
    inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in fields.items())
    form = f'<form method="post" action="{address}/his">{inputs}</form>'
    return f'<!doctype html><meta charset="utf-8"><body onload="document.forms[0].submit()">{form}'


@contextmanager
def web_his(page: str) -> Iterator[str]:
    """On another site: ``localhost`` is not ``127.0.0.1``."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}/dossier"
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.mark.parametrize(("his", "logged_in"), [("on the desktop", True), ("on the web", True), ("on the web", False)])
def test_one_click_in_the_his_and_the_reference_stands_there(
    chromium: Browser, tmp_path: Path, his: str, logged_in: bool
) -> None:
    """Dr. Demo clicks "transcribe" in the dossier. The new consult comes with the reference and waits for consent; when
    Dr. Demo was logged out, after logging in. Neither the addresses nor what the browser keeps tell of the patient, and
    back leads to the HIS.
    """
    with service_on_fakes(his_secret=SECRET) as service:
        context = chromium.new_context(viewport=WORKSTATION)
        page = context.new_page()
        page.set_default_timeout(60_000)
        if logged_in:
            page.goto(service.start("/"))
        addresses: list[str] = []
        context.on("request", lambda request: addresses.append(request.url + json.dumps(request.headers)))
        html = page_of_the_his(service.url)
        if his == "on the desktop":
            (tmp_path / "his.html").write_text(html, encoding="utf-8")
            page.goto((tmp_path / "his.html").as_uri())
        else:
            with web_his(html) as address:
                page.goto(address)
                page.wait_for_url(f"{service.url}/**")
        if not logged_in:
            page.get_by_label("Toegangssleutel").fill("sleutel-voor-de-browserproef")
            page.get_by_role("button", name="Inloggen").click()
        page.wait_for_url(f"{service.url}/consult/nieuw")
        assert page.get_by_label("Patiëntkenmerk").input_value() == REF
        page.get_by_text("Uit uw HIS").wait_for()
        page.reload()
        assert page.get_by_label("Patiëntkenmerk").input_value() == ""
        posted = [urlsplit(address).path for address in addresses]
        assert len(posted) > 3
        assert not [address for address in addresses if REF in address]
        session = context.new_cdp_session(page)
        history = session.send("Page.getNavigationHistory")["entries"]
        assert REF not in json.dumps(history)
        assert [entry for entry in history if urlsplit(entry["url"]).path == "/his"] == []
        assert REF not in json.dumps(
            [context.storage_state(), page.evaluate("() => [history.length, document.referrer]")]
        )
        context.close()
