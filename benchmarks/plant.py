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
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from transcribe.asr.transcript import Transcript
from transcribe.soep.bench import read_consult
from transcribe.soep.check import open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Line, Mistake, Note, Report, Section
from transcribe.soep.planting import TEXT_ERRORS, errors_in

CONSULTS = Path(__file__).parent / "consults"


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
    planted: Counter[Mistake] = field(default_factory=Counter)
    found: Counter[Mistake] = field(default_factory=Counter)


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
        planted = [item for n in range(seeds) for item in errors_in(lines, transcript, random.Random(f"{name}-{n}"))]
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
                    right_text = item.right.text if item.right else ""
                    print(f"  not found, {item.kind}, {name} {item.wrong.section}: {right_text!r}")
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
    print("| planted | " + " | ".join(tallies) + " |\n| --- |" + " --- |" * len(tallies))
    for kind in (*TEXT_ERRORS, Mistake.SPEAKER, Mistake.INVENTED):
        cells = []
        for tally in tallies.values():
            found, planted = tally.found[kind], tally.planted[kind]
            cells.append(f"{100 * found / planted:.1f} % ({found} of {planted})" if planted else "-")
        print(f"| {kind} | " + " | ".join(cells) + " |")
    for title, of in (("right lines marked, per note", "marked"), ("false alarms per note", "alarms")):
        print(f"| {title} | " + " | ".join(f"{getattr(t, of) / max(1, t.notes):.2f}" for t in tallies.values()) + " |")


if __name__ == "__main__":
    main()
