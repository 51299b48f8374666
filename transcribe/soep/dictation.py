"""A dictation: a monologue of the huisarts, put in sections and written form, not summarised."""

from __future__ import annotations

import re

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.claims import Claim, claim
from transcribe.soep.conclusions import concluded
from transcribe.soep.lexicon import any_of, cue, cue_pattern, has, mentions, words
from transcribe.soep.note import Section
from transcribe.soep.sections import Phase, section_of
from transcribe.soep.sentences import Sentence
from transcribe.soep.telegram import capital, telegram


def is_dictation(transcript: Transcript) -> bool:
    """Only the huisarts speaks, to nobody: hardly a question, hardly a "u"."""
    heard = [u for u in transcript.utterances if u.suspicion is None]
    asked = sum(u.text.count("?") for u in heard)
    spoken_to = sum(bool(re.search(r"\b(?:u|uw|je|jij)\b", u.text.lower())) for u in heard)
    return {u.speaker for u in heard} == {Speaker.HUISARTS} and max(asked, spoken_to) * 4 <= len(heard)


def dictated(said: list[Sentence]) -> list[Claim]:
    """A section lasts until the next one is named; sentences that are clearly of another section go there."""
    current = Section.S
    headed = any(
        cue("dictation", name, cue_pattern("dictation", "command").sub("", s.text))
        for s in said
        for name in ("S", "O", "E", "P")
    )
    result: list[Claim] = []
    for n, sentence in enumerate(said):
        text = cue_pattern("dictation", "command").sub("", sentence.text)
        named = next((name for name in ("S", "O", "E", "P") if cue("dictation", name, text)), None)
        if named:
            current = Section(named)
            text = cue_pattern("dictation", "heading").sub("", text, count=1)
        if not words(text) or _aside(text):
            continue
        following = said[n + 1].text if n + 1 < len(said) else ""
        if text.rstrip().endswith("?"):
            if cue("answer", "no", following):
                continue  # asked and answered by the huisarts: the answer stands
            text = text.rstrip("? ") + "."
        if n and said[n - 1].text.rstrip().endswith("?") and cue("answer", "no", text):
            text = _taken_back(said[n - 1].text, text)
            if not words(text):
                continue
        current = current if named else _moved(text, current) if headed else _onward(text, current)
        considered = re.search(r"\b(?:dacht|gedacht|overwogen|verwerp|verworpen)\b", text)
        if current is Section.E and considered and mentions("dx", text):
            lines = concluded(text, following)
        else:
            lines = [capital(telegram(text, prune=False, doctor=True))]
        result += [claim(current, line, sentence.evidence) for line in lines if words(line)]
    return result


def _aside(text: str) -> bool:
    """Talk to oneself at the end of a dictation: nothing clinical in it."""
    personal = re.search(r"\b(?:ik|we|zo|nou|eens)\b", text.lower())
    clinical = re.search(r"\d", text) or any_of(("symptoms", "dx", "drugs", "care", "body", "findings", "vitals"), text)
    return personal is not None and not clinical and not cue("plan", "follow", text)


def _taken_back(question: str, answer: str) -> str:
    """ "Amlodipine overslaan? Nee, gewoon door laten gaan.": the answer, with what it is about."""
    rest = re.sub(r"^\W*nee\W+", "", answer, flags=re.IGNORECASE)
    drugs = mentions("drugs", question)
    if re.match(r"(?:die|dat|ze|hij)\b", rest) or not drugs or has("drugs", rest):
        return "" if re.match(r"(?:die|dat|ze|hij)\b", rest) else rest
    return f"{drugs[0].text}: {rest}"


def _onward(text: str, current: Section) -> Section:
    """Without headings: the section the words ask for, never back to an earlier one."""
    order = list(Section)
    found = section_of(text, Phase.ONDERZOEK if current in (Section.S, Section.O) else Phase.BELEID)
    return found if found is not None and order.index(found) > order.index(current) else current


def _moved(text: str, current: Section) -> Section:
    """The section of a sentence in a dictation: the one that was named last, unless the words are plain."""
    if cue("plan", "safety", text) and current is not Section.S:
        return Section.P
    if current in (Section.O, Section.E) and mentions("dx", text):
        if re.search(r"\b(?:dacht|gedacht|overwogen|verwerp)\b|\bgeen (?:aanwijzing|teken)", text.lower()):
            return Section.E
        if current is Section.O and cue("evaluation", "firm", text):
            return Section.E
    return current
