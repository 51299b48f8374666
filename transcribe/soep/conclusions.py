"""E: what the huisarts concludes, and what was considered and rejected.

A rejected diagnosis is written as rejected ("Geen hernia") or left out, never as a diagnosis; "mogelijk" is never
upgraded (house research, standards 1.2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from transcribe.soep.lexicon import Mention, cue, cue_pattern, mentions, plain_same_length, words
from transcribe.soep.numbers import plain
from transcribe.soep.sentences import Sentence, split
from transcribe.soep.telegram import capital, clauses, form, none_of, telegram


def rejected(text: str, following: str = "") -> list[Mention]:
    """The diagnoses of a sentence that the huisarts does not make."""
    flat = plain_same_length(text)
    considered = cue("rejection", "considered", text)
    turned = cue_pattern("rejection", "turned").search(flat[considered.end() :]) if considered else None
    if considered and turned and cue_pattern("rejection", "open").search(flat[considered.end() + turned.end() :]):
        considered = turned = None  # "..., maar dat weten we pas na de foto"
    possible = cue("rejection", "possible", text) if considered is None else None
    if possible and (contrast := cue_pattern("rejection", "turned").search(flat[possible.end() :])):
        tail = flat[possible.end() + contrast.end() :]
        against = cue_pattern("unmade", "against").search(tail)
        considered, turned = (possible, contrast) if against else (None, None)
        if cue_pattern("rejection", "open").search(tail):
            considered = turned = None
    after = plain_same_length(following)
    dropped_later = _dropped_behind(following)
    generic = cue("evaluation", "generic", text)
    if cue("rejection", "unsure", text):
        return []
    result = []
    for found in mentions("dx", text):
        parts = cue_pattern("rejection", "part").finditer(flat, 0, found.start)
        start = max((part.start() for part in parts), default=-1) + 1
        before, behind = flat[start : found.start], flat[found.end :]
        parts_behind = [part.strip() for part in re.split(r"[,;]", behind)[1:]]
        later = parts_behind[:2]
        while len(later) > 1 and _one_more(later[0]):
            parts_behind = parts_behind[1:]
            later = parts_behind[:2]
        if len(later) > 1 and cue_pattern("rejection", "beside").match(later[0]):
            later = later[1:]  # "..., waar u bang voor was, is het niet"
        if (
            cue_pattern("rejection", "denied_before").search(before)
            or cue_pattern("rejection", "denied_after").match(behind)
            or cue_pattern("rejection", "less_likely").search(before)
            or any(cue_pattern("rejection", "resumed").match(part) for part in later[:1])
            or any(cue_pattern("rejection", "dropped").match(part) for part in parts_behind)
            or (considered and turned and not cue_pattern("rejection", "firm").search(flat[start : found.start]))
            or (considered and not turned and cue_pattern("rejection", "after_all").match(after))
            or (dropped_later and not cue("evaluation", "firm", text))
            or any(cue_pattern("rejection", "unreal").match(part) for part in later[:1])
            or (cue("unmade", "unreal", text) is not None)
            or cue("evaluation", "not_that", following)
            or (generic and cue("rejection", "would", text) and not cue("rejection", "meant", text))
            or (
                cue_pattern("rejection", "listed").search(flat[: max(start - 1, 0)])
                and cue_pattern("rejection", "and").match(before)
            )
        ):  # fmt: skip
            result.append(found)
    return result


def _one_more(part: str) -> bool:
    """The next of a list: "Fibromyalgie, polymyalgie, dat soort dingen, ..." """
    named = sum(len(words(found.text)) for found in mentions("dx", part))
    return cue_pattern("rejection", "and_so_on").search(part) is not None or 0 < named == len(words(part))


def _dropped_behind(following: str) -> bool:
    """Do the sentences behind a diagnosis take it back, without naming another: "Dat klopt niet." """
    first, *rest = split(following) or [""]
    for said in (first, *rest[:1]):
        if mentions("dx", said):
            return False
        if cue("rejection", "afterwards", said):
            return True
    return False


def gone_through(text: str, behind: Sequence[Sentence]) -> str:
    """A diagnosis that is thought of on the way to another: "Eerst dacht ik aan X. Dat lijkt me overdreven. U hebt Y."

    Needs a word of weighing or contrast, something against it, and another conclusion in the same turn.
    """
    own = mentions("dx", text)
    said = [sentence.text for sentence in behind]
    if not own or not said or rejected(text, " ".join(said[:2])):
        return ""
    if cue("evaluation", "firm", text) or cue("rejection", "unsure", text):
        return ""
    last = text[own[-1].end :]
    nearest = said[0] if not mentions("dx", said[0]) or cue("unmade", "refuted", said[0]) else ""
    against = cue("unmade", "against", last) or cue("unmade", "against", nearest)
    weighing = cue("unmade", "gone_through", text) or cue("unmade", "contrast", last)
    names = {plain(m.text) for m in own}
    other = any(_concludes_other(one, names) for one in said)
    if not (against and weighing and other) or cue("rejection", "open", last):
        return ""
    none = none_of(dict.fromkeys(name_of(m, text) for m in own))
    return form("no_sign").format(none.split(" ", 1)[1])


def _concludes_other(text: str, names: set[str]) -> bool:
    found = {plain(m.text) for m in mentions("dx", text)} - names
    negative = {plain(m.text) for m in rejected(text)}
    told = any(cue("evaluation", name, text) for name in ("names", "surely", "firm")) or cue("unmade", "so", text)
    return bool(found - negative) or (bool(told) and not negative and not cue("drop", "not", text))


def in_general(text: str, following: str = "") -> bool:
    """Says what a disease is like, and nothing about the patient: "Een infectie, dan zie je roodheid." """
    parts = [part.strip() for part in re.split(r"[,;]", plain_same_length(text))]
    told = any(cue_pattern("rejection", "in_general").match(part) for part in parts[1:])
    return told and bool(mentions("dx", parts[0])) and not rejected(text, following)


def name_of(found: Mention, text: str) -> str:
    """A diagnosis as said, with the adjective before it."""
    before = cue_pattern("evaluation", "kind_of").search(text[: found.start].lower())
    return (before[1] if before else "") + found.text


def concluded(text: str, following: str = "") -> list[str]:
    """The lines of E in one sentence: its conclusion, and apart from it what it rejects."""
    rather = cue_pattern("rejection", "rather").sub(lambda found: found["this"], text)
    if rather != text:
        return concluded(rather, following) or [capital(telegram(rather, prune=False, doctor=True))]
    negative = rejected(text, following)
    spans = {(found.start, found.end) for found in negative}
    positive = [found for found in mentions("dx", text) if (found.start, found.end) not in spans]
    lines = []
    if positive and (cue("evaluation", "firm", text) or not cue("evaluation", "generic", text)):
        kept: list[str] = []
        at = 0
        for part in clauses(text):
            start = text.index(part, at)
            at = start + len(part)
            inside = [f for f in negative if start <= f.start < at]
            own = [f for f in positive if start <= f.start < at]
            told = cue("evaluation", "firm", part) or cue("evaluation", "told", part)
            if own or (not inside and (kept or told)):
                kept.append(part)
        line = telegram(", ".join(kept), prune=False, doctor=True)
        if line:
            lines.append(capital(line))
    if negative:
        lines += _not_made(text, negative)
    elif not lines and (not_this := cue("rejection", "is_not", text)):
        lines = [none_of([telegram(text[slice(*not_this.span("name"))], prune=False, doctor=True).strip(" .")])]
    elif name := weighed(text, following):
        lines = [form("no_sign").format(name)]
    return lines


def weighed(text: str, following: str = "") -> str:
    """What was thought of and dropped, also when no table has its name: "Aan een X dacht ik, maar dat past niet." """
    found = cue("rejection", "weighed", text)
    if found is None:
        return ""
    rest = " ".join([text[found.end() :], *split(following)[:1]])
    if not cue("rejection", "not_so", rest) and not cue("evaluation", "not_that", following):
        return ""
    place = found.span("first") if found["first"] else found.span("second")
    name = telegram(text[slice(*place)], prune=False, doctor=True).strip(" .,")
    if not 0 < len(words(name)) <= MOST_OF_A_NAME or re.search(r"\d", name):
        return ""
    return name[:1].lower() + name[1:]


MOST_OF_A_NAME = 4  # words


def _not_made(text: str, negative: list[Mention]) -> list[str]:
    """Rejected diagnoses, no surer than they were said: "minder waarschijnlijk" stays that."""
    flat = plain_same_length(text)
    unlikely: list[str] = []
    denied: list[str] = []
    for found in negative:
        start = max(flat.rfind(",", 0, found.start), flat.rfind(";", 0, found.start)) + 1
        part = flat[start : (flat + ",").index(",", found.end)]
        likely = cue_pattern("rejection", "unlikely").search(part)
        if likely:
            unlikely.append(f"{name_of(found, text)} {likely.group()}")
        else:
            denied.append(name_of(found, text))
    lines = []
    if denied:
        none = none_of(dict.fromkeys(denied))
        considered = cue_pattern("rejection", "thought").search(flat)
        lines.append(form("no_sign").format(none.split(" ", 1)[1]) if considered else none)
    if unlikely:
        lines.append(capital(", ".join(dict.fromkeys(unlikely))))
    return lines
