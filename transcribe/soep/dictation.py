"""A dictation: a monologue of the huisarts, put in sections and written form, not summarised.

Two ways. Who speaks freely gets a draft in sections, without what was taken back or said to nobody (``dictated``). Who
dictates marks and lines ("punt", "nieuwe regel", "wis laatste zin") gets what he dictates, word for word (``literal``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep import telegram
from transcribe.soep.claims import Claim, claim
from transcribe.soep.language import DUTCH, language
from transcribe.soep.leaving_out import Left
from transcribe.soep.lexicon import any_of, cue, cue_pattern, has, mentions, words
from transcribe.soep.lines import MAX_WORDS
from transcribe.soep.note import Line, Report, Section
from transcribe.soep.problems import announced, begins, titles_of, without_announcement
from transcribe.soep.sections import Phase, section_of
from transcribe.soep.sentences import Sentence
from transcribe.soep.spoken import Said, Spoken, dictated_by, text_of
from transcribe.soep.spoken_forms import written_form
from transcribe.soep.telegram import capital, written_down

WIPED = "gewist in het dictaat: “{}”"
ASIDE = "geen deel van het dictaat: “{}”"


@dataclass(frozen=True, kw_only=True)
class Literal:
    """A dictation word for word. ``left``: what the huisarts wiped, and talk to nobody at the end."""

    reports: tuple[Report, ...]
    left: list[Left]


def is_dictation(transcript: Transcript) -> bool:
    """Was it recorded as one; or does only the huisarts speak, to nobody: hardly a question, hardly a "u"?"""
    if transcript.dictation:
        return True
    heard = [u for u in transcript.utterances if u.suspicion is None]
    asked = sum(u.text.count("?") for u in heard)
    spoken_to = sum(cue("dictation", "spoken_to", u.text) is not None for u in heard)
    return {u.speaker for u in heard} == {Speaker.HUISARTS} and max(asked, spoken_to) * 4 <= len(heard)


def dictated(said: list[Sentence], *, whole: bool = False) -> list[Claim]:
    """A section lasts until the next one is named; sentences that are clearly of another section go there. ``whole``:
    it was recorded as a dictation, and then nothing of it is left out.

    A next problem begins where the huisarts says so, or where the history is named again after a conclusion or a plan.
    """
    current, problem = Section.S, 0
    commands = cue_pattern("dictation", "around" if whole else "command")
    headed = any(_heading(commands.sub("", s.text)) for s in said)
    result: list[Claim] = []
    for n, sentence in enumerate(said):
        text = commands.sub("", sentence.text)
        again = begins(text) and _heading(text) is not None and current in (Section.E, Section.P)
        if result and (announced(text) or again):
            current, problem = Section.S, problem + 1
            text = without_announcement(text)
        named = _heading(text)
        if named:
            current = named
            text = _without_heading(text)
        if not words(text) or (_aside(text) and not whole):
            continue
        following = said[n + 1].text if n + 1 < len(said) else ""
        if text.rstrip().endswith("?") and not whole and cue("answer", "no", following):
            continue  # asked and answered by the huisarts: the answer stands
        if n and said[n - 1].text.rstrip().endswith("?") and not whole and cue("answer", "no", text):
            text = _taken_back(said[n - 1].text, text)
            if not words(text):
                continue
        current = current if named else _moved(text, current) if headed else _onward(text, current)
        line = capital(written_down(text)) + "?" * text.rstrip().endswith("?")
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


def literal(transcript: Transcript) -> Literal | None:
    """What the huisarts alone dictates, marks and lines and all; None for who speaks freely (or in English)."""
    heard = [(n, u) for n, u in enumerate(transcript.utterances) if u.suspicion is None]
    if language() != DUTCH or {u.speaker for _, u in heard} != {Speaker.HUISARTS}:
        return None
    found = dictated_by(((n, u.text) for n, u in heard), begun=transcript.dictation)
    if not found.literal:
        return None
    written = list(_sectioned(found.lines))
    left = [(utterance, WIPED.format(text)) for utterance, text in found.wiped]
    while len(written) > 1 and _aside(written[-1].text):
        spoken = written.pop()
        left += [(n, ASIDE.format(text_of(w for w in spoken.said if w.utterance == n))) for n in spoken.utterances]
    claims = [
        claim(
            group[0].section, " ".join(w.text for w in group), *(w.utterances for w in group), problem=group[0].problem
        )
        for group in _grouped(written)
    ]
    reasons: dict[int, list[str]] = {}
    for utterance, reason in left:
        reasons.setdefault(utterance, []).append(reason)
    return Literal(
        reports=_reports(claims),
        left=[Left(evidence=(n,), reason="; ".join(given), always=True) for n, given in sorted(reasons.items())],
    )


@dataclass(frozen=True, kw_only=True)
class _Written:
    """One dictated sentence in its written form. ``line``: of the dictation, which nothing crosses."""

    section: Section
    problem: int
    line: int
    text: str
    said: tuple[Said, ...]

    @property
    def utterances(self) -> tuple[int, ...]:
        return tuple(sorted({word.utterance for word in self.said}))


def _sectioned(lines: Sequence[Spoken]) -> Iterator[_Written]:
    """Sentences with their section: the one that was named, or what the words ask for when none ever was."""
    named = any(line.section for line in lines)
    current = Section.S
    for n, line in enumerate(lines):
        for said in line.sentences:
            text = _ended(written_form(text_of(said)), said[-1])
            current = line.section or (current if named else _onward(text, current))
            yield _Written(section=current, problem=line.problem, line=n, text=text, said=said)


def _ended(text: str, last: Said) -> str:
    """With a full stop, unless the huisarts said what it ends with: "de volgende punten:"."""
    if last.closed and text.endswith(":"):
        return telegram.capital(text)
    return telegram.sentence(text.rstrip(" ,;:"))


def _grouped(written: Sequence[_Written]) -> list[list[_Written]]:
    """Sentences of one dictated line on one line of the note, as far as a huisarts takes it in at a glance."""
    result: list[list[_Written]] = []
    for one in written:
        group = result[-1] if result else []
        size = sum(len(words(other.text)) for other in group)
        if (
            group
            and (group[-1].line, group[-1].section) == (one.line, one.section)
            and size + len(words(one.text)) <= MAX_WORDS
        ):
            group.append(one)
        else:
            result.append([one])
    return result


def _reports(claims: list[Claim]) -> tuple[Report, ...]:
    """A report for each problem the huisarts began, every line of it as it is."""
    problems = sorted({item.problem for item in claims}) or [0]
    titles = titles_of(claims) if len(problems) > 1 else {}
    reports: list[Report] = []
    count = 0
    for problem in problems:
        lines = []
        for item in sorted((c for c in claims if c.problem == problem), key=lambda c: list(Section).index(c.section)):
            count += 1
            lines.append(Line(id=f"L{count}", section=item.section, text=item.text, evidence=item.evidence))
        reports.append(Report(id=f"R{len(reports) + 1}", lines=tuple(lines), title=titles.get(problem, "")))
    return tuple(reports)


def _aside(text: str) -> bool:
    """Talk to oneself at the end of a dictation: nothing clinical in it."""
    personal = cue("dictation", "personal", text)
    clinical = re.search(r"\d", text) or any_of(("symptoms", "dx", "drugs", "care", "body", "findings", "vitals"), text)
    return personal is not None and not clinical and not cue("plan", "follow", text)


def _heading(text: str) -> Section | None:
    """The section that a sentence begins with the name of; "objectief gezien" names none."""
    if cue("dictation", "no_heading", text):
        return None
    return next((section for section in Section if cue("dictation", section.value, text)), None)


def _without_heading(text: str) -> str:
    """Without the name of the section, unless that is a word of the sentence: "plan is fysiotherapie"."""
    found = cue_pattern("dictation", "heading").match(text)
    if found is None:
        return text
    rest = text[found.end() :]
    marked = not found[0].rstrip()[-1:].isalnum()
    return rest if marked or not cue("dictation", "goes_on", rest) else text


def _taken_back(question: str, answer: str) -> str:
    """ "Amlodipine overslaan? Nee, gewoon door laten gaan.": the answer, with what it is about."""
    rest = cue_pattern("dictation", "no").sub("", answer)
    drugs = mentions("drugs", question)
    that = cue_pattern("dictation", "that").match(rest)
    if that or not drugs or has("drugs", rest):
        return "" if that else rest
    return f"{drugs[0].text}: {rest}"


_PHASE = {Section.S: Phase.ANAMNESE, Section.O: Phase.ONDERZOEK, Section.E: Phase.BELEID, Section.P: Phase.BELEID}


def _onward(text: str, current: Section) -> Section:
    """Without headings: the section the words ask for, never back to an earlier one."""
    order = list(Section)
    found = section_of(text, _PHASE[current])
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
