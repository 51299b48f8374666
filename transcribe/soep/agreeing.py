"""Lines that say the patient agreed to being recorded. No drafter may say that: the consent record does, or nobody.

A chart that claims a consent nobody asked for is worse than one that is silent. What can only be about the recording is
taken out of a draft; what may as well be about a stay in hospital, or about an examination, is asked about.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import Enum

from transcribe.soep.leaving_out import REASONS
from transcribe.soep.note import Dropped, Line, Note, Origin

_AGREES = re.compile(
    r"\b(?:akkoord|toestemming\w*|goedkeuring|instemm\w+|ingestemd|stem(?:t|de|men) (?:(?:hier|daar)(?:mee|voor) )?in"
    r"|geen bezwaar|bezwaarlijk|(?:vind(?:t|en)?|vond) (?:het |dit |dat )?(?:prima|goed)|goed ?gevonden"
    r"|consents?|consented|agree[sd]?|permission|does not mind|ok(?:é|e|ay)? met)\b",
    re.IGNORECASE,
)
#: The recording of a talk, in words that mean nothing else.
_RECORDING = re.compile(
    r"\b(?:geluids?|gespreks?|audio|video|beeld)-?opnam\w+"
    r"|\bopn(?:ame|emen)\b[^.;]{0,20}\b(?:gesprek|consult)\b"
    r"|\b(?:gesprek|consult)\b[^.;]{0,40}\b(?:opgenomen|opnemen|opname|op te nemen)\b"
    r"|\bverslaglegging\b|\btranscri\w+|\bmee(?:luister|schrij[vf])\w*|\bspraakherkenning\b|\brecorder\b|\brecord(?:ing|ed)\b"
    r"|\b(?:AI|scribe)\b",
    re.IGNORECASE,
)
#: The same word for a stay in hospital.
_ADMISSION_OR_RECORDING = re.compile(r"\b(?:opname|opnemen|opgenomen|op te nemen)\b", re.IGNORECASE)
_ADMISSION = re.compile(
    r"\b(?:ziekenhuis\w*|seh|spoed\w*|afdeling\w*|kliniek\w*|klinisch\w*|intern\w*|ggz|psychiatri\w*|verple\w*|elv|hospice"
    r"|observatie|opname-?indicatie|crisis\w*|gedwongen|huisartsenbed)\b",
    re.IGNORECASE,
)
#: An agreement to nothing that is named.
_BARE = re.compile(
    r"\W*(?:\w+ )?(?:informed consent|toestemming)(?: (?:is )?(?:gegeven|verkregen|gevraagd))?\W*", re.IGNORECASE
)
#: Where one statement of a line ends and the next begins; "pat. akkoord" is one.
_PART = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀ-Ý])|(?<=;)\s+")


class Claim(Enum):
    SURE = "of the recording"
    DOUBTFUL = "it may mean something else"


def claim(text: str) -> Claim | None:
    """The strongest that a statement of the text makes."""
    found = {_of(part) for part in _PART.split(text)}
    return Claim.SURE if Claim.SURE in found else Claim.DOUBTFUL if Claim.DOUBTFUL in found else None


def _of(part: str) -> Claim | None:
    if _AGREES.search(part) and _RECORDING.search(part):
        return Claim.SURE
    if _AGREES.search(part) and _ADMISSION_OR_RECORDING.search(part) and not _ADMISSION.search(part):
        return Claim.DOUBTFUL
    return Claim.DOUBTFUL if _BARE.fullmatch(part) else None


def without_claims(note: Note) -> Note:
    """The draft without what it claims of the recording: those statements, and lines that say nothing else."""
    kept: dict[str, Line | None] = {line.id: _without(line) for line in note.lines()}
    if all(kept[line.id] == line for line in note.lines()):
        return note
    reports = tuple(
        replace(report, lines=tuple(new for line in report.lines if (new := kept[line.id]))) for report in note.reports
    )
    full = tuple(report for report in reports if report.lines) or reports[:1]
    used = {at for report in full for line in report.lines for at in line.evidence}
    named = {one.utterance for one in note.dropped}
    gone = {at for line in note.lines() if kept[line.id] is None for at in line.evidence} - used - named
    dropped = (*note.dropped, *(Dropped(utterance=at, reason=REASONS["recording"]) for at in gone))
    return replace(note, reports=full, dropped=tuple(sorted(dropped, key=lambda one: one.utterance)))


def _without(line: Line) -> Line | None:
    """None: nothing is left."""
    if line.origin is not Origin.CONCEPT or claim(line.text) is not Claim.SURE:
        return line
    text = " ".join(part for part in _PART.split(line.text) if _of(part) is not Claim.SURE).strip(" ;")
    return replace(line, text=text) if text else None
