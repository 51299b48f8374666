"""Promise 7: what was said is in no log, error, address, job row or clear file.

A consult is spoken, recognised, drafted, passed on, edited, signed and copied by the real service. Then everything the
service left behind is searched for the words of the transcript: its output, PostgreSQL's log, every table, every file.
"""

from __future__ import annotations

import io
import logging
import re
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import create_engine, inspect, text

from transcribe.app import access_key, actor_of, listen, make_web, open_service
from transcribe.demo import CONSULTS, play_consult
from transcribe.demo.demo_gp import verify
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.store.folders import throwaway_data_dir
from transcribe.web.access import Access

pytestmark = pytest.mark.slow

#: Words the program itself uses (screens, statuses, codes); finding them proves nothing.
OUR_OWN = Path(__file__).resolve().parents[2]
#: To a colleague, with the draft.
MESSAGE = "Graag nakijken: dacht u ook aan een peritonsillair abces?"


def spoken_words(transcript_texts: list[str]) -> set[str]:
    """Whole utterances of at least four words, and the long words that our own sources do not contain."""
    sources = " ".join(
        path.read_text(encoding="utf-8").lower()
        for folder in ("transcribe", "consent", "models")
        for path in (OUR_OWN / folder).glob("*.py")
    )
    whole = {text for text in transcript_texts if len(text.split()) >= 4}
    words = {word for text in transcript_texts for word in re.findall(r"[a-zà-ÿ]{8,}", text.lower())}
    return whole | {word for word in words if word not in sources}


def everything_in(url: str) -> str:
    """All rows of all tables as text, sealed columns as the bytes they are."""
    engine = create_engine(url)
    rows = []
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            for row in connection.execute(text(f'select * from "{table}"')):
                rows += [
                    value.decode("latin-1") if isinstance(value, bytes | memoryview) else str(value) for value in row
                ]
    engine.dispose()
    assert rows
    return "\n".join(rows)


def test_no_word_of_the_consult_is_left_in_the_clear(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with throwaway_data_dir() as data_dir:
        look_everywhere(data_dir, caplog, capfd)


def look_everywhere(data_dir: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings.from_env(data_dir=data_dir, demo=True)
    seen = io.StringIO()
    requests: list[str] = []
    with open_service(settings) as service:
        actor = actor_of(settings)
        access = Access(access_key(data_dir))
        app = make_web(service, access)

        async def recording(scope, receive, send):
            if scope["type"] == "http":
                requests.append(scope["path"] + "?" + scope["query_string"].decode())
            await app(scope, receive, send)

        listener = listen("127.0.0.1", 0)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with running(recording, listener), workers(settings, service.database_url):
            consult_id = play_consult(service.workflow, actor, CONSULTS / "keelpijn.ogg", Console(file=seen))
            said = [utterance.text for utterance in service.store.transcript(consult_id).utterances]
            version = service.store.consult(consult_id).version
            passed = service.workflow.pass_on(actor, consult_id, version, "W. Neem", MESSAGE)
            while_open = everything_in(service.database_url) + files(data_dir)
            assert service.store.message(consult_id) == MESSAGE
            service.workflow.take_over(actor, consult_id, passed.version)
            note = verify(service.workflow, actor, consult_id, address, access.ticket(), Console(file=io.StringIO()))
        after = everything_in(service.database_url)
    canaries = spoken_words(said) | {MESSAGE} | {line.strip() for line in note.splitlines() if len(line.split()) >= 4}
    assert len(canaries) > 20
    haystacks = {
        "the database while the draft is open, and the files": while_open,
        "the database after the copy": after,
        "the files": files(data_dir),
        "log records": "\n".join(record.getMessage() + str(record.exc_text or "") for record in caplog.records),
        "addresses": "\n".join(requests),
        "the progress output": seen.getvalue(),
    }
    written = capfd.readouterr()
    haystacks["what the worker process wrote"] = written.out + written.err
    assert "job begins" in written.err
    assert "uitschrijven" in after  # the rows of the queue are among what was read
    assert requests
    for where, haystack in haystacks.items():
        lower = haystack.lower()
        found = {canary for canary in canaries if canary.lower() in lower}
        assert not found, f"{len(found)} canaries in {where}"


def files(folder: Path) -> str:
    """All files, PostgreSQL's own log and data files among them; names too. Read as bytes, whatever they are."""
    parts = []
    for path in folder.rglob("*"):
        parts.append(str(path))
        if path.is_file() and "pgsql" not in path.relative_to(folder).parts[0]:
            parts.append(path.read_bytes().decode("latin-1"))
    assert len(parts) > 10
    return "\n".join(parts)


class running:  # noqa: N801  (reads as a phrase)
    """An app on a listening socket, in a thread."""

    def __init__(self, app, listener) -> None:
        import uvicorn

        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]}, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()
        began = datetime.now(UTC)
        while not self.server.started:
            assert (datetime.now(UTC) - began).total_seconds() < 20

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
