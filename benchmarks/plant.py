"""Plant one error at a time in right notes and count how many the checker finds, and how often it cries wolf.

    python benchmarks/plant.py [--consults DIR] [--seeds N] [-v]

Two kinds of right notes: the reference notes of the benchmark (written by a person, in other words than were said) and
the extractive drafts (in the words that were said). Of each line at most one error of each class is planted; the place
and the new value are drawn with a fixed seed. ``-v`` lists what was not found and every false alarm.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.bench import read_consult
from transcribe.soep.check import open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.lexicon import mentions
from transcribe.soep.note import Line, Note, Report, Section

CONSULTS = Path(__file__).parent / "consults"


@dataclass(frozen=True, kw_only=True)
class Planted:
    kind: str
    right: Line
    wrong: Line


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
    return line.text[: match.start()] + "geen " + line.text[match.start() :] if match else None


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
    return line.text[: old.start] + chance.choice(others) + line.text[old.end :]


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


TEXT_ERRORS: dict[str, Callable[[Line, Transcript, random.Random], str | None]] = {
    "denial taken away": denial_gone,
    "denial put in": denial_new,
    "side": side,
    "number": number,
    "dose": dose,
    "unit": unit,
    "drug": drug,
    "person": person,
    "time": time,
}


def speaker(line: Line, transcript: Transcript, chance: random.Random) -> Line | None:
    """What only the patient said stands as a finding or a conclusion of the huisarts."""
    said = [transcript.utterances[i] for i in line.evidence]
    if line.section is not Section.S or any(u.speaker is Speaker.HUISARTS for u in said):
        return None
    return replace(line, section=chance.choice((Section.O, Section.E)))


def invented(lines: list[Line], transcript: Transcript, chance: random.Random) -> Iterator[Line]:
    """Two lines a note that nobody said, each resting on what another line of its section rests on."""
    said = " ".join(u.text.lower() for u in transcript.utterances)
    fitting = [(s, text) for s, text, word in INVENTED if word not in said and any(x.section is s for x in lines)]
    for section, text in chance.sample(fitting, min(2, len(fitting))):
        home = chance.choice([line for line in lines if line.section is section])
        yield replace(home, id="X", text=text)


def plant(lines: list[Line], transcript: Transcript, chance: random.Random) -> Iterator[Planted]:
    for line in lines:
        for kind, change in TEXT_ERRORS.items():
            text = change(line, transcript, chance)
            if text is not None and text != line.text:
                yield Planted(kind=kind, right=line, wrong=replace(line, text=text))
        moved = speaker(line, transcript, chance)
        if moved is not None:
            yield Planted(kind="speaker", right=line, wrong=moved)
    for line in invented(lines, transcript, chance):
        yield Planted(kind="invented line", right=replace(line, text=""), wrong=line)


def reference(consult: dict, _: Transcript) -> list[Line]:
    """The reference note as lines, without the ICPC code that stands behind the conclusion."""
    rows = [
        (section, re.sub(r" \(ICPC [^)]*\)", "", text), evidence)
        for section in Section
        for text, evidence in zip(consult["reference"][section], consult["reference_evidence"][section], strict=True)
    ]
    return [
        Line(id=f"L{n}", section=section, text=text, evidence=tuple(evidence))
        for n, (section, text, evidence) in enumerate(rows)
    ]


def draft(_: dict, transcript: Transcript) -> list[Line]:
    return list(ExtractiveDrafter().draft(transcript).lines())


@dataclass
class Tally:
    notes: int = 0
    marked: int = 0  # lines of right notes with a finding
    alarms: int = 0  # findings on right notes
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)


def checked(lines: list[Line], transcript: Transcript) -> list[frozenset[str]]:
    """The sentences of the checker on each line."""
    numbered = tuple(replace(line, id=f"L{n}") for n, line in enumerate(lines))
    found = open_findings(Note(reports=(Report(id="R1", lines=numbered),)), transcript)
    return [frozenset(finding.text for finding in found.get(line.id, ())) for line in numbered]


def measure(make: Callable[[dict, Transcript], list[Line]], consults: Path, seeds: int, *, verbose: bool) -> Tally:
    tally = Tally()
    for path in sorted(consults.glob("*.json")):
        consult = json.loads(path.read_text(encoding="utf-8"))
        name, transcript = read_consult(path)
        lines = make(consult, transcript)
        right = dict(zip(lines, checked(lines, transcript), strict=True))
        tally.notes += 1
        tally.marked += sum(bool(found) for found in right.values())
        tally.alarms += sum(len(found) for found in right.values())
        planted = [item for n in range(seeds) for item in plant(lines, transcript, random.Random(f"{name}-{n}"))]
        after = checked([item.wrong for item in planted], transcript)
        missed = [
            (item, not found - right.get(item.right, frozenset())) for item, found in zip(planted, after, strict=True)
        ]
        for item, unseen in missed:
            tally.planted[item.kind] += 1
            tally.found[item.kind] += not unseen
        if verbose:
            for line, found in right.items():
                for text in found:
                    print(f"  false alarm {name} {line.section} {line.text!r}: {text}")
            for item, unseen in missed:
                if unseen:
                    print(f"  not found, {item.kind}, {name} {item.wrong.section}: {item.right.text!r}")
                    print(f"      {item.wrong.text!r}")
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=Path, default=CONSULTS)
    parser.add_argument("--seeds", type=int, default=3, help="how often each note gets errors, each time others")
    parser.add_argument("-v", "--verbose", action="store_true")
    args = parser.parse_args()
    sources = {"reference notes": reference, "extractive drafts": draft}
    tallies = {name: measure(make, args.consults, args.seeds, verbose=args.verbose) for name, make in sources.items()}
    kinds = [*TEXT_ERRORS, "speaker", "invented line"]
    print("| planted | " + " | ".join(tallies) + " |\n| --- |" + " --- |" * len(tallies))
    for kind in kinds:
        cells = []
        for tally in tallies.values():
            found, planted = tally.found[kind], tally.planted[kind]
            cells.append(f"{100 * found / planted:.1f} % ({found} of {planted})" if planted else "-")
        print(f"| {kind} | " + " | ".join(cells) + " |")
    for title, of in (("right lines marked, per note", "marked"), ("false alarms per note", "alarms")):
        print(f"| {title} | " + " | ".join(f"{getattr(t, of) / max(1, t.notes):.2f}" for t in tallies.values()) + " |")


if __name__ == "__main__":
    main()
