"""The practice's own texts for the patient as files: one place that adds them, for the command line and a restore.

Consents point at their SHA-256, so a file that is there is never changed.
"""

from __future__ import annotations

from pathlib import Path

from consent import ConsentText, Texts
from transcribe.store.folders import make_data_dir, make_private, write_once


def own_texts(folder: Path) -> dict[str, bytes]:
    """Id and whole file of each. What was damaged, or put there by hand and is not in order, is left out."""
    return {one.id: (folder / f"{one.id}.md").read_bytes() for one in Texts(folder).all() if one.own}


def add_text(folder: Path, content: bytes) -> ConsentText:
    """It may be there already. Raises ``TextProblem`` for what is no text, or an id that means other words."""
    new = Texts(folder).check_new(content)
    make_data_dir(folder.parent)
    if not write_once(make_private(folder) / f"{new.id}.md", content):
        Texts(folder).check_new(content)  # another process may have been first
    return new
