"""``transcribe proof``: shows that nothing leaves, and writes a report about it for the privacy officer.

The whole path of an invented consult runs where there is no network (``isolation``); beside what came of that the
report has what this installation could reach, where its data lie, and whose work is in it. It claims no more than was
done: where the system allows no namespace the path runs with the guard alone, and the report says "niet bewezen".
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from models.catalog import Installed, installed, verify
from transcribe import __version__, outbound
from transcribe.errors import N_, SetupProblem, TranscribeError
from transcribe.proof import isolation
from transcribe.proof.parts import UNKNOWN, Part, cyclonedx, parts, permissive
from transcribe.settings import Settings
from transcribe.web.pages import PRACTICE_ZONE

FORMAT = 1
REPORT, BILL, FACTS = "report.html", "sbom.cdx.json", "proof.json"
#: The path of one consult takes half a minute on two cores that have nothing else to do.
PATIENCE_S = 900.0
GRACE_S = 30.0


class Verdict(StrEnum):
    PROVEN = N_("bewezen")
    NOT_PROVEN = N_("niet bewezen")
    FAILED = N_("mislukt")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the report: what, how it is, and whether that opens something or needs a look."""

    name: str
    found: str
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Model:
    name: str
    licence: str
    use: str
    revision: str
    problems: tuple[str, ...]
    sha256: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Everything that the report tells; what is measured and nothing else."""

    made_at: datetime
    verdict: Verdict
    why: str
    isolation: dict[str, Any]
    pipeline: dict[str, Any]
    settings: tuple[Row, ...]
    places: tuple[Row, ...]
    models: tuple[Model, ...]
    parts: tuple[Part, ...]
    counted: tuple[outbound.Counted, ...]
    counted_since: datetime | None
    neutral: bool = False  # to pass on: days without the hour


def prove(settings: Settings, folder: Path, *, neutral: bool, say: Callable[[str], None]) -> Proof:
    """Run it and write the three files to ``folder``. ``neutral``: without paths and names of this machine, and
    without the hour.

    Raises ``OSError`` when the files can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    say(N_("Een verzonnen consult doorloopt alles, van opname tot wissen, zonder netwerk ..."))
    isolated, pipeline = run_isolated(settings)
    say(N_("Modellen, onderdelen en instellingen worden nagegaan ..."))
    if neutral and "outside" in isolated:
        isolated["outside"]["interfaces"] = [f"kaart {n}" for n in range(len(isolated["outside"]["interfaces"]))]
    models = tuple(_models(settings))
    verdict, why = judge(isolated, pipeline, [model for model in models if model.problems])
    counted, since = _counted(settings)
    proof = Proof(
        made_at=datetime.now(UTC),
        verdict=verdict,
        why=why,
        isolation=isolated,
        pipeline=pipeline,
        settings=tuple(_settings(settings)),
        places=tuple(_places(settings)),
        models=models,
        parts=tuple(parts()),
        counted=counted,
        counted_since=since,
        neutral=neutral,
    )
    write(proof, folder, installed(settings.data_dir / "models"), hide=_hidden(settings) if neutral else ())
    return proof


# --- the run --------------------------------------------------------------------------------------------------------


def run_isolated(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """The path of one consult without a network, or with the guard alone: what was seen of the network, of the path.

    Nothing of this installation takes part: no setting, no key, no data.
    """
    with tempfile.TemporaryDirectory(prefix="transcribe-proof-") as name:
        seen_file, done_file = Path(name) / "seen.json", Path(name) / "done.json"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TRANSCRIBE_", "AWS_"))}
        if settings.os_user:
            environment["TRANSCRIBE_OS_USER"] = settings.os_user
        command = [sys.executable, "-P", "-m", "transcribe.proof.pipeline", str(done_file)]
        seen: dict[str, Any] = {"why_not": "geen Linux"}
        status = isolation_status = 0
        if sys.platform == "linux":
            inside = [sys.executable, "-I", str(Path(isolation.__file__)), str(seen_file), *command]
            status = isolation_status = _run(inside, environment)
            seen = _read(seen_file)
        if sys.platform != "linux" or isolation_status == isolation.NOT_HERE:
            status = _run(command, environment)
        done = _read(done_file)
        done.setdefault("problem", "de proef gaf geen uitkomst")
        if status and not done["problem"]:
            done["problem"] = f"de proef stopte (code {status})"
        return seen, done


def _run(command: list[str], environment: dict[str, str]) -> int:
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdin=nothing, stdout=nothing, stderr=nothing) as process:
        try:
            return process.wait(PATIENCE_S)
        except BaseException as error:
            process.terminate()  # in its orderly way: it has a database to stop
            with suppress(subprocess.TimeoutExpired):
                process.wait(GRACE_S)
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                return 1
            raise


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def judge(seen: dict[str, Any], done: dict[str, Any], changed: Sequence[Model]) -> tuple[Verdict, str]:
    """Proven is: there was nothing to send through, before and after, and the whole path was gone through."""
    wrong = [text for text, good in done.get("steps", []) if not good]
    if done.get("problem") or wrong or not done.get("steps"):
        return Verdict.FAILED, done.get("problem") or f"Deze stap ging niet goed: {(wrong or ['geen stappen'])[0]}"
    if changed:
        return Verdict.FAILED, f"Spraakmodel {changed[0].name}: {changed[0].problems[0]}."
    if "why_not" in seen:
        return Verdict.NOT_PROVEN, (
            "Dit systeem laat niet toe het netwerk voor één programma weg te nemen "
            f"({seen['why_not']}). De proef is gelukt met alleen de bewaker in het programma; die ziet niet wat "
            "ingebouwde onderdelen in machinecode zelf doen."
        )
    inside, after = seen.get("inside", {}), done.get("after", {})
    only_loopback = inside.get("interfaces") == ["lo"] and list(after) == ["lo"]
    no_way_out = "route" not in inside.get("routes", {"": "route"}).values()
    if not (only_loopback and no_way_out and seen.get("other_namespace")):
        return Verdict.FAILED, "Er was tijdens de proef toch een weg naar buiten."
    return Verdict.PROVEN, "De hele weg van opname tot wissen werkt zonder netwerk: tijdens de proef kon er niets weg."


