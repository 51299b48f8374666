"""Folders and files of our own, with the permissions they need and no others touched."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def make_data_dir(path: Path) -> Path:
    """The data folder; made when it is not there, left as it is when it is.

    For root 0711: the account that runs PostgreSQL must be able to pass through (not look around); all that is in it
    is 0700 or 0600.
    """
    path = path.expanduser().absolute()
    if not path.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _make(path, 0o711 if hasattr(os, "geteuid") and os.geteuid() == 0 else 0o700)
    return path


def make_private(path: Path) -> Path:
    """A folder only we can enter; made when it is not there, left as it is when it is."""
    if not path.is_dir():
        _make(path, 0o700)
    return path


def _make(path: Path, mode: int) -> None:
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        if not path.is_dir():
            raise
        return  # another process of ours was first
    path.chmod(mode)  # whatever the umask left off


@contextmanager
def throwaway_data_dir() -> Iterator[Path]:
    """A data folder for a demo or a test, gone afterwards. PostgreSQL's account can reach it, unlike ``mkdtemp``'s."""
    path = make_data_dir(Path(tempfile.gettempdir()) / f"transcribe-{secrets.token_hex(6)}")
    try:
        yield path
    finally:
        shutil.rmtree(path)


def write_once(path: Path, content: bytes) -> bool:
    """Make a 0600 file with its content whole and on disk, or find that it is there already (False).

    Written beside under O_EXCL and then linked into place: two that start at once end with one file, and a crash
    half-way leaves none.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    sync_folder(path.parent)
    return True


def sync_folder(path: Path) -> None:
    """Put new and renamed names in a folder on disk; Windows has no such call and does it by itself."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
