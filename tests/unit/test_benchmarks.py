"""The benchmark is sound, its scorer tells good notes from bad, and its errors are errors."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import noise, plant, score
from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Line, Mistake, Section
from transcribe.soep.planting import TEXT_ERRORS, drug, errors_in, speaker

ROOT = Path(__file__).resolve().parents[2]
CONSULTS = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(plant.CONSULTS.glob("*.json"))]


def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "score.py"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_set_is_sound() -> None:
    """Every fact is in its evidence and in the reference; no reference makes a forbidden claim."""
    last = json.loads(run("selfcheck", "--consults", str(plant.CONSULTS)).splitlines()[-1])
    assert last["consults"] == 24
    assert last["problems"] == 0
    assert last["net_must"] == 100.0


@pytest.mark.parametrize(("name", "consults"), [("development", 40), ("held", 24)])
def test_the_unseen_sets_are_sound(name: str, consults: int) -> None:
    last = json.loads(run("selfcheck", "--consults", str(plant.CONSULTS.parent / "unseen" / name)).splitlines()[-1])
    assert (last["consults"], last["problems"], last["net_must"]) == (consults, 0, 100.0)


@pytest.mark.parametrize(
    ("names", "net", "recall", "precision"),
    [("2*", 88, 91, 93), ("4*", 75, 81, 87)],
    ids=["written by who wrote the rules", "written by others"],
)
def test_on_held_consults_the_draft_holds_what_was_reached(
    names: str, net: float, recall: float, precision: float
) -> None:
    """Totals only, some points below what was measured: nobody reads a line of these."""
    rows = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((plant.CONSULTS.parent / "unseen" / "held").glob(f"{names}.json"))
    ]
    found = noise.curve(rows, [0], 1, ExtractiveDrafter())[0]
    assert found["net_must"] >= net
    assert found["recall_must"] >= recall
    assert found["evidence_precision"] >= precision


def test_copying_everything_scores_badly(tmp_path: Path) -> None:
    last = json.loads(run("copy", "--consults", str(plant.CONSULTS)).splitlines()[-1])
    assert last["net_must"] < 60
    assert last["compression"] > 95


def test_without_drafts_nothing_is_found(tmp_path: Path) -> None:
    last = json.loads(run("score", "--consults", str(plant.CONSULTS), "--drafts", str(tmp_path)).splitlines()[-1])
    assert last["net_must"] == 0.0
    assert last["missing_drafts"] == 24


def line(text: str, section: Section = Section.S, evidence: tuple[int, ...] = (0,)) -> Line:
    return Line(id="L1", section=section, text=text, evidence=evidence)


def talk(*said: tuple[Speaker, str]) -> Transcript:
    return Transcript(utterances=tuple(Utterance(speaker=who, text=text, start_s=0, end_s=1) for who, text in said))


TALK = talk((Speaker.PATIENT, "Pijn in mijn knie."))

ERRORS = [
    ("denial taken away", "Geen koorts.", {"Koorts."}),
    ("denial taken away", "Koorts.", {None}),
    ("denial put in", "Sinds gisteren koorts.", {"Sinds gisteren geen koorts."}),
    ("denial put in", "Geen hoest of koorts.", {None}),
    ("denial put in", "Terug bij koorts.", {None}),
    ("side", "Linkerknie pijnlijk.", {"Rechterknie pijnlijk."}),
    ("side", "Links en rechts piepen.", {None}),
    ("number", "RR 140.", {"RR 141.", "RR 142.", "RR 145.", "RR 150."}),
    ("number", "Naproxen 250 mg.", {None}),
    ("dose", "Naproxen 250 mg.", {"Naproxen 500 mg.", "Naproxen 2500 mg.", "Naproxen 300 mg."}),
    ("dose", "3dd.", {"4dd.", "5dd."}),
    ("unit", "Sinds 3 dagen.", {"Sinds 3 weken."}),
    ("unit", "RR 140.", {None}),
    ("drug", "Koorts.", {None}),
    ("person", "Moeder astma.", {"Patiënt astma."}),
    ("person", "Moeder is mee.", {None}),
    ("time", "Koorts sinds gisteren.", {"Koorts sinds vorige week."}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "wrong"), ERRORS)
def test_a_planted_error_changes_what_the_line_says(kind: str, text: str, wrong: set[str | None]) -> None:
    for seed in range(5):
        assert TEXT_ERRORS[Mistake(kind)](line(text), TALK, random.Random(seed)) in wrong


def test_a_planted_drug_was_never_said() -> None:
    said = talk((Speaker.PATIENT, "Ik slik doxycycline en metoprolol."))
    for seed in range(20):
        wrong = drug(line("Gebruikt metoprolol."), said, random.Random(seed))
        assert wrong is not None
        assert "metoprolol" not in wrong
        assert "doxycycline" not in wrong


def test_what_the_huisarts_said_is_not_moved_to_another_speaker() -> None:
    said = talk((Speaker.HUISARTS, "U hebt koorts."), (Speaker.PATIENT, "Ja."))
    assert speaker(line("Koorts.", evidence=(0, 1)), said, random.Random(0)) is None
    moved = speaker(line("Koorts.", evidence=(1,)), said, random.Random(0))
    assert moved is not None
    assert moved.section in (Section.O, Section.E)


def test_the_same_seed_plants_the_same_errors() -> None:
    lines = plant.reference(CONSULTS[0], TALK)
    _, said = noise.as_consult(CONSULTS[0])
    first = list(errors_in(lines, said, random.Random("x")))
    assert first == list(errors_in(lines, said, random.Random("x")))
    assert {item.kind for item in first} >= {"denial taken away", "number", "unit", "invented line"}
    assert all(item.right != item.wrong for item in first)


def test_no_word_errors_leave_a_consult_as_it_is() -> None:
    assert noise.noisy(CONSULTS[0], 0.0, 1) == CONSULTS[0]


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_the_rate_is_the_rate(rate: float) -> None:
    words = ["woord"] * 20_000
    heard = noise.misheard(" ".join(words), rate, ["ander"], random.Random(1)).split()
    wrong = len(words) - sum(word == "woord" for word in heard)
    assert wrong / len(words) == pytest.approx(rate, rel=0.1)


@pytest.mark.slow
def test_word_errors_cost_facts() -> None:
    figures = noise.curve(CONSULTS[:6], [0.0, 0.2], 1, ExtractiveDrafter())
    assert figures[0.0]["net_must"] > figures[0.2]["net_must"] + 10
    assert score.summarise([score.score_one(c, score.norm_draft(None), 2) for c in CONSULTS])["net_must"] == 0.0
