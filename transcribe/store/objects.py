"""Sealed sound in an S3-compatible store (AWS, MinIO, Ceph): ``prefix/<consult id>/<name>``. See ``blobs.Blobs``.

Address, keys and region come from the variables every S3 program knows: ``AWS_ENDPOINT_URL`` (your own server),
``AWS_REGION``, ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``; ``AWS_ALLOW_HTTP=true`` for a server without TLS.

An upload that its process did not live to end leaves no object. Its parts stay in the store, out of sight, until the
bucket's own rule removes them (``AbortIncompleteMultipartUpload``); they are sealed as all else.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit
from uuid import UUID

from obstore import open_writer
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import S3Store

from transcribe.errors import NotFound, SetupProblem
from transcribe.reading import RandomReader
from transcribe.store.blobs import BlobsUnavailable, as_consult, checked, is_ours, place
from transcribe.store.crypto import Sink

if TYPE_CHECKING:
    from obstore import WritableFile
    from obstore.store import RetryConfig

log = logging.getLogger(__name__)

PART_BYTES = 8 << 20  # of an upload; a store takes 10,000 of them
PARTS_AT_ONCE = 2
WINDOW_BYTES = 1 << 20  # what one request reads: a sealed piece is 64 KiB, and a request costs a round trip
_CACHED_WINDOWS = 4

_ADDRESS = re.compile(
    r"s3://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{2,62})(?P<prefix>(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)/?"
)
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_REFUSED = re.compile(r"\b(?:401 Unauthorized|403 Forbidden)\b")  # a list has no kind of error of its own for it

#: A person waits for the answer, and whoever calls tries again by himself.
_RETRIES: RetryConfig = {"max_retries": 4, "retry_timeout": timedelta(seconds=15)}


class ObjectBlobs:
    """Objects in one bucket, under one prefix. See ``blobs.Blobs``."""

    def __init__(self, address: str) -> None:
        """Asks nothing yet: a store that is away for a moment keeps no process from starting.

        Raises ``SetupProblem`` for an address or an environment that can't be right; it never repeats the address.
        """
        found = _ADDRESS.fullmatch(address)
        if found is None:
            raise SetupProblem(
                problem="het adres bij --blob-store klopt niet. Het is s3://bucket of s3://bucket/map; sleutels en "
                "server horen daar niet in maar in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY en AWS_ENDPOINT_URL."
            )
        _check_environment()
        # never chained: the library's messages repeat what the server says, and a traceback repeats them
        try:
            self._store = S3Store(found["bucket"], prefix=found["prefix"].lstrip("/"), retry_config=_RETRIES)
        except (BaseError, OSError, ValueError) as problem:
            raise SetupProblem(
                problem=f"de opslag voor het geluid is niet te openen ({_said(problem)}). Controleer --blob-store en "
                "de AWS_-variabelen."
            ) from None

    def check(self) -> None:
        """Ask the store for a list. Raises ``SetupProblem`` that says what an administrator has to look at."""
        try:
            next(iter(self._store.list(chunk_size=1)), None)
        except (BaseError, OSError) as problem:
            if _REFUSED.search(str(problem)):
                raise SetupProblem(
                    problem=f"de opslag voor het geluid weigert de toegang ({_said(problem)}). Controleer "
                    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION en de rechten op de bucket."
                ) from None
            raise SetupProblem(
                problem=f"de opslag voor het geluid is niet bereikbaar ({_said(problem)}). Controleer --blob-store en "
                "AWS_ENDPOINT_URL, en of de server loopt en de bucket bestaat."
            ) from None

    @contextmanager
    def write(self, consult_id: UUID, name: str) -> Iterator[Sink]:
        """Deleting the consult meanwhile does not stop it: the use case that writes looks afterwards."""
        upload = open_writer(
            self._store, place(consult_id, name), buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
        )
        try:
            yield _Upload(upload)
        except BaseException:
            with suppress(BaseError, OSError):  # away as well: then the bucket's rule removes the parts
                upload.__exit__(*sys.exc_info())  # aborts
            raise
        with _translated():
            upload.close()

    def open(self, consult_id: UUID, name: str) -> BinaryIO:
        return io.BufferedReader(_Ranges(self._store, place(consult_id, name)))

    def delete(self, consult_id: UUID, name: str | None = None) -> None:
        with _translated():
            if name is not None:
                self._store.delete(place(consult_id, name))
            elif paths := self._paths(consult_id):
                self._store.delete(paths)

    def consults(self) -> list[UUID]:
        with _translated():
            folders = self._store.list_with_delimiter()["common_prefixes"]
        return [found for folder in folders if (found := as_consult(folder))]

    def names(self, consult_id: UUID) -> list[str]:
        with _translated():
            names = [path.rpartition("/")[2] for path in self._paths(consult_id)]
        return sorted(name for name in names if is_ours(name))

    def _paths(self, consult_id: UUID) -> list[str]:
        return [found["path"] for page in self._store.list(str(checked(consult_id))) for found in page]


class _Upload:
    """The library's writer with its errors in our words; those of whoever writes to it stay what they are."""

    def __init__(self, upload: WritableFile) -> None:
        self._upload = upload

    def write(self, data: bytes, /) -> int:
        with _translated():
            return self._upload.write(data)


