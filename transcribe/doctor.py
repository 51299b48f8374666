"""What an installation needs, examined: a finding for each part, with what to do about it."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from transcribe import outbound
from transcribe.errors import N_, SetupProblem, StoreUnavailable, TranscribeError
from transcribe.settings import Settings

if TYPE_CHECKING:
    from transcribe.store.blobs import Blobs

#: Below this share of free disk the spool is in danger (a warning); the same limit as for recording.
LOW_DISK = 0.05
#: Of a database that is asked what it is.
ANSWER_S = 10.0


class Level(StrEnum):
    """From good to wrong; the order counts."""

    GOOD = N_("goed")
    NOTICE = N_("let op")
    WRONG = N_("fout")


@dataclass(frozen=True, kw_only=True)
class Finding:
    level: Level
    part: str
    found: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, in the order a person would mend them.

    Tries the embedded database by starting it, so a first examination makes the data folder and an empty cluster.
    """
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _python,
        _folder,
        _disk,
        _keys,
        _database,
        _sound,
        _copies,
        _models,
        _decoder,
        _machine,
        _port,
    )
    for check in checks:
        try:
            yield from check(settings)
        except (OSError, ArithmeticError, TranscribeError) as error:
            # one part that can't even be examined must not hide the others
            found = (
                str(error) if isinstance(error, TranscribeError) else f"niet te onderzoeken ({type(error).__name__})"
            )
            advice = "Controleer of --data-dir een map is waarin u mag schrijven."
            yield Finding(level=Level.WRONG, part=check.__name__.strip("_"), found=found, advice=advice)


def _python(_: Settings) -> Iterator[Finding]:
    supported = sys.platform in {"linux", "darwin"}
    yield Finding(
        level=Level.GOOD if supported else Level.WRONG,
        part="Python",
        found=f"{platform.python_version()} op {platform.system()}",
        advice="" if supported else "Gebruik Linux of macOS; Windows wordt nog niet ondersteund.",
    )


def _folder(settings: Settings) -> Iterator[Finding]:
    folder = settings.data_dir
    if not folder.exists():
        yield Finding(level=Level.GOOD, part="gegevensmap", found=f"{folder} wordt bij de eerste start gemaakt")
        return
    open_to_others = bool(folder.stat().st_mode & (stat.S_IRWXO & ~stat.S_IXOTH))
    writable = os.access(folder, os.W_OK)
    if not writable:
        yield Finding(
            level=Level.WRONG,
            part="gegevensmap",
            found=f"{folder} is niet schrijfbaar",
            advice=f"Maak uzelf eigenaar: sudo chown -R $USER {folder}",
        )
    elif open_to_others:
        yield Finding(
            level=Level.WRONG,
            part="gegevensmap",
            found=f"{folder} is leesbaar voor anderen",
            advice=f"chmod {'711' if os.geteuid() == 0 else '700'} {folder}",
        )
    else:
        yield Finding(level=Level.GOOD, part="gegevensmap", found=str(folder))


def _disk(settings: Settings) -> Iterator[Finding]:
    folder = _existing(settings.data_dir)
    usage = shutil.disk_usage(folder)
    free = usage.free / usage.total
    yield Finding(
        level=Level.GOOD if free >= LOW_DISK else Level.WRONG,
        part="schijfruimte",
        found=f"{usage.free / 1e9:.0f} GB vrij ({free:.0%})",
        advice="" if free >= LOW_DISK else "Maak ruimte vrij: er begint anders geen nieuwe opname.",
    )


def _keys(settings: Settings) -> Iterator[Finding]:
    if settings.master_key != "file":
        yield Finding(level=Level.GOOD, part="hoofdsleutel", found=f"uit {settings.master_key}")
        return
    path = settings.data_dir / "keys" / "master.key"
    if not path.exists():
        yield Finding(level=Level.GOOD, part="hoofdsleutel", found="wordt bij de eerste start gemaakt")
    elif path.stat().st_mode & 0o077:
        yield Finding(level=Level.WRONG, part="hoofdsleutel", found="leesbaar voor anderen", advice=f"chmod 600 {path}")
    else:
        yield Finding(
            level=Level.GOOD if settings.demo else Level.NOTICE,
            part="hoofdsleutel",
            found="bestand naast de gegevens",
            advice=""
            if settings.demo
            else "Neem keys/ nooit mee in dezelfde reservekopie als de gegevens: wat gewist is, zou daarmee te lezen "
            "zijn. Beter: TRANSCRIBE_MASTER_KEY_FROM=keyring, en een kopie in de kluis.",
        )


