"""How much room the disk has that recordings go to."""

from __future__ import annotations

import shutil
from pathlib import Path

from transcribe.consult import Space


def space(folder: Path) -> Space:
    """Of the file system that ``folder`` is on; free is what this account may still use."""
    usage = shutil.disk_usage(folder)
    return Space(total=usage.total, free=usage.free)
