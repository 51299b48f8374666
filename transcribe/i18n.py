"""Dutch source strings, an English catalogue beside them (``locale/en``), plain gettext."""

from __future__ import annotations

import gettext
import os
from functools import cache
from pathlib import Path

LOCALES = Path(__file__).parent / "locale"
LANGUAGES = ("nl", "en")


@cache
def translations(language: str) -> gettext.NullTranslations:
    """The catalogue of a language; Dutch is the source and needs none."""
    if language == "nl":
        return gettext.NullTranslations()
    return gettext.translation("messages", LOCALES, languages=[language], fallback=True)


def preferred_language() -> str:
    """What the terminal asks for: ``TRANSCRIBE_UI_LANGUAGE``, else English in an English locale, else Dutch."""
    asked = os.environ.get("TRANSCRIBE_UI_LANGUAGE", "")
    if asked in LANGUAGES:
        return asked
    system = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "en" if system.lower().startswith("en") else "nl"
