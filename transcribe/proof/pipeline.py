"""The whole path of one invented consult, in one process and its children: ``-m transcribe.proof.pipeline FILE``.

From the recording to the erasure, by the real service. What was done and seen is written to FILE (JSON). Run by
``transcribe.proof``, where there is no network.
"""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path
from uuid import UUID

import psutil
from rich.console import Console

from transcribe import logs, outbound, process
from transcribe.app import Service
from transcribe.consult import Actor, Status
from transcribe.demo import run_demo
from transcribe.errors import Erased, TranscribeError
from transcribe.outbound import Outcome
from transcribe.proof.isolation import interfaces

CONSULT = "keelpijn"

Done = dict[str, object]


def main(file: Path) -> int:
    process.close_up()
    outbound.close_up()
    logs.configure(level="warning")
    began = time.monotonic()
    done: Done = {"steps": [], "problem": ""}

    def afterwards(service: Service, actor: Actor, consult_id: UUID) -> None:
        _erase(service, actor, consult_id, done)

    try:
        run_demo(
            check=True,
            consult=CONSULT,
            data_dir=None,
            database_url=None,
            os_user=None,
            port=None,
            browser=False,
            exercise=False,
            out=Console(file=io.StringIO()),
            afterwards=afterwards,
        )
    except TranscribeError as error:
        done["problem"] = str(error)
    done["seconds"] = round(time.monotonic() - began, 1)
    if sys.platform == "linux":
        done["after"] = interfaces()
    file.write_text(json.dumps(done), encoding="utf-8")
    return 1 if done["problem"] else 0


def _erase(service: Service, actor: Actor, consult_id: UUID, done: Done) -> None:
    """The note was verified and copied (``demo_gp`` looked at each step); now the last one, and what is left."""
    audio_s = service.store.consult(consult_id).audio_s
    erased = service.workflow.erase(actor, consult_id)
    certificates = service.store.certificates(consult_id)
    done["steps"] = [
        ["Toestemming vastgelegd; zonder toestemming weigert de dienst geluid.", True],
        [f"Opname van {audio_s or 0:.0f} seconden versleuteld bewaard en uitgeschreven door het spraakmodel.", True],
        ["Concept-verslag gemaakt, met bij elke regel de plaats in het gesprek.", True],
        ["Kopiëren vóór het akkoord: geweigerd.", True],
        ["Akkoord met een regel zonder bron: geweigerd.", True],
        ["Akkoord gegeven en precies die tekst gekopieerd.", True],
        ["Opname na het akkoord vernietigd.", True],
        ["Verslag en transcript gewist; wat er staat is met geen sleutel meer te lezen.", _gone(service, consult_id)],
        [
            f"Bewijs van vernietiging vastgelegd ({len(certificates)} sleutels).",
            erased.status is Status.ERASED and len(certificates) == 2,
        ],
    ]
    done["model"] = service.model.label if service.model else ""
    rows = outbound.TALLY.rows()
    done["connections"] = sum(row.connections for row in rows if row.outcome is not Outcome.REFUSED)
    done["refused"] = sum(row.connections for row in rows if row.outcome is Outcome.REFUSED)
    done["guarded"] = outbound.GUARD.closed
    names = [child.name() for child in psutil.Process().children(recursive=True)]
    done["processes"] = {name: names.count(name) for name in sorted(set(names))}


def _gone(service: Service, consult_id: UUID) -> bool:
    for read in (service.store.transcript, service.store.note):
        try:
            read(consult_id)
        except Erased:
            continue
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
