"""Measure the worklist with many consults: the whole request in the server, from the parsed bytes to the HTML.

    python scripts/bench_worklist.py [--consults 100000] [--open 1.0]

A real embedded PostgreSQL is filled with invented consults (``--open``: the part of them that waits for a doctor, one
in three of those for whoever asks and one in three for a colleague; the rest was copied), then each page is asked for
some times. Milliseconds, on this machine as busy as it is.
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import create_engine, insert, text
from starlette.testclient import TestClient

from transcribe.app import access_key, make_web, open_service
from transcribe.consult import Consult, KeyPurpose, Part, Search, Status
from transcribe.settings import Settings
from transcribe.store import tables
from transcribe.store.crypto import new_key
from transcribe.store.database import database_url
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.postgres import PostgresStore, _consult_values, data_key_id
from transcribe.web.access import Access

TIMES = 20
WAITS_FOR = ("", "Demo-huisarts", "W. Neem")


def fill(store: PostgresStore, url: str, consults: int, waiting: float) -> None:
    """As the store writes them, by the thousand."""
    engine = create_engine(database_url(url))
    now = datetime.now(UTC)
    for first in range(0, consults, 1000):
        rows, keys = [], []
        for number in range(first, min(first + 1000, consults)):
            status = Status.DRAFTED if number < waiting * consults else Status.DELIVERED
            at = now - timedelta(minutes=number)
            times = {"created_at": at, "changed_at": at}
            waits_for = WAITS_FOR[number % 3] if status is Status.DRAFTED else ""
            consult = Consult(
                id=uuid4(), patient_ref=f"P-{number}", status=status, version=1, waits_for=waits_for, **times
            )
            key = new_key()
            rows.append(
                {"id": consult.id} | _consult_values(consult) | store._patient_values(consult, {KeyPurpose.RECORD: key})
            )
            wrapped = store.master_key.wrap(key, data_key_id(consult.id, KeyPurpose.RECORD))
            keys.append(
                {"consult_id": consult.id, "purpose": "verslag", "master": store.master_key.id, "wrapped": wrapped}
            )
        with engine.begin() as tx:
            tx.execute(insert(tables.consult), rows)
            tx.execute(insert(tables.data_key), keys)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=int, default=100_000)
    parser.add_argument("--open", type=float, default=1.0)
    args = parser.parse_args()
    with throwaway_data_dir() as data_dir:
        settings = Settings.from_env(data_dir=data_dir, demo=True)
        with open_service(settings) as service:
            fill(service.store, service.database_url, args.consults, args.open)
            access = Access(access_key(data_dir))
            client = TestClient(make_web(service, access), base_url="http://127.0.0.1")
            client.get(f"/start?ticket={access.ticket()}")
            part = Part.MINE if args.open else Part.DONE
            page = client.get("/").text
            token = page.partition('name="token" value="')[2].partition('"')[0]
            own = service.store.of(settings.practice)
            middle = own.search(Search(part=part, person=WAITS_FOR[1]), limit=args.consults // (6 if args.open else 2))[
                -1
            ].id
            asked = {
                "the worklist": lambda: client.get("/"),
                "the list alone": lambda: client.get("/werklijst"),
                "older ones, from the middle": lambda: client.get(f"/?deel={part.value}&na={middle}"),
                "found by reference": lambda: client.post("/zoeken", data={"token": token, "kenmerk": "P-77"}),
                "found by day": lambda: client.post(
                    "/zoeken", data={"token": token, "van": str(datetime.now(UTC).date() - timedelta(days=9))}
                ),
            }
            print(f"{args.consults} consults, {args.open:.0%} of them open; {TIMES} times each:")
            for name, ask in asked.items():
                took = []
                for _ in range(TIMES + 2):
                    began = time.perf_counter()
                    assert ask().status_code == 200
                    took.append(1000 * (time.perf_counter() - began))
                took = sorted(took[2:])
                print(f"  {name:28} median {statistics.median(took):6.1f} ms, most {took[-1]:6.1f} ms")


if __name__ == "__main__":
    main()