def _database(settings: Settings) -> Iterator[Finding]:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    from transcribe.app import embedded_server
    from transcribe.store.folders import make_data_dir
    from transcribe.store.impatient import impatient_engine

    part = "database"
    if settings.database_url:
        engine = impatient_engine(settings.database_url, silence_s=ANSWER_S)
        try:
            with engine.connect() as connection:
                version = int(connection.execute(text("show server_version_num")).scalar_one()) // 10000
        except SQLAlchemyError as error:
            yield Finding(
                level=Level.WRONG,
                part=part,
                found=f"geen verbinding ({type(error).__name__})",
                advice="Controleer --database-url, het wachtwoord en of de server loopt.",
            )
            return
        finally:
            engine.dispose()
        good = version >= 15
        yield Finding(
            level=Level.GOOD if good else Level.WRONG,
            part=part,
            found=f"eigen server, PostgreSQL {version}",
            advice="" if good else "Gebruik PostgreSQL 15 of nieuwer.",
        )
        return
    try:
        make_data_dir(settings.data_dir)
        with embedded_server(settings) as server:
            engine = impatient_engine(server.url, silence_s=ANSWER_S)
            with engine.connect() as connection:
                version_text = connection.execute(text("show server_version")).scalar_one()
            engine.dispose()
    except TranscribeError as error:
        yield Finding(level=Level.WRONG, part=part, found="ingebouwde PostgreSQL start niet", advice=str(error))
        return
    yield Finding(level=Level.GOOD, part=part, found=f"ingebouwde PostgreSQL {version_text} start en antwoordt")


def _sound(settings: Settings) -> Iterator[Finding]:
    from transcribe.store.blobs import open_blobs
    from transcribe.store.folders import make_data_dir

    part = "opslag van geluid"
    probe, content = uuid4(), secrets.token_bytes(100_000)
    try:
        blobs = open_blobs(settings.blob_store, make_data_dir(settings.data_dir) / "audio", check=True)
        checked = _check_mark(settings, blobs)
        try:
            with blobs.write(probe, "probe") as target:
                target.write(content)
            with blobs.open(probe, "probe") as file:
                same = file.read() == content
        finally:
            blobs.delete(probe)
    except TranscribeError as error:
        advice = "Controleer --blob-store en de AWS_-variabelen." if settings.blob_store else ""
        yield Finding(level=Level.WRONG, part=part, found=str(error), advice=advice)
        return
    yield Finding(
        level=Level.GOOD if same else Level.WRONG,
        part=part,
        found=f"{settings.blob_store or 'in de gegevensmap'}: schrijven, teruglezen en wissen "
        f"{'lukt' if same else 'geeft iets anders terug dan er is geschreven'}"
        f"{'' if checked else '; of dit de plaats van deze installatie is, blijkt pas als de dienst loopt'}",
        advice="" if same else "Gebruik een andere opslag; deze is niet te vertrouwen.",
    )


def _check_mark(settings: Settings, blobs: Blobs) -> bool:
    """Before anything is written: an unmounted share is an empty folder that takes files too. Raises ``NotOurPlace``.

    False when nobody can tell, without a database that is running and is ours.
    """
    from transcribe.store.embedded import EmbeddedPostgres
    from transcribe.store.keys import load_master_key
    from transcribe.store.marked import MarkedBlobs
    from transcribe.store.migrate import is_current
    from transcribe.store.postgres import PostgresStore

    try:
        url = settings.database_url or EmbeddedPostgres(settings.data_dir).running()
        if url is None or not is_current(url):
            return False
        store = PostgresStore(url, load_master_key(settings, make=False))
    except (SetupProblem, StoreUnavailable):
        return False  # told by the checks before this one
    with closing(store):
        MarkedBlobs(blobs, store).check()
    return True


