"""Dutch source strings, an English catalogue beside them (``locale/en``), plain gettext; the time in the practice."""

from __future__ import annotations

import gettext
import os
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

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


def _practice_zone() -> tzinfo:
    try:
        return ZoneInfo("Europe/Amsterdam")
    except ZoneInfoNotFoundError:  # a machine without a time zone database: its own clock is the best there is
        return datetime.now().astimezone().tzinfo or timezone(timedelta(hours=1))


PRACTICE_ZONE = _practice_zone()
