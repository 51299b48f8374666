"""What is asked of a note as a whole before it is signed, beside the findings of its lines. Pure."""

from __future__ import annotations

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.note import Concern, Missed, Note

#: Kinds of ``Missed`` that a signature waits for: what harms when it is not in the record. The others may stay open.
PRESSING = frozenset({"allergie", "medicatie", "meting", "vangnet", "slecht verstaan"})


def pressing(note: Note, transcript: Transcript | None) -> tuple[Missed, ...]:
    """What may be missed and must be taken over or dismissed. ``transcript`` None: the source was destroyed."""
    heard = len(transcript.utterances) if transcript else 0
    return tuple(one for one in note.missed if one.kind in PRESSING and one.utterance < heard)


def concerns(note: Note, transcript: Transcript | None) -> tuple[Concern, ...]:
    """What is wrong with the source of every line, and that nobody has said to have seen."""
    if transcript is None:
        return ()
    found = []
    if transcript.missing:
        found.append(Concern.DAMAGED)
    if transcript.unheard:
        found.append(Concern.UNHEARD)
    if transcript.utterances and all(one.speaker is Speaker.ONBEKEND for one in transcript.utterances):
        found.append(Concern.SPEAKERS)
    if any(voice.said is None and voice.guessed is not Speaker.ONBEKEND for voice in transcript.voices):
        found.append(Concern.GUESSED)
    return tuple(one for one in found if one not in note.seen)
