"""Claims to the lines of the note: doubles out, what belongs together on one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby

from transcribe.soep.claims import Claim, claim
from transcribe.soep.lexicon import any_of, cue, words
from transcribe.soep.note import Line, Report, Section
from transcribe.soep.problems import Divided, problem_of, settled
from transcribe.soep.telegram import CONTENT, sentence

MAX_WORDS = 24  # a line a huisarts takes in at a glance
REMNANT = 4  # "In rust niet." needs the line before it to be understood


def reports_of(claims: list[Claim], titles: Mapping[int, str], *, whole: bool = False) -> tuple[Report, ...]:
    """A report for each problem, with its title when there are several; the lines are numbered through.

    ``whole``: every claim stays, also one that says little by itself.
    """
    problems = settled(claims)
    reports: list[Report] = []
    count = 0
    for problem, own in problems.items():
        lines = lines_of(own, count, whole=whole)
        count += len(lines)
        title = titles.get(problem, "") if len(problems) > 1 else ""
        reports.append(Report(id=f"R{len(reports) + 1}", lines=lines, title=title))
    return tuple(reports)


def reports_by_talk(lines: Iterable[Line], divided: Divided) -> tuple[Report, ...]:
    """Lines that somebody else wrote (a language model), in the report of the problem that they are about."""
    known = {line.id: line for line in lines}
    claims = [
        claim(line.section, line.id, line.evidence, problem=problem_of(line.text, line.evidence, divided))
        for line in known.values()
    ]
    problems = settled(claims)
    return tuple(
        Report(
            id=f"R{n}",
            lines=tuple(known[item.text] for item in own),
            title=divided.titles.get(problem, "") if len(problems) > 1 else "",
        )
        for n, (problem, own) in enumerate(problems.items(), 1)
    )


def lines_of(claims: list[Claim], before: int = 0, *, whole: bool = False) -> tuple[Line, ...]:
    """Lines in the order S, O, E, P, and within a section in the order of the talk.

    ``before``: how many numbers are taken.
    """
    lines: list[Line] = []
    for section in Section:
        kept: list[Claim] = []
        known: list[set[str]] = []  # the words of each claim kept; one that adds none is a double
        for item in claims:
            own = set(words(item.text))
            if item.section is section and (whole or _says(item)) and not any(own <= other for other in known):
                kept.append(item)
                known.append(own)
        for merged in _together(kept, apart=whole):
            lines.append(
                Line(
                    id=f"L{before + len(lines) + 1}",
                    section=section,
                    text=sentence(merged.text),
                    evidence=merged.evidence,
                )
            )
    return tuple(lines)


def _says(item: Claim) -> bool:
    """A remnant ("Niks.", "Gisteren.") says nothing on its own."""
    if item.section is not Section.S or len(words(item.text)) > 3:
        return True
    known = any_of((*CONTENT, "family", "months", "days"), item.text) or cue("subjective", "worry", item.text)
    known = known or cue("subjective", "place", item.text)
    return bool(known) or re.search(r"\d", item.text) is not None or ":" in item.text


def _kind(item: Claim) -> str:
    """Neighbours of these kinds share a line even when they come from different utterances."""
    if cue("line", "denied", item.text) and len(words(item.text)) <= 8:
        return "ontkend"
    if item.section is Section.O and cue("line", "vital", item.text):
        return "vitaal"
    return ""


def _together(claims: list[Claim], *, apart: bool = False) -> list[Claim]:
    """Neighbours of one utterance, denials, and vital signs on one line, up to a length.

    ``apart``: never what comes from different utterances.
    """
    result: list[list[Claim]] = []
    for item in claims:
        group = result[-1] if result else None
        if group and sum(len(words(c.text)) for c in group) + len(words(item.text)) <= MAX_WORDS:
            same_talk = group[-1].evidence == item.evidence or (
                set(item.evidence) <= set(group[-1].evidence) and len(words(item.text)) <= REMNANT
            )
            told_on = not apart and item.section is Section.S and len(group[-1].evidence) == len(item.evidence) == 1
            told_on = (
                told_on and not _kind(item) and not _kind(group[-1]) and item.evidence[0] == group[-1].evidence[0] + 1
            )  # the story goes on, nothing was asked
            same_kind = not apart and _kind(item) and all(_kind(c) == _kind(item) for c in group)
            if same_talk or same_kind or told_on:
                group.append(item)
                continue
        result.append([item])
    return [_joined(group) for group in result]


def _joined(group: list[Claim]) -> Claim:
    texts = []
    for kind, items in groupby(group, key=_kind):
        if kind == "vitaal":
            rest = [item.text for item in items]
            texts.append(
                ", ".join(
                    [rest[0], *(t if t[:2] == "RR" or t[:2] == "T " else t[:1].lower() + t[1:] for t in rest[1:])]
                )
            )
        else:
            texts += [item.text for item in items]
    return claim(group[0].section, " ".join(sentence(text) for text in texts), *(item.evidence for item in group))
