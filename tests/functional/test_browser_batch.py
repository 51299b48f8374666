"""Many recordings at a time, in a real browser. Each docstring is the story."""

from __future__ import annotations

import csv
import hashlib
import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.functional.conftest import LiveServer, service_on_fakes
from tests.functional.test_browser_accessible import EXAMINE, TAGS, axe_script
from tests.functional.test_browser_storage import STORED
from tests.functional.test_browser_story import PHONE, WORKSTATION
from transcribe.audio.together import read_head
from transcribe.batch.manifest import COLUMNS
from transcribe.consult import KeyPurpose, Search, Status
from transcribe.contact import ContactType

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

pytestmark = pytest.mark.browser

PUTS = "**/opnamen/*/*"
NARROW = {"width": 320, "height": 700}
#: Files as a person drags them in: nothing a script can make but this.
DROP = """([files]) => {
  const transfer = new DataTransfer();
  for (const [name, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name));
  document.querySelector("[data-drop]").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
}"""
#: Lengths around the edges of a block of SHA-256, and of a piece that is read at once.
HASHED = """async ([module, lengths]) => {
  const { Sha256, hex } = await import(module);
  return lengths.map((length) => {
    const bytes = Uint8Array.from({ length }, (_, n) => (n * 7 + length) % 251);
    const sum = new Sha256();
    for (let at = 0; at < length; at += 100) sum.update(bytes.subarray(at, at + 100));
    return hex(sum.digest());
  });
}"""


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with service_on_fakes() as found:
        yield found


@pytest.fixture
def page(chromium: Browser, server: LiveServer) -> Iterator[Page]:
    context = chromium.new_context(viewport=WORKSTATION, reduced_motion="reduce", accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(server.start("/opnamen"))
    page.wait_for_load_state()
    yield page
    context.close()


def sound(seed: int) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.random.default_rng(seed).integers(-99, 99, 8000).astype("<i2").tobytes())
    return made.getvalue()


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    page.evaluate(DROP, [[[name, list(content)] for name, content in files]])


def row(page: Page, name: str) -> Locator:
    return page.locator("[data-row]", has=page.locator(".batch-name", has_text=name)).first


def badge(page: Page, name: str, words: str) -> None:
    row(page, name).locator("[data-badge]", has_text=words).wait_for()


