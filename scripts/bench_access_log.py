"""Measure the access log with many rows: the pages, a patient's overview, the export and its memory, the chain.

    python scripts/bench_access_log.py [--rows 1000000] [--practices 3]

A real embedded PostgreSQL is filled with an invented log whose chain is right: ten years of a practice, and of others
that share its database. The page is asked for as a browser does, the commands run as an administrator's do, each in a
process of its own. On this machine as busy as it is.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import psutil
from sqlalchemy import create_engine, select, text
from starlette.testclient import TestClient

from transcribe import __version__
from transcribe.access_log import KINDS, event_of
from transcribe.app import Service, access_key, make_web, open_service
from transcribe.consult import Action, Actor, Role
from transcribe.origin import Client
from transcribe.settings import Settings
from transcribe.store import tables
from transcribe.store.access_log import HASHED, _fields, log_head, row_hash
from transcribe.store.copying import copy_in
from transcribe.store.database import database_url
from transcribe.store.folders import throwaway_data_dir
from transcribe.web.access import Access

TIMES = 15
#: A consult leaves so many rows, of these actions by turns.
ROWS_A_CONSULT = 20
#: A patient comes so often in all.
CONSULTS_A_PATIENT = 8
PEOPLE = ("Dr. A. Jansen", "Dr. B. de Wit", "C. Smit", "D. van Dijk", "W. Neem")
COLUMNS = tuple(column.name for column in tables.access_log.columns)


def rows(service: Service, count: int, practices: int, seq: int, before: bytes) -> Iterator[dict[str, object]]:
    """As ``append_log`` writes them, oldest first and the newest now."""
    random = Random(7)
    actions = [action for action, kind in KINDS.items() if kind.event.name == "PATIENT_RECORD"]
    began = datetime.now(UTC) - timedelta(days=3650)
    step = timedelta(days=3650) / count
    patients = max(1, count // ROWS_A_CONSULT // CONSULTS_A_PATIENT)
    for number in range(count):
        consult = number // ROWS_A_CONSULT
        practice = consult % practices
        event = event_of(
            Actor(name=random.choice(PEOPLE), role=Role.HUISARTS),
            actions[number % len(actions)],
            began + step * number,
            UUID(int=consult + 1),
        )
        event = replace(event, client=Client.BROWSER, user_id=str(UUID(int=99)), request=f"{number:016x}")
        row: dict[str, object] = dict.fromkeys(COLUMNS)
        row |= _fields(event)
        row |= {
            "version": max(HASHED),
            "seq": seq + number + 1,
            "product": __version__,
            "practice": "" if practice == 0 else f"Praktijk {practice}",
            "patient": service.store.lasting.pseudonym(f"P-{consult % patients}"),
            "consent_id": UUID(int=consult + 1),
            "consent_version": 1,
        }
        row["hash"] = before = row_hash(before, row)
        yield row


def line(row: dict[str, object]) -> bytes:
    """For COPY. Nothing in these rows needs an escape."""
    values = (
        r"\N" if value is None else rf"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
        for value in (row[name] for name in COLUMNS)
    )
    return ("\t".join(values) + "\n").encode()


def fill(service: Service, count: int, practices: int) -> None:
    engine = create_engine(database_url(service.database_url))
    with engine.begin() as tx:
        seq, before = log_head(tx)
        copy_in(tx, "access_log", COLUMNS, map(line, rows(service, count, practices, seq, before)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE access_log"))
        assert connection.scalar(select(text("count(*)")).select_from(tables.access_log)) >= count
    engine.dispose()


def measured(ask: Callable[[], object]) -> str:
    took = []
    for _ in range(TIMES + 2):
        began = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - began))
    took = sorted(took[2:])
    return f"median {statistics.median(took):8.1f} ms, most {took[-1]:8.1f} ms"


@dataclass(frozen=True, kw_only=True)
class Ran:
    seconds: float
    processor_s: float  # of the process alone, as is the memory
    memory_mb: float  # the most
    said: str


def command(*arguments: str, data_dir: Path, database: str, typed: str = "") -> Ran:
    environment = dict(os.environ, TRANSCRIBE_DEMO="1", TRANSCRIBE_DATABASE_URL=database)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "transcribe", "log", *arguments, "--data-dir", str(data_dir)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    most, processor_s = 0, 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal most, processor_s
        seen = psutil.Process(process.pid)
        while not ended.wait(0.05):
            try:
                most, times = max(most, seen.memory_info().rss), seen.cpu_times()
                processor_s = times.user + times.system
            except psutil.NoSuchProcess:
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    said = process.communicate(typed)[0]
    ended.set()
    watcher.join()
    assert process.returncode == 0, said
    return Ran(
        seconds=time.perf_counter() - began,
        processor_s=processor_s,
        memory_mb=most / 1e6,
        said=said.strip().splitlines()[-1],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--practices", type=int, default=3)
    args = parser.parse_args()
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True)
        with open_service(settings) as service:
            began = time.perf_counter()
            fill(service, args.rows, args.practices)
            print(f"{args.rows} rows of {args.practices} practices, written in {time.perf_counter() - began:.0f} s")
            pages(service, args.rows, args.practices)
            for name, arguments, typed in (
                ("transcribe log export, CSV", ("export", "--format", "csv", "--out", f"{data_dir}/log.csv"), ""),
                (
                    "transcribe log export, FHIR",
                    ("export", "--format", "fhir", "--out", f"{data_dir}/log.json"),
                    "",
                ),
                ("transcribe log patient", ("patient",), "P-7\n"),
                ("transcribe log verify", ("verify",), ""),
            ):
                ran = command(*arguments, data_dir=data_dir, database=service.database_url, typed=typed)
                print(
                    f"  {name:36} {ran.seconds:8.1f} s, of the processor {ran.processor_s:6.1f} s, "
                    f"{ran.memory_mb:4.0f} MB   {ran.said[:60]}"
                )


def pages(service: Service, count: int, practices: int) -> None:
    access = Access(access_key(service.settings.data_dir))
    client = TestClient(make_web(service, access), base_url="http://127.0.0.1")
    client.get(f"/start?ticket={access.ticket()}")
    token = re.search(r'name="token" value="([^"]+)"', client.get("/").text)[1]  # type: ignore[index]

    def posted(path: str = "/toegangslog", **fields: str) -> None:
        answer = client.post(path, data={"token": token, **fields})
        assert answer.status_code == 200, answer.text[:500]

    middle = count // 2 // ROWS_A_CONSULT // practices * practices * ROWS_A_CONSULT + 15  # of our own
    today = datetime.now(UTC).date()
    asked: dict[str, Callable[[], object]] = {
        "the newest page": lambda: client.get("/toegangslog"),
        "a page from the middle": lambda: posted(na=str(middle)),
        "of a person": lambda: posted(wie=PEOPLE[3]),
        "of an action": lambda: posted(wat=Action.APPROVED.value),
        "of a person and an action": lambda: posted(wie=PEOPLE[3], wat=Action.APPROVED.value),
        "of an action that there is none of": lambda: posted(wat=Action.RESTORED.value),
        "of a consult": lambda: posted(consult=str(UUID(int=1))),
        "of a month, long ago": lambda: posted(
            van=str(today - timedelta(days=2030)), tot=str(today - timedelta(days=2000))
        ),
        "a patient's overview": lambda: posted("/toegangslog/patient", kenmerk="P-3"),
        "of a patient who is not in it": lambda: posted("/toegangslog/patient", kenmerk="niemand"),
    }
    for name, ask in asked.items():
        print(f"  {name:36} {measured(ask)}")


if __name__ == "__main__":
    main()
