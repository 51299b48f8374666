"""Promise 7 at the doctor's side: what a browser keeps after a consult holds no word of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.functional.test_browser_story import confirm_all, drafted, type_line

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser

#: Asked of the page itself: everything a script can store.
STORED = """async () => {
  const found = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie, location.href];
  for (const { name } of await indexedDB.databases()) {
    const opened = await new Promise((done, failed) => {
      const asked = indexedDB.open(name);
      asked.onsuccess = () => done(asked.result);
      asked.onerror = failed;
    });
    for (const store of opened.objectStoreNames) {
      const rows = await new Promise((done) => {
        opened.transaction(store).objectStore(store).getAll().onsuccess = (event) => done(event.target.result);
      });
      found.push(name, store, JSON.stringify(rows));
    }
    opened.close();
  }
  for (const name of await caches.keys()) found.push(name);
  return found.join("\\n");
}"""


def test_after_a_consult_the_browser_holds_no_word_of_it(
    live_server, chromium: Browser, chromium_program: str, tmp_path: Path
) -> None:
    """Dr. Demo checks a draft, types a line, half of another, signs and closes the browser. The next user of the
    computer goes through the folder of that browser.
    """
    consult_id = drafted(live_server)
    note = live_server.workflow.review(live_server.actor, consult_id)
    spoken = {utterance.text for utterance in note.transcript.utterances if len(utterance.text.split()) >= 4}
    typed, unfinished = "Mantelzorger overweegt verhuizing naar Terneuzen", "Dochter belde bezorgd vanuit Appingedam"
    assert spoken
    profile = tmp_path / "profiel"
    context = chromium.browser_type.launch_persistent_context(
        profile, executable_path=chromium_program, args=["--no-sandbox"]
    )
    addresses: list[str] = []
    try:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(live_server.start(f"/consult/{consult_id}"))
        assert any(text in page.content() for text in spoken)  # it was shown
        type_line(page, "P", typed)
        page.get_by_label("Regel toevoegen bij S").click()
        page.get_by_role("textbox", name="Nieuwe regel bij S").fill(unfinished)
        page.wait_for_timeout(1_500)  # what is typed is kept by the server after a moment
        held = page.evaluate(STORED)
        page.reload()
        confirm_all(page)
        held += page.evaluate(STORED)
        cookies = str(context.cookies())
    finally:
        context.close()
    words = {typed, unfinished, *spoken, "Terneuzen", "Appingedam", "HIS-2024-1187"}
    kept = b"".join(path.read_bytes() for path in profile.rglob("*") if path.is_file())
    assert len(kept) > 10_000
    for word in words:
        for where, text in (("storage", held), ("cookies", cookies), ("addresses", " ".join(addresses))):
            assert word not in text, f"a word of the consult in {where}"
        for encoding in ("utf-8", "utf-16-le"):
            assert word.encode(encoding) not in kept, f"a word of the consult in the folder of the browser ({encoding})"