def manifest(*rows: dict[str, str]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(COLUMNS), delimiter=";", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("cp1252")


def examined(page: Page) -> None:
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe_script())
    for scheme, size in (("light", PHONE), ("dark", WORKSTATION), ("dark", NARROW)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        assert page.evaluate(EXAMINE, [TAGS, None]) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.set_viewport_size(WORKSTATION)


def fill_in(page: Page, name: str, **values: str) -> None:
    here = row(page, name)
    here.get_by_label("Patiëntkenmerk").fill(values.get("kenmerk", "P-2"))
    here.get_by_label("Dag van het consult").fill("2026-11-20")
    here.get_by_label("Toestemming", exact=True).select_option(values.get("toestemming", "mondeling"))
    here.get_by_label("Anderen erbij").select_option("geen")


GIVEN = {"toestemming": "mondeling", "anderen": "geen", "geïnformeerd_door": "B. Balie"}


def test_a_morning_of_video_calls(page: Page, server: LiveServer, tmp_path: Path) -> None:
    """The assistant drags in the recordings of this morning and the list that she filled in. One talk was recorded in
    two files, one patient has not been asked yet. What is in order goes; she fills in what is missing, and that goes
    too. She loads the page anew, drags everything in once more under other names, and nothing is done twice.
    """
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    examined(page)
    voices = [("Jansen - huisarts.wav", sound(1)), ("Jansen - patient.wav", sound(2))]
    drop(page, *voices, ("De Vries.mp4", sound(3)), ("Bakker.mp4", sound(4)), ("boodschappen.pdf", b"%PDF"))
    page.get_by_text("dit is geen opname: boodschappen.pdf").wait_for()
    assert page.locator("[data-row]").count() == 3
    row(page, "Jansen").get_by_text("Twee bestanden van één consult").wait_for()
    filled = {"bestand": "De Vries.mp4", "kenmerk": "P-1", "datum": "20-11-2026", "soort": "videoconsult", **GIVEN}
    listed = tmp_path / "lijst.csv"
    listed.write_bytes(manifest(filled, {"bestand": "Bakker.mp4", "kenmerk": "P-3"}))
    page.get_by_label("Opnamen", exact=True).set_input_files(listed)
    page.locator("[data-row][data-listed]").nth(1).wait_for()
    assert row(page, "De Vries").get_by_label("Dag van het consult").input_value() == "2026-11-20"
    row(page, "Jansen").get_by_label("Toestemming", exact=True).select_option("mondeling")
    examined(page)

    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "De Vries", "bewaard")
    badge(page, "Bakker", "wacht op toestemming")
    badge(page, "Jansen", "nog niet in orde")
    row(page, "Jansen").get_by_text("Vul het patiëntkenmerk in").wait_for()
    page.get_by_role("status").get_by_text("1 bewaard, 0 al aanwezig, 1 wacht op toestemming, 1 niet gelukt").wait_for()
    page.get_by_role("link", name="P-1").wait_for()
    assert [consult.patient_ref for consult in server.workflow.search(Search())] == ["P-1"]
    examined(page)

    fill_in(page, "Jansen")
    row(page, "Jansen").get_by_label("Tweede begint later").fill("-1,5")
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "Jansen", "bewaard")
    page.get_by_role("link", name="P-2").get_by_text("Wacht op uw controle").wait_for()
    page.get_by_text("2 × Wacht op uw controle").wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name="Overzicht (CSV)").click()
    told = list(csv.DictReader(io.StringIO(started.value.path().read_text(encoding="utf-8-sig")), delimiter=";"))
    assert {(one["bestand"], one["tweede_bestand"], one["stand"]) for one in told} == {
        ("De Vries.mp4", "", "concept staat klaar"),
        ("Bakker.mp4", "", "wacht op toestemming"),
        ("Jansen - huisarts.wav", "Jansen - patient.wav", "concept staat klaar"),
    }

    page.on("dialog", lambda dialog: dialog.accept())  # something waits: the page asks before it goes
    page.reload()
    page.get_by_text("Wat u eerder in dit tabblad verstuurde").wait_for()
    page.get_by_text("2 × Wacht op uw controle").wait_for()
    turned = [("x_patient.wav", voices[1][1]), ("x_huisarts.wav", voices[0][1])]
    drop(page, ("ander.mp4", sound(3)), *turned)
    fill_in(page, "ander", kenmerk="P-1")
    fill_in(page, "x_huisarts")
    page.get_by_role("button", name="Toevoegen").click()
    for name in ("ander", "x_huisarts"):
        badge(page, name, "al aanwezig")
    assert len(server.workflow.search(Search())) == 2

    kept = page.evaluate(STORED) + " ".join(addresses)
    for word in ("Jansen", "Vries", "Bakker", "P-1", "P-2"):
        assert word not in kept
    page.get_by_role("link", name="Naar de werklijst").click()
    page.get_by_role("heading", name="Werklijst").wait_for()


def test_what_was_recorded_is_what_is_stored(page: Page, server: LiveServer) -> None:
    """Both files, byte by byte, and where the second began."""
    first, second = sound(1), sound(2) * 40  # more than a piece of the network
    drop(page, ("a huisarts.wav", first), ("a patient.wav", second))
    fill_in(page, "a huisarts")
    row(page, "a huisarts").get_by_label("Tweede begint later").fill("2,5")
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "a huisarts", "bewaard")
    (consult,) = server.workflow.search(Search())
    workflow = server.workflow
    key = workflow._store.data_key(consult.id, KeyPurpose.SOURCE)
    with workflow._audio.open(consult.id, consult.upload, key) as file:
        stored = file.read()
    parts = read_head(stored)
    assert [part.start_s for part in parts] == [0, 2.5]
    assert [stored[part.offset : part.offset + part.size] for part in parts] == [first, second]


def test_sums_are_those_of_everybody(page: Page) -> None:
    lengths = [*range(130), 1000, 4096]
    script = page.locator("script[src$='/batch.page.js']").get_attribute("src")
    assert script is not None
    module = script.replace("batch.page.js", "hash.js")
    contents = [bytes((n * 7 + length) % 251 for n in range(length)) for length in lengths]
    assert page.evaluate(HASHED, [module, lengths]) == [hashlib.sha256(one).hexdigest() for one in contents]


def test_a_lost_connection_and_a_change_of_mind(page: Page, server: LiveServer) -> None:
    """The connection fails in the middle: the page says so, and the same button goes on. She stops; what was not stored
    is not there, and goes when she wants it to.
    """
    drop(page, ("a.wav", sound(1)), ("b.wav", sound(2)))
    for name in ("a.wav", "b.wav"):
        fill_in(page, name)
    page.route(PUTS, lambda route: route.abort() if route.request.method == "PUT" else route.continue_())
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "b.wav", "niet gelukt")
    row(page, "a.wav").get_by_text("De verbinding is verbroken").wait_for()
    page.unroute(PUTS)

    held = held_puts(page)
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "a.wav", "wordt verstuurd")
    page.wait_for_timeout(300)
    page.get_by_role("button", name="Stop").click()
    badge(page, "a.wav", "gestopt: nog niet bewaard")
    badge(page, "b.wav", "gestopt: nog niet bewaard")
    assert len(held) == 1
    page.unroute(PUTS)
    assert {consult.status for consult in server.workflow.search(Search())} == {Status.CONSENTED}

    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "a.wav", "bewaard")
    badge(page, "b.wav", "bewaard")
    assert len(server.workflow.search(Search())) == 2


