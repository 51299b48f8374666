"""What stays out of the note on purpose: small talk, greetings, and what the patient does not want in the record."""

from __future__ import annotations

import re
from dataclasses import dataclass

from transcribe.asr.transcript import Speaker
from transcribe.soep.lexicon import any_of, cue, has, words
from transcribe.soep.sentences import Sentence
from transcribe.soep.telegram import said_something

REASONS = {
    "greeting": "begroeting of afscheid",
    "recording": "over de opname of de verbinding",
    "check": "bevestiging zonder inhoud",
    "smalltalk": "praatje eromheen",
    "identity": "geboortedatum of ander persoonsgegeven",
    "meta": "over het noteren zelf",
    "instruction": "aanwijzing tijdens het onderzoek",
    "wish": "patiënt wil dit niet in het dossier",
    "others": "over iemand anders",
    "unmade": "niet zo bedoeld: wat had gekund",
    "no": "“nee”, en niet duidelijk waarop",
    "rest": "niets voor het verslag gevonden",
}


@dataclass(frozen=True, kw_only=True)
class Left:
    """A sentence that is left out. ``always``: named even if the rest of its utterance is in the note."""

    evidence: tuple[int, ...]
    reason: str
    always: bool = False


def leave_out(said: list[Sentence], *, dictated: bool = False) -> tuple[list[Sentence], list[Left]]:
    """The sentences to draft from, and the others with the reason. In a dictation "Helder." is a finding."""
    withheld = _withheld(said, dictated=dictated)
    kept: list[Sentence] = []
    left: list[Left] = []
    for n, sentence in enumerate(said):
        if n in withheld:
            left.append(Left(evidence=sentence.evidence, reason=REASONS["wish"], always=True))
            continue
        reason = _reason(sentence)
        if dictated and reason == "check":
            reason = None
        if reason in (None, "instruction"):  # an instruction says nothing, but tells that the examination begins
            kept.append(sentence)
        # of a dictation each sentence is the huisarts' own: what is left out of it is named
        named = dictated and reason is not None
        left.append(Left(evidence=sentence.evidence, reason=REASONS[reason or "rest"], always=named))
    left.sort(key=lambda item: (not item.always, item.reason == REASONS["rest"]))
    return kept, left


def _reason(sentence: Sentence) -> str | None:
    text = sentence.text
    doctor = sentence.speaker is Speaker.HUISARTS
    if cue("drop", "check", text) and len(words(text)) <= 7:
        return "check"
    if cue("drop", "greeting", text) and len(words(text)) <= 9 and not _substance(text):
        return "greeting"
    if cue("drop", "identity", text):
        return "identity"
    concludes = cue("evaluation", "surely", text) and has("dx", text)  # "Ik zet het op ..."
    if cue("drop", "meta", text) and not concludes and (doctor or cue("drop", "not", text)):
        return "meta"
    if cue("drop", "recording", text) and not any_of(("symptoms", "dx", "drugs"), text):
        return "recording"
    if cue("drop", "smalltalk", text) and not any_of(("symptoms", "dx", "drugs", "findings"), text):
        return "smalltalk"
    if doctor and is_instruction(text):
        return "instruction"
    return None


def is_instruction(text: str) -> bool:
    """What a huisarts says to examine: "Hemd uit, even kijken." """
    if text.endswith("?") or any(c.isdigit() for c in text):
        return False
    return cue("drop", "instruction", text) is not None and not cue("plan", "safety", text)


def _substance(text: str) -> bool:
    return any(c.isdigit() for c in text) or (said_something(text) and len(words(text)) > 7)


def _withheld(said: list[Sentence], *, dictated: bool) -> set[int]:
    """Sentences covered by "dat hoeft niet in het dossier", unless the huisarts says it is noted after all."""
    result: set[int] = set()
    for n, sentence in enumerate(said):
        doctor = sentence.speaker is Speaker.HUISARTS and not dictated
        if doctor and _agreed_to_leave_out(said, n):
            result |= _told_before(said, n)
            continue
        found = cue("withhold", "wish", sentence.text) or _kept_out(sentence.text)
        if not found or doctor:
            continue
        reply = [] if dictated else [s for s in said[n + 1 : n + 5] if s.speaker is Speaker.HUISARTS][:2]
        if any(cue("withhold", "overruled", s.text) for s in reply):
            continue
        result.add(n)
        # The wish is about what its own sentence says, or about what was said just before it.
        own = [word for word in words(sentence.text[: found.start()]) if len(word) > 3]
        if len(own) < 3:
            same = {k for k in range(max(0, n - 2), n) if said[k].utterance == sentence.utterance}
            before = same or {k for k in range(max(0, n - 1), n) if said[k].turn == sentence.turn}
            result |= before or (set() if dictated else _told_before(said, n))
        result |= _of_people(said, n)
    return result


def _agreed_to_leave_out(said: list[Sentence], n: int) -> bool:
    """The huisarts says that it stays out, or asks whether it has to be noted and is answered no."""
    text = said[n].text
    if cue("withhold", "overruled", text):
        return False
    if not said[n].question:
        return cue("withhold", "agreed", text) is not None
    answer = said[n + 1].text if n + 1 < len(said) else ""
    if cue("withhold", "left_out", text) and cue("answer", "yes", answer):
        return True
    refused = cue("answer", "no", answer) or cue("subjective", "declines", answer)
    return cue("withhold", "asked", text) is not None and refused is not None


def _kept_out(text: str) -> re.Match[str] | None:
    return None if cue("withhold", "reads_there", text) else cue("withhold", "kept_out", text)


NEAR = 5  # sentences back: further away the talk was about something else


def _told_before(said: list[Sentence], n: int) -> set[int]:
    """What somebody else said last before a sentence: what is about people, or else what is no complaint."""
    earlier = [k for k in range(max(0, n - NEAR), n) if said[k].speaker is not Speaker.HUISARTS]
    last = [k for k in earlier if said[k].utterance == said[earlier[-1]].utterance and k != n]
    return {k for k in last if has("family", said[k].text)} or {k for k in last if not _medical(said[k].text)}


def _of_people(said: list[Sentence], n: int) -> set[int]:
    """The sentences right before, of the same turn, that are about people and no complaint of the patient."""
    result: set[int] = set()
    for k in range(n - 1, max(-1, n - NEAR), -1):
        if said[k].turn != said[n].turn or not has("family", said[k].text) or any_of(("dx", "drugs"), said[k].text):
            break
        result.add(k)
    return result


def _medical(text: str) -> bool:
    return any(c.isdigit() for c in text) or any_of(("symptoms", "dx", "drugs", "body", "care", "vitals"), text)
