"""Downloads a model from the model hub: the one deliberate act that uses the internet (``transcribe models pull``).

By the hub's plain HTTP interface and our own guarded client: a library that downloads by itself goes where it likes.
"""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from transcribe.errors import SetupProblem
from transcribe.outbound import Place, Purpose, normal
from transcribe.outbound_client import NotNamed, client

PATTERNS = ["config.json", "model.bin", "tokenizer.json", "vocabulary.*", "preprocessor_config.json"]

HUB = "https://huggingface.co"
#: The hub sends large files from these. When it names another one the administrator decides.
FILE_HOSTS = (
    "cas-bridge.xethub.hf.co",
    "cdn-lfs.hf.co",
    "cdn-lfs-eu-1.hf.co",
    "cdn-lfs-us-1.hf.co",
    "cdn-lfs.huggingface.co",
)
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_LARGEST_ANSWER = 10_000_000  # bytes of the list of files
_REVISION = re.compile(r"[0-9a-f]{40}")


def fetch(repo: str, revision: str, target: Path, *, hub: str = HUB, also: tuple[Place, ...] = ()) -> str:
    """``repo`` at ``revision`` (empty: the newest) into ``target``; goes on where an earlier one stopped.

    ``also``: more hosts that files may come from. Returns the exact revision. Raises ``SetupProblem``. With ``repo``,
    ``revision`` and ``target`` alone a ``models.catalog.Fetch``.
    """
    places = [_place(hub), *also, *(Place(host=host, port=443, purpose=Purpose.MODELS) for host in FILE_HOSTS)]
    try:
        with client(places, Purpose.MODELS, timeout=_TIMEOUT, redirects=True) as connection:
            answer = connection.get(
                f"{hub}/api/models/{quote(repo)}/revision/{quote(revision or 'main', safe='')}?blobs=true"
            )
            exact, files = _listed(answer, repo)
            for name, size, digest in files:
                _file(connection, f"{hub}/{quote(repo)}/resolve/{exact}/{quote(name)}", target / name, size, digest)
    except NotNamed as error:
        raise SetupProblem(
            problem=f"{repo} wordt nu verstuurd vanaf {error.request.url.host}, en dat adres is niet bekend. Vertrouwt "
            "u het, zet het dan in TRANSCRIBE_ALLOWED_HOSTS en probeer het opnieuw."
        ) from None
    except (httpx.HTTPError, OSError) as error:
        raise SetupProblem(
            problem=f"{repo} kon niet worden opgehaald ({type(error).__name__}). Is er internet? Wat er al is, blijft "
            "staan: probeer het opnieuw, of gebruik transcribe models add met een stick."
        ) from error
    return exact


def _place(hub: str) -> Place:
    parts = urlsplit(hub)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Place(host=normal(parts.hostname or ""), port=port, purpose=Purpose.MODELS)


def _listed(answer: httpx.Response, repo: str) -> tuple[str, list[tuple[str, int, str]]]:
    """The exact revision, and name, size in bytes and SHA-256 ("" for a small file) of what belongs to a model."""
    answer.raise_for_status()
    try:
        said: dict[str, Any] = answer.json()
        exact = str(said["sha"])
        files = [
            (str(file["rfilename"]), int(file["size"]), str((file.get("lfs") or {}).get("sha256", "")))
            for file in said["siblings"]
            if any(fnmatch(str(file["rfilename"]), pattern) for pattern in PATTERNS) and "/" not in file["rfilename"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        exact, files = "", []
    if not _REVISION.fullmatch(exact) or not files:
        raise SetupProblem(problem=f"van {repo} is geen versie bekend.")
    return exact, files


def _file(connection: httpx.Client, address: str, target: Path, size: int, digest: str) -> None:
    """Goes on at the end of what there is; what turns out to be another file is fetched anew the next time."""
    if target.is_file() and target.stat().st_size == size and (not digest or _hash(target) == digest):
        return
    part = target.with_name(f"{target.name}.part")
    there = part.stat().st_size if part.is_file() else 0
    asked = {"Range": f"bytes={there}-"} if 0 < there < size else {}
    with connection.stream("GET", address, headers={**asked, "Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        go_on = bool(asked) and answer.status_code == httpx.codes.PARTIAL_CONTENT
        with part.open("ab" if go_on else "wb") as file:
            for piece in answer.iter_bytes(1 << 20):
                file.write(piece)
    if part.stat().st_size != size or (digest and _hash(part) != digest):
        part.unlink()
        raise SetupProblem(problem=f"{target.name} kwam anders aan dan het model zegt. Probeer het opnieuw.")
    part.replace(target)


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