class _Ranges(RandomReader):
    """An object, read by windows of ``WINDOW_BYTES``, the last few of them kept. Not thread-safe."""

    def __init__(self, store: S3Store, path: str) -> None:
        super().__init__()
        self._store, self._path = store, path
        self._windows: OrderedDict[int, memoryview] = OrderedDict()
        with _missing():
            found = store.head(path)
        self.size, self._tag = found["size"], found["e_tag"]

    def _window(self, number: int) -> memoryview:
        window = self._windows.get(number)
        if window is None:
            start = number * WINDOW_BYTES
            # the tag: never half of one object and half of the one that replaced it
            with _missing():
                answer = self._store.get(
                    self._path,
                    options={"range": (start, min(start + WINDOW_BYTES, self.size)), "if_match": self._tag},
                )
                window = memoryview(answer.bytes())
            self._windows[number] = window
            if len(self._windows) > _CACHED_WINDOWS:
                self._windows.popitem(last=False)
        else:
            self._windows.move_to_end(number)
        return window

    def piece(self, start: int, most: int) -> memoryview:
        number, offset = divmod(start, WINDOW_BYTES)
        return self._window(number)[offset : offset + most]

    def close(self) -> None:
        self._windows.clear()
        super().close()


def _check_environment() -> None:
    """Nothing goes anywhere by default: not to a region across the sea, not to a server that would hand out keys."""
    endpoints = [os.environ[name] for name in _ENDPOINTS if os.environ.get(name)]
    if not endpoints and not any(os.environ.get(name) for name in _REGIONS):
        raise SetupProblem(
            problem="bij --blob-store s3://... hoort de server: zet AWS_ENDPOINT_URL (eigen server) of AWS_REGION."
        )
    if not all(map(_is_server, endpoints)):  # the library would panic
        raise SetupProblem(problem="AWS_ENDPOINT_URL is geen adres van een server (https://s3.praktijk.example).")
    if not all(os.environ.get(name) for name in _KEYS):
        raise SetupProblem(problem=f"bij --blob-store s3://... horen sleutels: zet {' en '.join(_KEYS)}.")
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true", "on", "yes", "y"}
    if not allowed and any(endpoint.lower().startswith("http:") for endpoint in endpoints):
        raise SetupProblem(
            problem="AWS_ENDPOINT_URL is zonder versleuteling (http). Gebruik https, of zet AWS_ALLOW_HTTP=true als de "
            "server op deze machine of achter een eigen tunnel staat."
        )


def _is_server(address: str) -> bool:
    try:
        found = urlsplit(address)
        port = found.port
    except ValueError:
        return False
    known = found.scheme in ("http", "https") and bool(found.hostname) and port != 0
    return known and re.fullmatch(r"[A-Za-z0-9._:/\[\]-]+", address) is not None


@contextmanager
def _translated() -> Iterator[None]:
    """Whatever the store says no with: trying again, and then the administrator, is the right advice."""
    try:
        yield
    except (BaseError, OSError) as problem:
        log.warning("object store: %s (%s)", _said(problem), type(problem).__name__)
        raise BlobsUnavailable from None  # the message holds the address, and what the server had to say


@contextmanager
def _missing() -> Iterator[None]:
    """For reading: what is gone, or was replaced since it was opened, is not there."""
    with _translated():
        try:
            yield
        except (FileNotFoundError, PreconditionError):
            raise NotFound from None


def _said(problem: Exception) -> str:
    """The store's own code (``NoSuchBucket``): all that is told of its answer, here and in the log."""
    found = _CODE.search(str(problem))
    return found[1] if found else "geen antwoord"
