"""Promise 7: what was said is in no log, error, address, figure, job row, back-up, process list or clear file.

A consult is spoken, recognised, drafted, passed on, edited, signed and copied by the real service. Then everything the
service left behind is searched for the words of the transcript: its output, PostgreSQL's log, every table, every file
and its name, a back-up, what ``/metrics`` tells; and while it works what others on the machine can see of its
processes, and every temporary file, however short it lives. What a browser keeps: ``test_browser_storage.py``.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
import pytest
from rich.console import Console
from sqlalchemy import create_engine, inspect, text

from tests.excerpts import excerpt
from transcribe.app import Service, access_key, actor_of, listen, make_web, open_service
from transcribe.demo import play_consult
from transcribe.demo.demo_gp import verify
from transcribe.serving import workers
from transcribe.settings import Settings
from transcribe.store.backup import back_up
from transcribe.store.blobs import open_blobs
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.keys import load_master_key
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
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    spoken = tmp_path / "opname.wav"
    spoken.write_bytes(excerpt("keelpijn", 0.0, 80.0))
    with throwaway_data_dir() as data_dir:
        temporary = data_dir / "tijdelijk"
        temporary.mkdir(mode=0o700)
        monkeypatch.setenv("TMPDIR", str(temporary))
        monkeypatch.setattr(tempfile, "tempdir", None)
        with Watched(data_dir, temporary) as watched:
            look_everywhere(data_dir, spoken, caplog, capfd, watched)


def look_everywhere(
    data_dir: Path, spoken: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], watched: Watched
) -> None:
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
            consult_id = play_consult(service.workflow, actor, spoken, Console(file=seen))
            said = [utterance.text for utterance in service.store.transcript(consult_id).utterances]
            version = service.store.consult(consult_id).version
            passed = service.workflow.pass_on(actor, consult_id, version, "W. Neem", MESSAGE)
            while_open = everything_in(service.database_url) + files(data_dir)
            assert service.store.message(consult_id) == MESSAGE
            no_core_dumps()
            metrics = httpx.get(f"{address}/metrics", trust_env=False).text
            saved = backup(service, data_dir)
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
        "the figures": metrics,
        "a back-up and the copy of the keys": saved,
        "arguments and environment of processes": "\n".join(watched.processes),
        "temporary files and names of files": "\n".join(watched.files),
    }
    assert "transcribe_consults" in metrics
    assert any("--lane" in one for one in watched.processes)  # the worker was seen
    assert any("decode_child" in one for one in watched.processes)  # and who lives for a second
    written = capfd.readouterr()
    haystacks["what the worker process wrote"] = written.out + written.err
    assert "job begins" in written.err
    assert "uitschrijven" in after  # the rows of the queue are among what was read
    assert requests
    for where, haystack in haystacks.items():
        lower = haystack.lower()
        found = {canary for canary in canaries if canary.lower() in lower}
        assert not found, f"{len(found)} canaries in {where}"


def backup(service: Service, folder: Path) -> str:
    """The bytes of a back-up that was made while the draft is open, and of what lies beside it."""
    place = folder / "reserve"
    place.mkdir()
    settings = service.settings
    back_up(
        place / "praktijk.backup",
        store=service.store,
        url=service.database_url,
        blobs=open_blobs(settings.blob_store, folder / "audio"),
        master_key=load_master_key(settings, make=False),
        actor="beheerder",
        demo=True,
    )
    found = sorted(place.iterdir())
    assert len(found) == 2
    return "\n".join(file.read_bytes().decode("latin-1") for file in found)


def no_core_dumps() -> None:
    """A process that holds a consult in its memory leaves none of it behind, and shows it to no other."""
    if sys.platform != "linux":
        return
    ours = [
        child.pid
        for child in psutil.Process().children(recursive=True)
        if {"transcribe", "--lane"} <= set(child.cmdline())
    ]
    assert ours
    for pid in ours:
        limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
        assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)
        # the kernel gives what belongs to a process that may not be looked into to root
        assert Path(f"/proc/{pid}/environ").stat().st_uid == 0


class Watched:
    """What others on this machine can see while the block runs, looked at all the time."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self.processes: set[str] = set()
        self.files: set[str] = set()
        self._folder, self._temporary = folder, temporary
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watched:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.05):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    self.processes.add(" ".join(child.cmdline()))
                    self.processes.add(str(child.environ()))
            for folder, _, names in os.walk(self._folder):
                for name in names:
                    self.files.add(os.path.join(folder, name))  # noqa: PTH118  (quick: it is done all the time)
            for path in self._temporary.rglob("*"):
                with suppress(OSError):
                    self.files.add(path.read_bytes().decode("latin-1"))


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

        from transcribe.app import web_config

        self.server = uvicorn.Server(web_config(app))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]}, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()
        began = datetime.now(UTC)
        while not self.server.started:
            assert (datetime.now(UTC) - began).total_seconds() < 20

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(10)
