"""Errors of which every word was said: which there are, that the check is silent about them, that they can be found."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.bench import read_consult
from transcribe.soep.check import open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Mistake, Note, Planted, Section
from transcribe.soep.planting import with_errors
from transcribe.soep.plausible import candidates
from transcribe.soep.vigilance import caught
from transcribe.testing import utterances

DEMO = Path(__file__).resolve().parents[2] / "transcribe" / "demo"
#: The one that was made to hold them all.
ALL = "exercises/kuit"
CONSULTS = [ALL, "consults/keelpijn", "consults/rugpijn", "consults/blaasontsteking"]
SEEDS = range(4)


@cache
def drafted(name: str) -> tuple[Note, Transcript]:
    _, transcript = read_consult(DEMO / f"{name}.json")
    return ExtractiveDrafter().draft(transcript), transcript


def made(note: Note, transcript: Transcript, seed: int = 0) -> list[Planted]:
    return list(candidates(list(note.lines()), transcript, random.Random(seed)))


def unseen(name: str, seed: int = 0) -> list[Planted]:
    """Those of which the check says nothing."""
    note, transcript = drafted(name)
    doubted = open_findings(note, transcript)
    found = []
    for one in made(note, transcript, seed):
        assert one.wrong is not None
        alone = replace(note, reports=(replace(note.reports[0], lines=(replace(one.wrong, id="L1"),)),))
        if not open_findings(alone, transcript) and (one.right is None or one.right.id not in doubted):
            found.append(one)
    return found


def test_each_class_there_is_gets_past_the_check_in_the_consult_that_was_made_for_it() -> None:
    kinds = {one.kind for seed in SEEDS for one in unseen(ALL, seed)}
    # a side that was turned is found since the check looks for the sentence nearest to it
    assert kinds >= {Mistake.DRUG, Mistake.DOSE, Mistake.TIME, Mistake.PERSON, Mistake.INVENTED}


@pytest.mark.parametrize("name", CONSULTS)
def test_every_word_of_such_an_error_was_said_and_it_rests_on_it(name: str) -> None:
    note, transcript = drafted(name)
    for one in made(note, transcript):
        assert one.wrong is not None
        assert one.wrong.evidence
        assert set(one.wrong.evidence) >= set(one.right.evidence if one.right else ())
        assert one.wrong.text != (one.right.text if one.right else "")


@pytest.mark.parametrize("name", CONSULTS)
def test_an_exercise_is_mostly_of_what_only_reading_finds(name: str) -> None:
    """At least two are no omission, one line or sentence is left out at most once, and the check sees one at most."""
    note, transcript = drafted(name)
    for seed in SEEDS:
        planted = with_errors(note, transcript, random.Random(seed)).planted
        alone = [one for one in planted if not one.flagged]
        assert len(planted) >= 4
        assert len(planted) - len(alone) <= 1
        assert sum(one.kind is not Mistake.LEFT_OUT for one in alone) >= 2, planted
        assert len({one.kind for one in alone}) >= 3


@pytest.mark.parametrize("name", CONSULTS)
def test_it_is_told_whether_they_were_found(name: str) -> None:
    note, _ = drafted(name)
    for one in unseen(name):
        assert one.wrong is not None
        if one.right is None:
            report = note.nearest(one.wrong.evidence[0])
            wrong = note.adding(report.id, one.wrong.section, one.wrong.text, one.wrong.evidence, one.wrong.origin)
            line = list(wrong.report(report.id).lines)[-1]
            assert not caught(replace(one, wrong=line), wrong, wrong)
            assert caught(replace(one, wrong=line), wrong, wrong.without_line(line.id))
        else:
            wrong = note.with_line(one.wrong)
            assert not caught(one, wrong, wrong)
            assert caught(one, wrong, wrong.with_line(replace(one.wrong, text=one.right.text)))
            assert caught(one, wrong, wrong.without_line(one.wrong.id))


BOTH = utterances(
    (Speaker.PATIENT, "Ik heb pijn in mijn rechterknie."),
    (Speaker.PATIENT, "Mijn linkerenkel is stijf."),
    (Speaker.HUISARTS, "U mag naproxen nemen, tweemaal daags vijfhonderd milligram."),
)


def test_no_side_is_turned_where_only_one_was_said() -> None:
    transcript = Transcript(utterances=BOTH, model="m", duration_s=10.0)
    note = ExtractiveDrafter().draft(transcript)
    assert any(one.kind is Mistake.SIDE for one in made(note, transcript))
    single = Transcript(utterances=(BOTH[0], BOTH[2]), model="m", duration_s=10.0)
    note = ExtractiveDrafter().draft(single)
    assert not any(one.kind is Mistake.SIDE for one in made(note, single))


def test_a_drug_of_a_companion_is_not_taken_on_when_it_is_prescribed() -> None:
    transcript = Transcript(
        utterances=(*BOTH, *utterances((Speaker.PATIENT, "Ik heb naproxen gehad."))), model="m", duration_s=12.0
    )
    note = ExtractiveDrafter().draft(transcript)
    invented = [one.wrong.text for one in made(note, transcript) if one.right is None and one.wrong]
    assert "Naproxen continueren." not in invented
    assert all(line.section is not Section.P or "naproxen" in line.text.lower() for line in note.lines())