def _copies(settings: Settings) -> Iterator[Finding]:
    """Copies of the keys beside the back-ups. None when nobody can tell: the checks before this one say why."""
    from transcribe.app import embedded_server
    from transcribe.store.key_copies import KeyCopies
    from transcribe.store.keys import load_master_key
    from transcribe.store.migrate import is_current
    from transcribe.store.postgres import PostgresStore

    part = "sleutelkopie"
    with ExitStack() as stack:
        try:
            master_key = load_master_key(settings, make=False)
            url = settings.database_url or stack.enter_context(embedded_server(settings)).url
            if not is_current(url):
                return
            store = stack.enter_context(closing(PostgresStore(url, master_key)))
            copies = stack.enter_context(closing(KeyCopies(store, url, store.master_key)))
            places = copies.places()
        except (SetupProblem, StoreUnavailable):
            return
        for place in places:
            trouble = copies.trouble(place)
            present = "is er" if copies.there(place) else "is nu niet te vinden"
            yield Finding(
                level=Level.NOTICE if trouble else Level.GOOD,
                part=part,
                found=f"{place.path} ({place.name}) {present}",
                advice=trouble or "",
            )
        if not places and not settings.demo:
            yield Finding(
                level=Level.NOTICE,
                part=part,
                found="er is er geen",
                advice="Zonder sleutelkopie is er geen reservekopie. Maak er een: transcribe backup BESTAND.",
            )


def _models(settings: Settings) -> Iterator[Finding]:
    from models.catalog import installed, unreadable, verify

    part = "spraakmodel"
    fitting = 0
    for problem in unreadable(settings.data_dir / "models"):
        yield Finding(
            level=Level.WRONG, part=part, found=problem, advice="Verwijder die map en voeg het model opnieuw toe."
        )
    for model in installed(settings.data_dir / "models"):
        problems = verify(model)
        if problems:
            yield Finding(
                level=Level.WRONG,
                part=part,
                found=f"{model.name}: {problems[0]}",
                advice=f"Haal het opnieuw op: transcribe models pull {model.name}",
            )
        elif model.demo_only and not settings.demo:
            yield Finding(level=Level.GOOD, part=part, found=f"{model.name}: alleen voor de demonstratie")
        else:
            fitting += 1
            yield Finding(level=Level.GOOD, part=part, found=f"{model.name}: bestanden kloppen")
    if not fitting:
        yield Finding(
            level=Level.WRONG,
            part=part,
            found="geen model voor echte consulten" if not settings.demo else "geen demomodel",
            advice="transcribe models pull large-v3 (met internet) of transcribe models add MAP (van een stick)",
        )


def _decoder(_: Settings) -> Iterator[Finding]:
    import av

    yield Finding(level=Level.GOOD, part="geluid en video", found=f"PyAV {av.__version__}")


def _machine(_: Settings) -> Iterator[Finding]:
    import ctranslate2
    import psutil

    cores = psutil.cpu_count(logical=True) or 1
    memory_gb = psutil.virtual_memory().total / 1e9
    gpus = ctranslate2.get_cuda_device_count()
    enough = gpus > 0 or (cores >= 4 and memory_gb >= 8)
    yield Finding(
        level=Level.GOOD if enough else Level.NOTICE,
        part="rekenkracht",
        found=f"{cores} kernen, {memory_gb:.0f} GB geheugen, {gpus} GPU",
        advice="" if enough else "Genoeg voor de demonstratie; een groot model is hier traag.",
    )


def _port(settings: Settings) -> Iterator[Finding]:
    outbound.permit_screens(settings.host, settings.port)
    with socket.socket() as probe:
        busy = probe.connect_ex((settings.host, settings.port)) == 0
    yield Finding(
        level=Level.NOTICE if busy else Level.GOOD,
        part="poort",
        found=f"{settings.port} is {'in gebruik (loopt de dienst al?)' if busy else 'vrij'}",
    )


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
