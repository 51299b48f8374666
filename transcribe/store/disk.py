"""The disk that recordings go to: how much room it has, and whether it lets itself be written to."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from transcribe.consult import Space

_PROBE = ".proef"


def space(folder: Path) -> Space:
    """Of the file system that ``folder`` is on; free is what this account may still use."""
    usage = shutil.disk_usage(folder)
    return Space(total=usage.total, free=usage.free)


def try_write(folder: Path) -> None:
    """Raises ``OSError`` when no file can be made there: a disk that the system made read-only, a share that went."""
    probe = folder / _PROBE
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, b"?")
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)