# --- what this installation is ----------------------------------------------------------------------------------------


def _settings(settings: Settings) -> Iterator[Row]:
    """Each setting that could open something, also when it is closed."""
    allowed = [place for place in outbound.named(settings) if place.purpose.value in ("taalmodel", "onbekend")]
    hosts = ", ".join(f"{place.host}{f':{place.port}' if place.port else ''}" for place in allowed)
    yield Row(name="Toegestane adressen", found=hosts or "geen: er mag niets naar buiten", open=bool(allowed))
    if settings.drafter == "server":
        host = outbound.normal(urlsplit(settings.llm_url).hostname or "")
        here = outbound.this_machine(host)
        yield Row(name="Taalmodel", found="server op deze machine" if here else f"server op {host}", open=not here)
    else:
        kind = "regels, geen taalmodel" if settings.drafter == "extractief" else "in het programma zelf"
        yield Row(name="Taalmodel", found=kind)
    database = [place for place in outbound.named(settings) if place.purpose is outbound.Purpose.DATABASE]
    found = ", ".join(place.host for place in database)
    yield Row(name="Database", found=f"server {found}" if found else "op deze machine", open=bool(found))
    sound = [place for place in outbound.named(settings) if place.purpose is outbound.Purpose.SOUND]
    found = ", ".join(place.host for place in sound)
    yield Row(name="Opslag van het geluid", found=f"server {found}" if found else "een map", open=bool(found))
    here = outbound.this_machine(settings.host)
    behind = f"; bekend als {settings.public_host}, achter een proxy met TLS" if settings.public_host else ""
    yield Row(
        name="Schermen",
        found=("alleen op deze machine" if here else f"ook vanaf het netwerk ({settings.host})") + behind,
        open=not here or bool(settings.public_host),
    )
    yield Row(
        name="Cijfers voor bewaking (/metrics)",
        found="met een token, ook vanaf een andere machine" if settings.metrics_token else "alleen op deze machine",
        open=bool(settings.metrics_token),
    )


def _places(settings: Settings) -> Iterator[Row]:
    """Where data lie. Looks; starts nothing."""
    from transcribe.store.embedded import EmbeddedPostgres
    from transcribe.store.key_copies import KeyCopies
    from transcribe.store.keys import load_master_key
    from transcribe.store.postgres import PostgresStore

    folder = settings.data_dir
    there = "" if folder.is_dir() else " (wordt bij de eerste start gemaakt)"
    yield Row(name="Gegevensmap", found=f"{folder}{there}")
    own = f"{folder / 'postgres'}, zonder poort op het netwerk"
    yield Row(name="Database", found=_server(settings.database_url) if settings.database_url else own)
    yield Row(name="Geluid, altijd versleuteld", found=settings.blob_store or str(folder / "audio"))
    keys = {
        "file": f"{folder / 'keys' / 'master.key'} (alleen voor dit account te lezen)",
        "keyring": "sleutelbos van het systeem",
        "env": "omgeving van de dienst, gezet door de beheerder",
    }
    yield Row(name="Hoofdsleutel", found=keys.get(settings.master_key, settings.master_key))
    url = settings.database_url or (EmbeddedPostgres(folder).running() if folder.is_dir() else None)
    if url is None:
        yield Row(name="Reservekopieën", found="niet nagegaan: de dienst loopt niet", open=True)
        return
    try:
        master_key = load_master_key(settings, make=False)
        with (
            closing(PostgresStore(url, master_key)) as store,
            closing(KeyCopies(store, url, master_key)) as copies,
        ):
            made_s = store.vitals().backup_s
            last = "nog geen gemaakt" if made_s is None else f"de laatste {made_s / 86_400:.1f} dagen geleden"
            yield Row(name="Reservekopieën", found=f"{last}; zonder sleutels", open=made_s is None)
            for place in copies.places():
                yield Row(name="Sleutelkopie", found=str(place.path))
    except (TranscribeError, OSError) as error:
        yield Row(name="Reservekopieën", found=f"niet nagegaan ({type(error).__name__})", open=True)


