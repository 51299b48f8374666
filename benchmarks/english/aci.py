"""ACI-Bench encounters as transcripts, and a draft in the shape of its notes.

The encounters are tokenised ("do n't", " , ") and a part of them has no punctuation at all. A recogniser writes
punctuation, and the drafter reads questions by their question mark, so it is restored here by rule first.
"""

from __future__ import annotations

import re
from typing import Any

from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.soep.note import Note, Section

SPEAKERS = {"doctor": Speaker.HUISARTS, "patient": Speaker.PATIENT}  # anybody else comes with the patient
HEADINGS = {Section.S: "SUBJECTIVE", Section.O: "OBJECTIVE", Section.E: "ASSESSMENT", Section.P: "PLAN"}
#: Which of our sections the authors' divisions hold. Examination and results are one section here.
DIVISIONS = {
    "subjective": (Section.S,),
    "objective_exam": (Section.O,),
    "objective_results": (Section.O,),
    "assessment_and_plan": (Section.E, Section.P),
}

_TURN = re.compile(r"\s*\[(?P<who>[a-z_ ]+)\]\s*(?P<said>.*)")
_STARTS = re.compile(
    r" (?=(?:okay|alright|all right|so|now|and then|but|um|and (?:i|you|we|your|then|have|do|are|how|any))\b)"
)
_ASKS = re.compile(
    r"^(?:(?:okay|ok|alright|all right|and|so|now|um|uh|but|well|great|good|then|yeah)\b[ ,]*)*"
    r"(?:do|does|did|have|has|are|is|was|were|any|can|could|what|how|when|where|who|which|why|would|tell me)\b"
    r"(?! (?:to|i|we)\b)"
)
LONG = 14  # words in a turn without punctuation before it is cut


def transcript(encounter: dict[str, Any]) -> Transcript:
    """One row of ACI-Bench. Turns become utterances of a second: there are no times."""
    utterances: list[Utterance] = []
    for line in encounter["dialogue"].split("\n"):
        match = _TURN.match(line)
        if match is None:
            continue
        speaker = SPEAKERS.get(match["who"], Speaker.BEGELEIDER)
        at = float(len(utterances))
        text = restored(match["said"], doctor=speaker is Speaker.HUISARTS)
        utterances.append(Utterance(speaker=speaker, text=text, start_s=at, end_s=at + 1))
    return Transcript(utterances=tuple(utterances), language="en", model="ACI-Bench")


def restored(text: str, *, doctor: bool) -> str:
    """A tokenised turn as it would be written."""
    text = re.sub(r"(?<=\w) n't\b", "n't", text.strip())
    text = re.sub(r"\b(gon|wan) na\b", r"\1na", text).replace("lem me", "let me").replace("got ta", "gotta")
    text = re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\b\w+- (?=\w)", "", text)).lstrip(" .,-").rstrip(" -")
    if not re.search(r"[.?!,]", text):
        text = " ".join(_sentence(part, doctor=doctor) for part in _cut(text) if part)
    text = re.sub(r"(^|[.?!] )([a-z])", lambda m: m[1] + m[2].upper(), text)
    return re.sub(r"\bi(?='|\b)", "I", text)


def _cut(text: str) -> list[str]:
    return _STARTS.split(text) if len(text.split()) > LONG else [text]


def _sentence(text: str, *, doctor: bool) -> str:
    return text + ("?" if doctor and _ASKS.match(text) else ".")


def as_text(note: Note, sections: tuple[Section, ...] = tuple(Section)) -> str:
    """The draft as plain text: a heading and a line for each line, as the notes of the set are written."""
    parts = []
    for section in sections:
        lines = [line.text for report in note.reports for line in report.section(section)]
        if lines:
            parts.append("\n\n".join([HEADINGS[section], "\n".join(lines)]))
    return "\n\n".join(parts)
