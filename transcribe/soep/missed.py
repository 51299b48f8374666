"""What was said, may belong in a note, and is in no line of it ("mogelijk gemist"). Pure."""

from __future__ import annotations

from collections.abc import Iterator

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.language import speaking
from transcribe.soep.leaving_out import REASONS
from transcribe.soep.lexicon import cue, has, mentions, plain_same_length
from transcribe.soep.memory import forget
from transcribe.soep.note import Missed, Note
from transcribe.soep.numbers import numbers_in, plain
from transcribe.soep.sentences import clean, split

POORLY_HEARD = "slecht verstaan"


def missed(note: Note, transcript: Transcript) -> tuple[Missed, ...]:
    """Drugs, allergies, measurements, safety net, agreements, complaints and what was denied, that no line rests on.

    Of what was begun as a dictation also every sentence that was kept out of the draft, whatever the reason: words of
    the huisarts may be behind each. A complaint that the note names anywhere is not missed. What the patient wants out
    of the record is never listed.
    """
    try:
        with speaking(transcript.language):
            return tuple(_missed(note, transcript))
    finally:
        forget()


def _missed(note: Note, transcript: Transcript) -> Iterator[Missed]:
    used = {i for line in note.lines() for i in line.evidence}
    withheld = {d.utterance for d in note.dropped if d.reason == REASONS["wish"]}
    noted = " ".join(plain_same_length(line.text) for line in note.lines())
    before: list[str] = []  # what the utterance before it asked
    for index, utterance in enumerate(transcript.utterances):
        said = split(clean(utterance.text, transcript.language))
        asked, before = before, [s for s in said if s.endswith("?")] if utterance.speaker is Speaker.HUISARTS else []
        if index in used or index in withheld:
            continue
        if utterance.suspicion is not None:
            if transcript.dictation and any(map(str.isalnum, utterance.text)):
                yield Missed(utterance=index, kind=POORLY_HEARD)  # spoken for the note: not left out unasked
            continue
        kind = next((k for s in said if (k := _worth(s, utterance.speaker))), "")
        if not kind and utterance.speaker is not Speaker.HUISARTS and said:
            told = [s for s in said if not s.endswith("?") and cue("subjective", "time", s)]
            if any(_unnoted(s, noted) for s in told):
                kind = "klacht"
            elif cue("answer", "no", said[0]) and any(_unnoted(question, noted) for question in asked):
                kind = "ontkend"
        if kind:
            yield Missed(utterance=index, kind=kind)


def _unnoted(text: str, noted: str) -> bool:
    """Does a sentence name a complaint, and is none of what it names anywhere in the note?"""
    named = [plain(mention.text) for mention in mentions("symptoms", text) if len(mention.text) > 3]
    illnesses = [plain(mention.text) for mention in mentions("dx", text)]
    return bool(named) and not any(name[:5] in noted for name in (*named, *illnesses))


def _worth(text: str, speaker: Speaker) -> str:
    """What kind of thing for a note a sentence holds; a question holds none."""
    if text.endswith("?"):
        return ""
    if cue("missed", "allergy", text):
        return "allergie"
    doctor = speaker is Speaker.HUISARTS
    if doctor and has("vitals", text) and numbers_in(text):
        return "meting"
    if doctor and cue("plan", "safety", text) and has("symptoms", text):
        return "vangnet"
    if has("drugs", text) and (numbers_in(text) or cue("missed", "takes", text)):
        return "medicatie"
    if doctor and cue("plan", "follow", text) and numbers_in(text):
        return "afspraak"
    return ""
