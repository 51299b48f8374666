"""Known errors for notes that are right: to measure the check with, and for a doctor to practise on. Pure.

``errors_in`` makes them one at a time; ``with_errors`` puts a few into a draft.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.check import open_findings
from transcribe.soep.lexicon import mentions
from transcribe.soep.missed import missed
from transcribe.soep.note import Line, Mistake, Note, Planted, Report, Section
from transcribe.soep.plausible import candidates

# Things a denial can be put before or taken from so that the line says the opposite.
NOUNS = re.compile(
    r"\b(?:\w*pijn|koorts|hoest|jeuk|diarree|zwelling|roodheid|uitslag|misselijkheid|benauwdheid|duizeligheid|oedeem|"
    r"\w*ontsteking|\w*infectie|hernia|eczeem|astma|migraine|hypertensie|diabetes|obstipatie|tintelingen|"
    r"krachtverlies|hartkloppingen|kortademigheid|crepitaties|drukpijn|piepen|aura|verzakking|bloedverlies|antibioticum|"
    r"antibiotica|slijm|jicht|bronchitis|fractuur|breuk|uitstraling|gewichtsverlies|incontinentie|urineverlies)\b",
    re.IGNORECASE,
)
#: After these words "geen" changes nothing or makes no sense.
NOT_AFTER = re.compile(
    r"(?:\b(?:bij|als|voor|van|door|na|tegen|met|op|of|en|aan|geen|niet|zonder|tot|indien|dd|noch)|[:/(])\s*$", re.I
)
DRUGS = ("doxycycline", "metoprolol", "prednisolon", "sertraline", "omeprazol", "furosemide", "tramadol", "lisinopril")
FAMILY = re.compile(
    r"\b(?:moeder|vader|broer|broertje|zus|zusje|opa|oma|dochter|zoon|tante|oom|man|vrouw|neef|nicht)\b", re.I
)
SIDES = {"links": "rechts", "rechts": "links", "linker": "rechter", "rechter": "linker"}
UNITS = {
    "mg": "mcg", "mcg": "mg", "microgram": "milligram", "milligram": "microgram", "ml": "mg", "dagen": "weken",
    "dag": "week", "weken": "maanden", "week": "maand", "maanden": "weken", "maand": "jaar", "uur": "dagen",
    "jaar": "maanden", "cm": "mm", "mm": "cm", "kg": "g", "minuten": "uur", "dd": "x per week",
}  # fmt: skip
TIMES = {
    "gisteren": "vorige week", "eergisteren": "vorige maand", "vandaag": "vorige week", "gisteravond": "vanochtend",
    "vannacht": "vorige week", "vanochtend": "gisteravond", "vanmorgen": "gisteravond", "maandag": "donderdag",
    "dinsdag": "vrijdag", "woensdag": "zaterdag", "donderdag": "maandag", "vrijdag": "dinsdag", "zaterdag": "woensdag",
    "zondag": "dinsdag", "'s nachts": "overdag", "'s ochtends": "'s avonds", "'s avonds": "'s ochtends",
    "januari": "juni", "februari": "juli", "maart": "augustus", "april": "september", "mei": "oktober",
    "juni": "november", "juli": "december", "augustus": "januari", "september": "februari", "oktober": "maart",
    "november": "april", "december": "mei", "vroeger": "nu", "als kind": "nu", "morgen": "over een maand",
}  # fmt: skip
#: Section, text, and a word that shows that the talk was about it after all.
INVENTED = (
    (Section.S, "Bekend met epilepsie.", "epilep"),
    (Section.S, "Geen hoofdletsel.", "hoofd"),
    (Section.S, "Slikt acenocoumarol.", "acenocoumarol"),
    (Section.S, "Rookt 20 sigaretten per dag.", "rook"),
    (Section.S, "Allergisch voor sulfonamiden.", "sulfa"),
    (Section.S, "Voorgeschiedenis: hartinfarct in 2015.", "infarct"),
    (Section.S, "Nachtzweten en gewichtsverlies.", "zwe"),
    (Section.S, "Reisde onlangs naar Thailand.", "thailand"),
    (Section.S, "Suïcidegedachten ontkend.", "suic"),
    (Section.O, "Longen schoon, geen crepitaties.", "long"),
    (Section.O, "Abdomen soepel, geen drukpijn.", "buik"),
    (Section.O, "Niet ziek, geen meningeale prikkeling.", "nek"),
    (Section.O, "RR 128/76, pols 68.", "bloeddruk"),
    (Section.O, "Trommelvliezen gaaf.", "trommelvlies"),
    (Section.O, "Geen pathologische lymfeklieren.", "klier"),
    (Section.E, "Waarschijnlijk sarcoïdose.", "sarco"),
    (Section.E, "Verdenking longembolie.", "embolie"),
    (Section.E, "DD polymyalgia rheumatica.", "reuma"),
    (Section.E, "Lyme uitgesloten.", "lyme"),
    (Section.P, "Verwijzing reumatoloog.", "reuma"),
    (Section.P, "Amitriptyline 1dd 10 mg voor de nacht.", "amitriptyline"),
    (Section.P, "X-knie aangevraagd.", "knie"),
    (Section.P, "Thuisarts.nl besproken.", "thuisarts"),
    (Section.P, "Griepvaccinatie gegeven.", "griep"),
)


def _swap(line: Line, match: re.Match[str], new: str, group: int = 0) -> str:
    new = new.capitalize() if match.group(group)[:1].isupper() else new
    return line.text[: match.start(group)] + new + line.text[match.end(group) :]


def _one(matches: Iterator[re.Match[str]], chance: random.Random) -> re.Match[str] | None:
    found = list(matches)
    return chance.choice(found) if found else None


def denial_gone(line: Line, _: Transcript, chance: random.Random) -> str | None:
    match = _one(re.finditer(r"\b(?:geen|niet) (?!alleen|meer dan|zeker|uitgesloten)", line.text, re.I), chance)
    if match is None or re.search(rf"\bgeen\b.*\bgeen [^.]*{re.escape(line.text[match.end() :][:6])}", line.text, re.I):
        return None
    rest = line.text[match.end() :]
    return line.text[: match.start()] + (rest[:1].upper() + rest[1:] if match.start() == 0 else rest)


def denial_new(line: Line, _: Transcript, chance: random.Random) -> str | None:
    places = (
        m
        for m in NOUNS.finditer(line.text)
        if not NOT_AFTER.search(line.text[: m.start()])
        and not re.search(r"\b(?:geen|niet|bang|bezorgd|denkt|wil|ontkent|of)\b", _clause(line.text, m.start()), re.I)
        and not re.match(
            r"[^.;,]*\b(?:niet|geen|nee|nooit|weg|onwaarschijnlijk|verworpen|uitgesloten)\b|:",
            line.text[m.end() :],
            re.I,
        )
    )
    match = _one(places, chance)
    return _swap(line, match, f"geen {match.group().lower()}") if match else None


def _clause(text: str, at: int) -> str:
    """The text before ``at``, back to the last full stop or semicolon."""
    return re.split(r"[.;]", text[:at])[-1]


def side(line: Line, _: Transcript, chance: random.Random) -> str | None:
    found = re.findall(r"\b(links|rechts|linker|rechter)", line.text, re.I)
    if len({word.lower()[:4] for word in found}) != 1:
        return None  # both sides in one line: turning one of them may leave it true
    match = _one(re.finditer(r"\b(?:links|rechts|linker|rechter)", line.text, re.I), chance)
    return _swap(line, match, SIDES[match.group().lower()]) if match else None


_ICPC = r"(?<![A-Za-z\d,/-])"


def number(line: Line, _: Transcript, chance: random.Random) -> str | None:
    places = re.finditer(rf"{_ICPC}\d+(?![\d,]*(?: ?(?:mg|mcg|ml|g\b|dd|%?\d)))", line.text)
    match = _one(places, chance)
    return _swap(line, match, str(int(match.group()) + chance.choice((1, 2, 5, 10)))) if match else None


def dose(line: Line, _: Transcript, chance: random.Random) -> str | None:
    match = _one(re.finditer(rf"{_ICPC}(\d+) ?(mg|mcg|ml|dd)", line.text), chance)
    if match is None:
        return None
    old = int(match[1])
    new = chance.choice((old + 1, old + 2)) if match[2] == "dd" else chance.choice((old * 2, old * 10, old + 50))
    return _swap(line, match, str(new), 1)


def unit(line: Line, _: Transcript, chance: random.Random) -> str | None:
    match = _one(
        re.finditer(rf"{_ICPC}\d+(?:,\d+)? ?({'|'.join(sorted(UNITS, key=len, reverse=True))})\b", line.text), chance
    )
    return _swap(line, match, UNITS[match[1]], 1) if match else None


def drug(line: Line, transcript: Transcript, chance: random.Random) -> str | None:
    generic = [m for m in mentions("drugs", line.text) if re.search(r"(?:ol|ine|on|am|il|ide|aat|an|or)$", m.text)]
    said = " ".join(u.text.lower() for u in transcript.utterances)
    others = [name for name in DRUGS if name not in said]
    if not generic or not others:
        return None
    old = chance.choice(generic)
    new = chance.choice(others)
    return line.text[: old.start] + (new if old.start else new.capitalize()) + line.text[old.end :]


def person(line: Line, _: Transcript, chance: random.Random) -> str | None:
    """What a relative has becomes what the patient has."""
    if line.section is not Section.S or re.search(r"volgens|hetero", line.text, re.I):
        return None
    places = (
        match
        for part in re.finditer(r"[^.;()]+", line.text)
        if mentions("dx", part.group())
        for match in FAMILY.finditer(line.text, part.start(), part.end())
    )
    match = _one(places, chance)
    return _swap(line, match, "patiënt") if match else None


def time(line: Line, _: Transcript, chance: random.Random) -> str | None:
    places = re.finditer("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in TIMES), line.text, re.I)
    match = _one(places, chance)
    return _swap(line, match, TIMES[match.group().lower()]) if match else None


TEXT_ERRORS: dict[Mistake, Callable[[Line, Transcript, random.Random], str | None]] = {
    Mistake.DENIAL_GONE: denial_gone,
    Mistake.DENIAL_NEW: denial_new,
    Mistake.SIDE: side,
    Mistake.NUMBER: number,
    Mistake.DOSE: dose,
    Mistake.UNIT: unit,
    Mistake.DRUG: drug,
    Mistake.PERSON: person,
    Mistake.TIME: time,
}


def speaker(line: Line, transcript: Transcript, chance: random.Random) -> Line | None:
    """What only the patient said stands as a finding or a conclusion of the huisarts."""
    said = [transcript.utterances[i] for i in line.evidence]
    if line.section is not Section.S or any(u.speaker is Speaker.HUISARTS for u in said):
        return None
    return replace(line, section=chance.choice((Section.O, Section.E)))


def invented(lines: Sequence[Line], transcript: Transcript, chance: random.Random) -> Iterator[Line]:
    """Two lines a note that nobody said, each resting on what another line of its section rests on."""
    said = " ".join(u.text.lower() for u in transcript.utterances)
    fitting = [(s, text) for s, text, word in INVENTED if word not in said and any(x.section is s for x in lines)]
    for section, text in chance.sample(fitting, min(2, len(fitting))):
        home = chance.choice([line for line in lines if line.section is section])
        yield replace(home, id="X", text=text)


def errors_in(lines: Sequence[Line], transcript: Transcript, chance: random.Random) -> Iterator[Planted]:
    """Of each line at most one error of each class, and a few lines that nobody said."""
    for line in lines:
        for kind, change in TEXT_ERRORS.items():
            text = change(line, transcript, chance)
            if text is not None and text != line.text:
                yield Planted(kind=kind, right=line, wrong=replace(line, text=text))
        moved = speaker(line, transcript, chance)
        if moved is not None:
            yield Planted(kind=Mistake.SPEAKER, right=line, wrong=moved)
    for line in invented(lines, transcript, chance):
        yield Planted(kind=Mistake.INVENTED, right=None, wrong=line)


#: How many errors a practice draft gets: enough to search for, few enough to look like a draft.
FEWEST, MOST = 4, 6
#: How many of each class are looked at for it.
OF_EACH = 2
#: Tables of things that are worth a line.
_WORTH = ("symptoms", "dx", "drugs", "findings", "vitals")


def with_errors(note: Note, transcript: Transcript, chance: random.Random) -> Note:
    """The draft with errors in it, and what they are (``Note.planted``): of different classes, in different lines.

    All but one are errors that the check says nothing of, where there are such: who reads finds them, who follows the
    flags does not. First those of which every word was said (``plausible``), one thing left out, then others. One the
    check flags. Lines that it has something against stay as they are. All lines are numbered anew, so that no number
    tells.
    """
    doubted = open_findings(note, transcript)
    lines = [line for line in note.lines() if line.id not in doubted]
    said = list(candidates(lines, transcript, chance))
    possible = _few_of_each([*errors_in(lines, transcript, chance), *left_out(lines)], chance)
    unseen = _few_of_each(_by_check(said, note, transcript)[0], chance)
    chance.shuffle(unseen)
    quiet, loud = _by_check(possible, note, transcript)
    gone = [one for one in quiet if one.kind is Mistake.LEFT_OUT]
    count = min(chance.randint(FEWEST, MOST), max(1, len(lines) // 2))
    alone = count - 1 if loud else count  # for a person to find
    chosen = _different([], unseen, alone - 1 if gone else alone)
    chosen = _different(chosen, gone, min(len(chosen) + 1, alone))
    chosen = _different(chosen, quiet, alone)
    return _planted(note, transcript, _different(chosen, loud, len(chosen) + 1))


def left_out(lines: Sequence[Line]) -> Iterator[Planted]:
    """Each line away, and each sentence of a line that has more of them, where it is worth a line."""
    for line in lines:
        if len(lines) > 1 and _worth(line.text):
            yield Planted(kind=Mistake.LEFT_OUT, right=line, wrong=None)
        sentences = re.split(r"(?<=[.!?]) +", line.text)
        for n, sentence in enumerate(sentences):
            rest = " ".join(sentences[:n] + sentences[n + 1 :])
            if rest and _worth(sentence) and sentence.rstrip(".") not in rest:
                yield Planted(kind=Mistake.LEFT_OUT, right=line, wrong=replace(line, text=rest))


def _few_of_each(possible: list[Planted], chance: random.Random) -> list[Planted]:
    """Some of each class, in any order: the check needs its time for each."""
    chance.shuffle(possible)
    taken: Counter[tuple[Mistake, bool]] = Counter()
    few = []
    for one in possible:
        if taken[_class(one)] < OF_EACH:
            taken[_class(one)] += 1
            few.append(one)
    return few


def _class(one: Planted) -> tuple[Mistake, bool]:
    return one.kind, one.wrong is None


def _worth(text: str) -> bool:
    return re.search(r"\d", text) is not None or any(mentions(table, text) for table in _WORTH)


def _by_check(possible: Sequence[Planted], note: Note, transcript: Transcript) -> tuple[list[Planted], list[Planted]]:
    """Of which the check says nothing, and of which it says something."""
    wrong = {f"L{n}": one.wrong for n, one in enumerate(possible) if one.wrong is not None}
    lines = tuple(replace(line, id=name) for name, line in wrong.items())
    found = open_findings(Note(reports=(Report(id="R1", lines=lines),)), transcript)

    def seen(n: int, one: Planted) -> bool:
        if one.wrong is not None or one.right is None:
            return f"L{n}" in found
        return any(item.utterance in one.right.evidence for item in missed(note.without_line(one.right.id), transcript))

    loud = [one for n, one in enumerate(possible) if seen(n, one)]
    return [one for one in possible if one not in loud], loud


def _different(chosen: list[Planted], more: Sequence[Planted], count: int) -> list[Planted]:
    """``chosen`` with more of them, up to so many: of other classes, in other lines."""
    chosen = list(chosen)
    for one in more:
        classes = {_class(other) for other in chosen}
        if len(chosen) < count and _class(one) not in classes and all(_apart(one, other) for other in chosen):
            chosen.append(one)
    return chosen


def _apart(one: Planted, other: Planted) -> bool:
    """In other lines; and what a line that is gone rested on is brought back by no other error."""
    gone = one.wrong is None or other.wrong is None
    if one.right and other.right and one.right.id == other.right.id:
        return False
    return not (gone and _rests_on(one) & _rests_on(other))


def _rests_on(one: Planted) -> set[int]:
    return {i for line in (one.right, one.wrong) if line for i in line.evidence}


def _planted(note: Note, transcript: Transcript, chosen: Sequence[Planted]) -> Note:
    """The note with these errors in it, numbered in the order in which it is read."""
    turned = {one.right.id: one.wrong for one in chosen if one.right}
    added = [one.wrong for one in chosen if one.right is None and one.wrong]
    numbers: dict[str, str] = {}
    reports = []
    for report in note.reports:
        coming = [line for line in added if note.nearest(line.evidence[0]) is report]
        lines = []
        for old in report.lines:
            line = turned.get(old.id, old)
            if line is not None and line.section is old.section:
                lines.append(line)
            elif line is not None:
                coming.append(line)
        for line in coming:
            lines.insert(_place(line, lines), line)
        lines = [line for section in Section for line in lines if line.section is section]
        for line in lines:
            numbers[line.id] = f"L{len(numbers) + 1}"
        reports.append(replace(report, lines=tuple(replace(line, id=numbers[line.id]) for line in lines)))
    wrong = replace(note, reports=tuple(report for report in reports if report.lines), next_line=len(numbers) + 1)
    found = open_findings(wrong, transcript)
    listed = {item.utterance for item in missed(wrong, transcript)}

    def known(one: Planted) -> Planted:
        """As it stands now."""
        number = numbers[one.wrong.id] if one.wrong else ""
        gone = set(one.right.evidence) if one.right and not one.wrong else set()
        return replace(
            one,
            right=one.right and replace(one.right, id=number),
            wrong=one.wrong and replace(one.wrong, id=number),
            flagged=number in found or bool(gone & listed),
        )

    return replace(wrong, planted=tuple(known(one) for one in chosen))


def _place(line: Line, lines: Sequence[Line]) -> int:
    """Where a line comes to stand: in its section, at the moment of the talk it rests on."""
    later = (n for n, other in enumerate(lines) if other.section is line.section and other.evidence > line.evidence)
    return next(later, len(lines))