def test_by_keyboard(page: Page, server: LiveServer) -> None:
    """Enter in a field sends nothing; two files that are no pair are set apart; one is left out."""
    page.get_by_label("Opnamen", exact=True).set_input_files(
        [
            {"name": f"c {who}.wav", "mimeType": "audio/wav", "buffer": sound(n)}
            for n, who in enumerate(("huisarts", "patient"))
        ]
    )
    page.get_by_role("button", name="Dit zijn twee consulten").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('[data-row]').length === 2")
    row(page, "c patient").get_by_role("button", name="Weglaten").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('[data-row]').length === 1")
    page.wait_for_function("() => document.activeElement.matches('[data-remove]')")
    row(page, "c huisarts").get_by_label("Patiëntkenmerk").focus()
    page.keyboard.type("P-9")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert server.workflow.search(Search()) == []
    row(page, "c huisarts").get_by_label("Toestemming", exact=True).select_option("weigert")
    page.get_by_role("button", name="Toevoegen").focus()
    page.keyboard.press("Enter")
    badge(page, "c huisarts", "geweigerd: niet verwerkt")
    page.wait_for_function("() => document.activeElement.matches('[data-start]')")
    assert server.workflow.search(Search()) == []


def held_puts(page: Page) -> list[Route]:
    """Recordings that are under way until somebody lets them go."""
    held: list[Route] = []
    page.route(PUTS, lambda route: held.append(route) if route.request.method == "PUT" else route.continue_())
    return held


def test_what_is_not_there_is_never_said_to_be_there(page: Page, server: LiveServer) -> None:
    """The server says at the last moment that nobody agreed: the row is not green, and the list below still comes."""
    drop(page, ("a.wav", sound(1)), ("b.wav", sound(2)), ("c.wav", sound(3)))
    for name in ("a.wav", "b.wav", "c.wav"):
        fill_in(page, name)

    def answer(route: Route) -> None:
        """As when the consent of that row went between the look and the sending."""
        body = route.request.post_data or ""
        for name, state, words in (("a.wav", "NO_CONSENT", "wacht op toestemming"), ("b.wav", "REFUSED", "geweigerd")):
            if "sha256" in body and name in body:
                return route.fulfill(json={"state": state, "label": words})
        return route.continue_()

    page.route("**/opnamen/consult", answer)
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "c.wav", "bewaard")
    badge(page, "a.wav", "wacht op toestemming")
    badge(page, "b.wav", "geweigerd")
    page.get_by_role("status").get_by_text("1 bewaard, 0 al aanwezig, 1 wacht op toestemming, 1 niet gelukt").wait_for()
    (consult,) = server.workflow.search(Search())
    assert page.evaluate("JSON.parse(sessionStorage.getItem('opnamen'))") == [str(consult.id)]
    page.get_by_role("heading", name="Verstuurd").wait_for()
    assert row(page, "a.wav").get_by_label("Patiëntkenmerk").is_editable()


def test_what_is_no_list_keeps_no_recording_out(page: Page, server: LiveServer, tmp_path: Path) -> None:
    """A note among eleven recordings: they are all there, the list of before holds, and the note is named."""
    drop(page, ("lijst.csv", manifest({"bestand": "a.wav", "kenmerk": "P-1", **GIVEN})), ("a.wav", sound(1)))
    row(page, "a.wav").wait_for()
    drop(page, ("notitie.txt", b"bellen om vier uur"), ("b.wav", sound(2)), ("c.wav", sound(3)))
    for name in ("a.wav", "b.wav", "c.wav"):
        row(page, name).wait_for()
    page.get_by_role("alert").get_by_text("notitie.txt: In dit bestand ontbreekt de kolom").wait_for()
    assert row(page, "a.wav").get_by_label("Patiëntkenmerk").input_value() == "P-1"


