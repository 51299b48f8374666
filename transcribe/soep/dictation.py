"""A dictation: a monologue of the huisarts, put in sections and written form, not summarised."""

from __future__ import annotations

import re

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.claims import Claim, claim
from transcribe.soep.lexicon import any_of, cue, cue_pattern, has, mentions, words
from transcribe.soep.note import Section
from transcribe.soep.problems import announced, begins, without_announcement
from transcribe.soep.sections import Phase, section_of
from transcribe.soep.sentences import Sentence
from transcribe.soep.telegram import capital, written_down


def is_dictation(transcript: Transcript) -> bool:
    """Only the huisarts speaks, to nobody: hardly a question, hardly a "u"."""
    heard = [u for u in transcript.utterances if u.suspicion is None]
    asked = sum(u.text.count("?") for u in heard)
    spoken_to = sum(cue("dictation", "spoken_to", u.text) is not None for u in heard)
    return {u.speaker for u in heard} == {Speaker.HUISARTS} and max(asked, spoken_to) * 4 <= len(heard)


def dictated(said: list[Sentence]) -> list[Claim]:
    """A section lasts until the next one is named; sentences that are clearly of another section go there.

    A next problem begins where the huisarts says so, or where the history is named again after a conclusion or a plan.
    """
    current, problem = Section.S, 0
    headed = any(
        cue("dictation", name, cue_pattern("dictation", "command").sub("", s.text))
        for s in said
        for name in ("S", "O", "E", "P")
    )
    result: list[Claim] = []
    for n, sentence in enumerate(said):
        text = cue_pattern("dictation", "command").sub("", sentence.text)
        if result and (announced(text) or (begins(text) and current in (Section.E, Section.P))):
            current, problem = Section.S, problem + 1
            text = without_announcement(text)
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
        line = capital(written_down(text))
        if (
            result
            and current is Section.E
            and cue("dictation", "thus", text)
            and result[-1].evidence == sentence.evidence
        ):
            line = f"{result.pop().text}, {line[:1].lower()}{line[1:]}"  # one thought, one sentence
        if words(line):
            result.append(claim(current, line, sentence.evidence, problem=problem))
    return result


def _aside(text: str) -> bool:
    """Talk to oneself at the end of a dictation: nothing clinical in it."""
    personal = cue("dictation", "personal", text)
    clinical = re.search(r"\d", text) or any_of(("symptoms", "dx", "drugs", "care", "body", "findings", "vitals"), text)
    return personal is not None and not clinical and not cue("plan", "follow", text)


def _taken_back(question: str, answer: str) -> str:
    """ "Amlodipine overslaan? Nee, gewoon door laten gaan.": the answer, with what it is about."""
    rest = cue_pattern("dictation", "no").sub("", answer)
    drugs = mentions("drugs", question)
    that = cue_pattern("dictation", "that").match(rest)
    if that or not drugs or has("drugs", rest):
        return "" if that else rest
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
        if cue("dictation", "weighed", text):
            return Section.E
        if current is Section.O and cue("evaluation", "firm", text):
            return Section.E
    return current
