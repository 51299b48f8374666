"""Who speaks in a mixed recording: a cautious guess per utterance, only where the recording does not say."""

from __future__ import annotations

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.lexicon import cue


def speakers(transcript: Transcript) -> list[Speaker]:
    """The speaker of each utterance. Known speakers stay; an unknown one is guessed from what is said.

    A question to "u" is the huisarts, what follows it is the patient, unless the words say otherwise; "ik heb",
    "mijn" is the patient. Without a cue the speaker stays unknown, and nothing is drafted from it.
    """
    result: list[Speaker] = []
    asked = False
    for utterance in transcript.utterances:
        role = utterance.speaker
        if role is Speaker.ONBEKEND:
            role = _guess(utterance.text, asked)
        asked = utterance.text.rstrip().endswith("?") and role is Speaker.HUISARTS
        result.append(role)
    return result


def _guess(text: str, asked: bool) -> Speaker:
    doctor = cue("roles", "huisarts", text) is not None
    patient = cue("roles", "patient", text) is not None
    if doctor != patient:
        return Speaker.HUISARTS if doctor else Speaker.PATIENT
    if asked and not text.rstrip().endswith("?"):
        return Speaker.PATIENT
    return Speaker.ONBEKEND