def test_nothing_comes_between_rows_that_are_sent(page: Page, server: LiveServer, tmp_path: Path) -> None:
    """While rows are sent nobody changes what they say, adds files or another list: it is said. What waits for consent
    can be filled in, and a row can be left out, also the one that is on its way.
    """
    drop(page, ("a.wav", sound(1)), ("b.wav", sound(2)), ("c.wav", sound(3)), ("d.wav", sound(4)))
    for name in ("a.wav", "b.wav", "c.wav"):
        fill_in(page, name)
    held = held_puts(page)
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "a.wav", "wordt verstuurd")
    assert page.get_by_label("Opnamen", exact=True).is_disabled()
    drop(page, ("lijst.csv", manifest({"bestand": "b.wav", "kenmerk": "P-8", **GIVEN})), ("e.wav", sound(5)))
    page.get_by_role("alert").get_by_text("Er worden nog opnamen verstuurd").wait_for()
    examined(page)
    for name in ("a.wav", "b.wav"):
        assert row(page, name).get_by_label("Patiëntkenmerk").is_disabled()
    row(page, "d.wav").get_by_label("Patiëntkenmerk").fill("P-4")
    row(page, "b.wav").get_by_role("button", name="Weglaten").click()
    row(page, "a.wav").get_by_role("button", name="Weglaten").click()
    badge(page, "c.wav", "wordt verstuurd")
    assert len(held) == 2
    held[1].continue_()
    badge(page, "c.wav", "bewaard")
    page.get_by_role("status").get_by_text("1 bewaard, 0 al aanwezig, 1 wacht op toestemming, 0 niet gelukt").wait_for()
    assert [consult.status for consult in server.workflow.search(Search()) if consult.audio_s is None] == [
        Status.CONSENTED
    ]
    page.locator("[data-standing]").get_by_role("link", name="P-2").nth(1).wait_for()  # both: what was left out as well
    assert row(page, "d.wav").get_by_label("Patiëntkenmerk").input_value() == "P-4"

    page.unroute(PUTS)
    drop(page, ("e.wav", sound(5)))
    page.wait_for_function("() => document.querySelectorAll('[data-row]').length === 3")
    assert page.get_by_label("Opnamen", exact=True).is_enabled()


def test_what_was_filled_in_waits_for_who_filled_it_in(page: Page, server: LiveServer) -> None:
    """Somebody is logged out half-way: nothing of it can be seen or found, and it is there again after the log-in."""
    drop(page, ("Jansen.wav", sound(1)), ("De Vries.wav", sound(2)))
    for name in ("Jansen", "De Vries"):
        fill_in(page, name)
    held = held_puts(page)
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "Jansen", "wordt verstuurd")
    other = page.context.new_page()
    other.goto(server.url)
    other.get_by_role("button", name="Uitloggen").click()
    held[0].continue_()  # the server does not take it any more
    page.get_by_role("heading", name="Vergrendeld").wait_for()
    assert "Jansen" not in page.content()
    assert "P-2" not in page.content()
    examined(page)
    assert page.get_by_role("link", name="Log in (nieuw tabblad)").get_attribute("target") == "_blank"

    other.goto(server.start("/opnamen"))
    badge(page, "Jansen", "niet gelukt")
    badge(page, "De Vries", "gestopt: nog niet bewaard")
    assert row(page, "De Vries").get_by_label("Patiëntkenmerk").input_value() == "P-2"
    page.unroute(PUTS)
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "Jansen", "bewaard")
    badge(page, "De Vries", "bewaard")
    assert len(server.workflow.search(Search())) == 2

    other.get_by_role("button", name="Uitloggen").click()
    page.reload()
    page.get_by_label("Toegangssleutel").wait_for()  # nothing was filled in: there is nothing to keep


def test_what_is_for_all_video_calls_is_for_them_alone(page: Page, server: LiveServer) -> None:
    drop(page, ("a.wav", sound(1)), ("b.wav", sound(2)))
    page.locator("[data-shared]").get_by_label("App van het videoconsult").fill("WeSeeDo")
    for name in ("a.wav", "b.wav"):
        fill_in(page, name)
    row(page, "b.wav").locator("[data-more] > summary").click()
    row(page, "b.wav").get_by_label("Soort contact").select_option("telefonisch")
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "a.wav", "bewaard")
    badge(page, "b.wav", "bewaard")
    found = server.workflow.search(Search())
    assert {one.contact.kind for one in found} == {ContactType.VIDEO, ContactType.PHONE}
    apps = {one.contact.kind: server.workflow.recorded_video(one.id)[1].app for one in found}
    assert apps == {ContactType.VIDEO: "WeSeeDo", ContactType.PHONE: ""}


def test_a_reference_that_is_a_bsn_is_pointed_out(page: Page, server: LiveServer) -> None:
    drop(page, ("a.wav", sound(1)), ("b.wav", sound(2)))
    fill_in(page, "a.wav", kenmerk="999911624")
    fill_in(page, "b.wav")
    page.get_by_role("button", name="Toevoegen").click()
    badge(page, "a.wav", "bewaard")
    assert row(page, "a.wav").get_by_text("Dit patiëntkenmerk lijkt een BSN").is_visible()
    assert not row(page, "b.wav").get_by_text("BSN").count()
    examined(page)
