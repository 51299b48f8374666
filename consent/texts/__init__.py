"""The words shown or spoken to the patient: versioned files, known by id and SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

#: The words used unless a practice chooses others. A new wording is a new file with a new id; old files stay.
CURRENT = {"nl": "mondeling-nl-2026-11", "en": "mondeling-en-2026-11"}


@dataclass(frozen=True, kw_only=True)
class ConsentText:
    id: str
    body: str
    sha256: str


def text(text_id: str) -> ConsentText:
    """Raises ``FileNotFoundError`` for an unknown id."""
    body = files(__name__).joinpath(f"{text_id}.md").read_text(encoding="utf-8")
    return ConsentText(id=text_id, body=body.strip(), sha256=hashlib.sha256(body.encode("utf-8")).hexdigest())


def current_text(language: str = "nl") -> ConsentText:
    return text(CURRENT.get(language, CURRENT["nl"]))
