"""Files of one consult, one for each participant, by their names. Pure.

Two names that differ in nothing but who speaks: "12 maart - huisarts.m4a" and "12 maart - patient.m4a", or
"huisarts.wav" and "patiënt.wav" in one folder. Anything less plain is no pair: then the list has to say so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from transcribe.asr.transcript import Speaker

#: The end of a name before its ending: who is on it, after a blank, hyphen, underscore or full stop, or alone.
_WHO = re.compile(r"(?:(?P<talk>.*?)[\s._-]+)?(?P<who>huisarts|patient|patiënt)", re.DOTALL)


def speaker_in(name: str) -> tuple[str, Speaker] | None:
    """Of which talk and whose voice a file is by its name; None when that does not say."""
    path = PurePosixPath(unicodedata.normalize("NFC", name).casefold())
    found = _WHO.fullmatch(path.stem)
    if found is None:
        return None
    who = Speaker.HUISARTS if found["who"] == "huisarts" else Speaker.PATIENT
    return f"{path.parent}/{found['talk'] or ''}", who


def pairs(names: Iterable[str]) -> list[tuple[str, str]]:
    """Names of the huisarts's file and the patient's, of talks that have one of each."""
    talks: dict[str, dict[Speaker, list[str]]] = {}
    for name in names:
        if (found := speaker_in(name)) is not None:
            talks.setdefault(found[0], {}).setdefault(found[1], []).append(name)
    return [
        (voices[Speaker.HUISARTS][0], voices[Speaker.PATIENT][0])
        for voices in talks.values()
        if len(voices) == 2 and all(len(names) == 1 for names in voices.values())
    ]
