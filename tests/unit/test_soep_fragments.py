"""What must and must not stand in a draft of bits of talk that tempt into a claim nobody made: ``fragments.toml``."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from benchmarks.score import forbidden_hits, norm_draft
from transcribe.soep.bench import as_consult, as_draft
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.numbers import plain

FRAGMENTS = tomllib.loads((Path(__file__).parent / "fragments.toml").read_text(encoding="utf-8"))["fragment"]

BEGIN = """
H: Goedemorgen, wat kan ik voor u doen?
P: Ik heb al een tijd pijn in mijn arm, bij de elleboog.
H: Wat voor werk doet u daarmee?
P: Ik ben vaak aan het klussen, en dan til ik veel.
H: Heeft u er 's nachts last van?
P: Nee, dan slaap ik gewoon door."""
LOOK = """
H: Dan ga ik er even naar kijken. Mouw omhoog graag.
H: Drukpijn aan de buitenkant van de elleboog. Geen zwelling, geen roodheid."""
CONCLUSION = """
H: Dit is een tenniselleboog."""
END = """
H: Als het over drie maanden nog niet over is, belt u mij.
P: Dat is goed, dokter. Dank u wel.
H: Tot ziens."""
SPEAKERS = {"H": "huisarts", "P": "patient", "B": "begeleider"}


def draft(fragment: dict[str, object]) -> dict[str, list[dict[str, object]]]:
    at, said = fragment["at"], str(fragment["said"])
    parts = {
        "S": (BEGIN, said, LOOK, CONCLUSION, END),
        "E": (BEGIN, LOOK, said, END),
        "P": (BEGIN, LOOK, CONCLUSION, said, END),
    }[str(at)]
    lines = [line for part in parts for line in part.strip().splitlines()]
    utterances = [{"speaker": SPEAKERS[line[0]], "text": line[2:].strip(), "start": None} for line in lines]
    _, transcript = as_consult({"id": "f", "kind": "praktijk", "language": "nl", "utterances": utterances})
    return norm_draft(as_draft(ExtractiveDrafter().draft(transcript)))


def faults(fragment: dict[str, object]) -> list[str]:
    made = draft(fragment)
    said = [
        (section, plain(sentence))
        for section in "SOEP"
        for item in made[section]
        for sentence in re.split(r"(?<=[.?!])\s+", str(item["text"]))
    ]
    found = []
    for entry in fragment.get("must", []):
        section, pattern = _parted(entry)
        if not any(where in section and re.search(pattern, text) for where, text in said):
            found.append(f"missing {entry!r}")
    for entry in fragment.get("never", []):
        section, pattern = _parted(entry)
        told = [text for where, text in said if where in section and re.search(pattern, text)]
        found += [f"{entry!r} stands in {text!r}" for text in told]
    for entry in fragment.get("denied", []):
        section, pattern = _parted(entry)
        rule = {"section": section, "pattern": pattern, "polarity": "affirmed"}
        found += [f"{entry!r} is claimed in {where}: {text!r}" for where, text in forbidden_hits(rule, made)]
    return found


def _parted(entry: str) -> tuple[str, str]:
    """ "E: hernia" into the sections it is about and the pattern."""
    parted = re.match(r"\(?([SOEP](?:\|[SOEP])*)\)?: ", entry)
    return (parted[1].replace("|", ""), entry[parted.end() :]) if parted else ("SOEP", entry)


def _marked(n: int, fragment: dict[str, object]) -> object:
    marks = [pytest.mark.xfail(strict=True, reason="still wrong")] if fragment.get("open") else []
    return pytest.param(fragment, id=f"{fragment['kind']}-{n}", marks=marks)


@pytest.mark.parametrize("fragment", [_marked(n, fragment) for n, fragment in enumerate(FRAGMENTS)])
def test_the_draft_claims_what_was_meant(fragment: dict[str, object]) -> None:
    assert not faults(fragment)