def _server(url: str) -> str:
    """Without name and password."""
    places = outbound.named(Settings(data_dir=Path(), database_url=url))
    return ", ".join(f"{place.host}:{place.port}" for place in places) or "eigen PostgreSQL op deze machine"


def _models(settings: Settings) -> Iterator[Model]:
    for model in installed(settings.data_dir / "models"):
        yield Model(
            name=model.name,
            licence=model.licence,
            use="alleen demonstratie en tests" if model.demo_only else "echte consulten",
            revision=model.revision,
            problems=tuple(verify(model)),
            sha256=dict(model.sha256),
        )


def _counted(settings: Settings) -> tuple[tuple[outbound.Counted, ...], datetime | None]:
    try:
        rows, since = outbound.read_tally(settings.data_dir / outbound.TALLY_FILE)
    except (OSError, ValueError, TypeError, KeyError):
        return (), None
    return tuple(rows), since


# --- the files --------------------------------------------------------------------------------------------------------


def write(proof: Proof, folder: Path, models: Sequence[Installed], *, hide: Sequence[tuple[str, str]]) -> None:
    """``hide``: what to write instead of paths and names, the longest first."""
    at = datetime.combine(proof.made_at, time(), UTC) if proof.neutral else proof.made_at
    bill = cyclonedx(proof.parts, models, version=__version__, at=at, number=uuid4())
    facts = as_json(proof)
    page = _page(proof)
    for name, text in (
        (BILL, json.dumps(bill, indent=1, ensure_ascii=False) + "\n"),
        (FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n"),
        (REPORT, page),
    ):
        for real, instead in hide:
            text = text.replace(real, instead)
        (folder / name).write_text(text, encoding="utf-8")


def as_json(proof: Proof) -> dict[str, Any]:
    """For a machine: the same facts."""
    packages = [part for part in proof.parts if not part.of]

    def moment(at: datetime) -> str:
        return at.date().isoformat() if proof.neutral else at.isoformat(timespec="seconds")

    return {
        "format": FORMAT,
        "made_at": moment(proof.made_at),
        "program": {"name": "transcribe", "version": __version__, "python": platform.python_version()},
        "system": platform.system(),
        "verdict": proof.verdict.value,
        "why": proof.why,
        "isolation": proof.isolation,
        "pipeline": proof.pipeline,
        "settings": [asdict(row) for row in proof.settings],
        "places": [asdict(row) for row in proof.places],
        "models": [asdict(model) for model in proof.models],
        "parts": {
            "packages": len(packages),
            "libraries": len(proof.parts) - len(packages),
            "not_permissive": [
                {"name": part.name, "of": part.of, "licence": part.licence} for part in standing_out(proof.parts)
            ],
        },
        "outbound": {
            "since": moment(proof.counted_since) if proof.counted_since else None,
            "rows": [asdict(row) for row in proof.counted],
        },
    }


def standing_out(found: Sequence[Part]) -> list[Part]:
    """What is not permissive as far as we know; libraries of which nobody says anything are counted apart."""
    return [part for part in found if not part.permissive and not (part.of and part.licence == UNKNOWN)]


def _page(proof: Proof) -> str:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    packages = [part for part in proof.parts if not part.of]
    licences: dict[str, int] = {}
    for part in packages:
        licences[part.licence] = licences.get(part.licence, 0) + 1
    return templates.get_template(REPORT).render(
        proof=proof,
        Verdict=Verdict,
        made_at=proof.made_at.astimezone(PRACTICE_ZONE),
        since=proof.counted_since.astimezone(PRACTICE_ZONE) if proof.counted_since else None,
        version=__version__,
        python=platform.python_version(),
        system=platform.system(),
        packages=packages,
        libraries=len(proof.parts) - len(packages),
        silent=sum(part.licence == UNKNOWN for part in proof.parts),
        standing_out=standing_out(proof.parts),
        licences=sorted(licences.items(), key=lambda one: (permissive(one[0]), -one[1], one[0])),
        permissive=permissive,
    )


def _hidden(settings: Settings) -> list[tuple[str, str]]:
    """Paths and names of this machine, with what stands in their place."""
    found = {
        str(settings.data_dir): "(gegevensmap)",
        str(settings.data_dir.resolve()): "(gegevensmap)",
        str(Path.home()): "(map van de gebruiker)",
        str(Path(__file__).resolve().parents[2]): "(programma)",
        platform.node(): "(deze machine)",
    }
    found |= {place.host: f"({place.purpose.value})" for place in outbound.named(settings)}
    if settings.public_host:
        found[settings.public_host] = "(schermen)"
    return sorted(((real, instead) for real, instead in found.items() if len(real) > 3), key=lambda one: -len(one[0]))


def check_room(folder: Path) -> None:
    """Raises ``SetupProblem`` before half a minute of work when the files can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SetupProblem(problem=f"in {folder} kan niet worden geschreven. Kies een andere map met --out.") from error
    if shutil.disk_usage(tempfile.gettempdir()).free < 1e9:
        raise SetupProblem(problem="de proef heeft 1 GB vrije ruimte nodig in de map voor tijdelijke bestanden.")
