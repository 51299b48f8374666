"""Errors that are planted for practice: what a draft gets, and which of them a doctor took out again."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import plant
from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.bench import read_consult
from transcribe.soep.check import open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.missed import missed
from transcribe.soep.note import Line, Mistake, Note, Origin, Planted, Report, Score, Section
from transcribe.soep.planting import MOST, errors_in, left_out, with_errors
from transcribe.soep.vigilance import caught, outcome
from transcribe.testing import CONSULT, DRAFT, utterances

CONSULTS = Path(__file__).resolve().parents[2] / "transcribe" / "demo" / "consults"
NAMES = ["keelpijn", "kort"]
#: A short talk, so that the properties are quick.
TALK = utterances(
    (Speaker.PATIENT, "Ik heb al drie weken last van mijn rechterknie. Traplopen gaat moeilijk."),
    (Speaker.PATIENT, "Ik heb geen koorts gehad, wel ben ik moe."),
    (Speaker.PATIENT, "Mijn moeder heeft astma."),
    (Speaker.HUISARTS, "Ik zie geen zwelling. De flexie is honderddertig graden."),
    (Speaker.HUISARTS, "De bloeddruk is honderdveertig over negentig."),
    (Speaker.HUISARTS, "Ik denk aan artrose van de rechterknie."),
    (Speaker.HUISARTS, "U mag naproxen nemen, tweemaal daags vijfhonderd milligram, zeven dagen."),
    (Speaker.HUISARTS, "Over twee weken zie ik u terug voor controle."),
)


@cache
def drafted(name: str) -> tuple[Note, Transcript]:
    if name == "kort":
        transcript = Transcript(utterances=TALK, model="m", duration_s=16.0)
    else:
        _, transcript = read_consult(CONSULTS / f"{name}.json")
    return ExtractiveDrafter().draft(transcript), transcript


@cache
def practice(name: str, seed: int) -> tuple[Note, Transcript]:
    note, transcript = drafted(name)
    return with_errors(note, transcript, random.Random(seed)), transcript


@cache
def doubted(name: str, seed: int) -> frozenset[str]:
    return frozenset(open_findings(*practice(name, seed)))


seeds = st.integers(0, 5)


def said(note: Note) -> list[tuple[Section, str]]:
    return [(line.section, line.text) for line in note.lines()]


# --- planting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_draft_gets_a_few_errors_of_different_classes_in_different_lines(name: str) -> None:
    right, _ = drafted(name)
    wrong, _ = practice(name, 0)
    assert 2 <= len(wrong.planted) <= MOST
    assert len({(one.kind, one.wrong is None) for one in wrong.planted}) == len(wrong.planted)
    assert len({one.wrong.id for one in wrong.planted if one.wrong}) == sum(
        one.wrong is not None for one in wrong.planted
    )
    assert sum(not one.flagged for one in wrong.planted) > sum(one.flagged for one in wrong.planted) <= 1
    # what was planted, and nothing else, stands between the two notes
    lines = said(right)
    for one in wrong.planted:
        if one.right:
            lines.remove((one.right.section, one.right.text))
        if one.wrong:
            lines.append((one.wrong.section, one.wrong.text))
            assert wrong.line(one.wrong.id) == one.wrong
    assert sorted(lines) == sorted(said(wrong))


@pytest.mark.parametrize("name", NAMES)
def test_no_number_of_a_line_tells_where_the_errors_are(name: str) -> None:
    note, _ = practice(name, 0)
    numbers = [line.id for report in note.reports for section in Section for line in report.section(section)]
    assert numbers == [f"L{n}" for n in range(1, len(numbers) + 1)]
    assert note.next_line == len(numbers) + 1


@pytest.mark.parametrize("name", NAMES)
def test_an_error_counts_as_flagged_when_the_page_points_at_it(name: str) -> None:
    note, transcript = practice(name, 0)
    found = open_findings(note, transcript)
    listed = {item.utterance for item in missed(note, transcript)}
    for one in note.planted:
        gone = set(one.right.evidence) if one.right and one.wrong is None else set()
        assert one.flagged == (bool(gone & listed) if one.wrong is None else one.wrong.id in found)


def test_the_same_chance_plants_the_same_errors() -> None:
    note, transcript = drafted("kort")
    assert with_errors(note, transcript, random.Random(0)) == practice("kort", 0)[0]
    assert practice("kort", 0)[0].planted != practice("kort", 1)[0].planted


def test_a_line_the_check_doubts_is_left_as_it_is() -> None:
    transcript = Transcript(utterances=CONSULT, model="m", duration_s=10.0)
    for seed in range(5):
        note = with_errors(DRAFT, transcript, random.Random(seed))
        assert (Section.E, "Longontsteking.") in said(note)
        assert 1 <= len(note.planted) <= 2


def test_an_empty_draft_stays_empty() -> None:
    assert with_errors(
        Note(reports=()), Transcript(utterances=(), model="m", duration_s=1.0), random.Random(0)
    ) == Note(reports=())


# --- caught: properties --------------------------------------------------------------------------------------------


def mended(note: Note, one: Planted) -> Note:
    """As a doctor would who knows what should be there."""
    if one.wrong is None:
        assert one.right is not None
        return note.adding(note.reports[0].id, one.right.section, one.right.text, (), Origin.HUISARTS)
    if one.right is None:
        return note.without_line(one.wrong.id)
    return note.with_line(replace(note.line(one.wrong.id), text=one.right.text)).placing(
        one.wrong.id, one.right.section
    )


@given(seeds)
def test_what_is_signed_as_it_was_drafted_has_all_its_errors(seed: int) -> None:
    note, transcript = practice("kort", seed)
    found = outcome(note, note, transcript, doubted("kort", seed))
    assert [one.planted for one in found.judged] == list(note.planted)
    assert not any(one.caught for one in found.judged)
    assert found.touched == ()


@given(seeds, st.data())
def test_what_is_mended_is_caught_and_nothing_else_is(seed: int, data: st.DataObject) -> None:
    note, transcript = practice("kort", seed)
    chosen = data.draw(st.sets(st.sampled_from(range(len(note.planted)))))
    signed = note
    for n in chosen:
        signed = mended(signed, note.planted[n])
    found = outcome(note, signed, transcript, doubted("kort", seed))
    assert {n for n, one in enumerate(found.judged) if one.caught} == chosen
    assert found.touched == ()
    score = found.score
    assert (score.planted + score.flagged, score.caught + score.flagged_caught) == (len(note.planted), len(chosen))


@given(seeds, st.data())
def test_a_line_with_an_error_that_is_taken_out_is_caught(seed: int, data: st.DataObject) -> None:
    """But not one that said too little: now it says nothing."""
    note, _ = practice("kort", seed)
    one = data.draw(st.sampled_from([one for one in note.planted if one.wrong]))
    assert one.wrong is not None
    assert caught(one, note, note.without_line(one.wrong.id)) == (one.kind is not Mistake.LEFT_OUT)


@given(seeds, st.data())
def test_moving_splitting_and_joining_lines_mends_nothing(seed: int, data: st.DataObject) -> None:
    note, transcript = practice("kort", seed)
    signed = note
    for _ in range(data.draw(st.integers(1, 4))):
        line = data.draw(st.sampled_from(list(signed.lines())))
        what = data.draw(st.sampled_from(["split", "join", "shift"]))
        if what == "shift":
            signed = signed.shifting(line.id, data.draw(st.sampled_from([-1, 1])))
        elif what == "join" and signed._beside(line.id, 1):
            signed = signed.joining(line.id)
        elif what == "split" and ". " in line.text:
            first, _, second = line.text.partition(". ")
            signed = signed.splitting(line.id, first + ".", second)
    assert not any(one.caught for one in outcome(note, signed, transcript, doubted("kort", seed)).judged)


@given(seeds, st.data())
def test_good_lines_that_are_changed_or_taken_out_are_told(seed: int, data: st.DataObject) -> None:
    note, transcript = practice("kort", seed)
    wrong = {one.wrong.id for one in note.planted if one.wrong}
    good = [line for line in note.lines() if line.id not in wrong]
    line = data.draw(st.sampled_from(good))
    assert outcome(note, note.without_line(line.id), transcript, doubted("kort", seed)).touched == ((line, None),)
    other = replace(line, text="Iets anders.")
    assert outcome(note, note.with_line(other), transcript, doubted("kort", seed)).touched == ((line, other),)


def test_of_every_error_that_can_be_planted_it_can_be_told() -> None:
    """In the reference notes of the benchmark, which people wrote: as it was planted, and mended."""
    told = 0
    for path in sorted(plant.CONSULTS.glob("*.json")):
        name, transcript = read_consult(path)
        lines = plant.reference(json.loads(path.read_text(encoding="utf-8")), transcript)
        for one in [*errors_in(lines, transcript, random.Random(name)), *left_out(lines)]:
            others = [line for line in lines if not one.right or line.id != one.right.id]
            note = note_of(*others, *([one.wrong] if one.wrong else []))
            assert not caught(one, note, note), one
            assert caught(one, note, mended(note, one)), one
            told += 1
    assert told > 800


# --- caught: by example --------------------------------------------------------------------------------------------

EDITS = [
    # kind, should be, was made, signed, caught
    (Mistake.DENIAL_GONE, "Geen koorts, wel moe.", "Koorts, wel moe.", "Geen koorts, wel moe.", True),
    (Mistake.DENIAL_GONE, "Geen koorts, wel moe.", "Koorts, wel moe.", "Koorts ontkend. Wel moe.", True),
    (Mistake.DENIAL_GONE, "Geen koorts, wel moe.", "Koorts, wel moe.", "Moe.", True),
    (Mistake.DENIAL_GONE, "Geen koorts, wel moe.", "Koorts, wel moe.", "Heeft koorts, is moe.", False),
    (Mistake.DENIAL_GONE, "Geen koorts, wel moe.", "Koorts, wel moe.", "Koorts, niet moe.", False),
    (Mistake.DENIAL_GONE, "Bel als niet beter.", "Bel als beter.", "Bel als het niet beter gaat.", True),
    (Mistake.DENIAL_NEW, "Hoest en koorts.", "Hoest en geen koorts.", "Hoest en koorts.", True),
    (Mistake.DENIAL_NEW, "Hoest en koorts.", "Hoest en geen koorts.", "Hoest zonder koorts.", False),
    (Mistake.DENIAL_NEW, "Hoest en koorts.", "Hoest en geen koorts.", "Hoest.", True),
    (Mistake.SIDE, "Pijn linkerknie.", "Pijn rechterknie.", "Pijn in de linker knie.", True),
    (Mistake.SIDE, "Pijn linkerknie.", "Pijn rechterknie.", "Pijn in de rechter knie.", False),
    (Mistake.SIDE, "Pijn linkerknie.", "Pijn rechterknie.", "Kniepijn.", True),
    (Mistake.NUMBER, "Sinds 3 dagen.", "Sinds 8 dagen.", "Sinds drie dagen.", True),
    (Mistake.NUMBER, "Sinds 3 dagen.", "Sinds 8 dagen.", "Al 8 dagen.", False),
    (Mistake.NUMBER, "Sinds 3 dagen.", "Sinds 8 dagen.", "Sinds 5 dagen.", False),
    (Mistake.NUMBER, "T 37,2, sat 99%.", "T 39,2, sat 99%.", "T 37.2, sat 99%.", True),
    (Mistake.DOSE, "Naproxen 500 mg, 2dd.", "Naproxen 500 mg, 4dd.", "Naproxen 2dd500mg, 7 dagen.", True),
    (Mistake.DOSE, "Naproxen 500 mg, 2dd.", "Naproxen 500 mg, 4dd.", "Naproxen 500mg 4dd.", False),
    (Mistake.UNIT, "Over 2 weken controle.", "Over 2 maanden controle.", "Controle over 2 weken.", True),
    (Mistake.UNIT, "Over 2 weken controle.", "Over 2 maanden controle.", "Controle over 2 maanden.", False),
    (Mistake.DRUG, "Paracetamol 3dd.", "Sertraline 3dd.", "Paracetamol 3dd.", True),
    (Mistake.DRUG, "Paracetamol 3dd.", "Sertraline 3dd.", "sertraline 3dd zo nodig.", False),
    (Mistake.PERSON, "Moeder heeft astma.", "Patiënt heeft astma.", "Moeder van patiënt heeft astma.", True),
    (Mistake.PERSON, "Moeder heeft astma.", "Patiënt heeft astma.", "Patient heeft al lang astma.", False),
    (Mistake.TIME, "Koorts sinds gisteren.", "Koorts sinds vorige week.", "Sinds gisteren koorts.", True),
    (Mistake.TIME, "Koorts sinds gisteren.", "Koorts sinds vorige week.", "Vorige week al koorts.", False),
    (Mistake.LEFT_OUT, "Hoest. Slikken gaat moeilijk.", "Hoest.", "Hoest, kan moeilijk slikken.", True),
    (Mistake.LEFT_OUT, "Hoest. Slikken gaat moeilijk.", "Hoest.", "Hoest erg.", False),
    (Mistake.LEFT_OUT, "Hoest. Geen koorts.", "Hoest.", "Hoest, koorts nee.", True),
    (Mistake.LEFT_OUT, "Hoest. Geen koorts.", "Hoest.", "Hoest en koorts.", False),
]  # fmt: skip


def one_line(text: str, section: Section = Section.S) -> Line:
    return Line(id="L1", section=section, text=text, evidence=(0,))


def note_of(*lines: Line) -> Note:
    return Note(reports=(Report(id="R1", lines=lines),), next_line=99)


@pytest.mark.parametrize(("kind", "right", "wrong", "signed", "found"), EDITS)
def test_an_error_is_caught_when_the_line_says_it_no_more(
    kind: Mistake, right: str, wrong: str, signed: str, found: bool
) -> None:
    planted = Planted(kind=kind, right=one_line(right), wrong=one_line(wrong))
    assert caught(planted, note_of(one_line(wrong)), note_of(one_line(signed))) is found


def test_a_line_of_another_speaker_is_caught_in_the_section_where_it_belongs() -> None:
    wrong = one_line("Koorts.", Section.O)
    planted = Planted(kind=Mistake.SPEAKER, right=one_line("Koorts."), wrong=wrong)
    for section in Section:
        signed = note_of(replace(wrong, section=section))
        assert caught(planted, note_of(wrong), signed) is (section is Section.S)


def test_what_was_typed_again_in_another_line_is_still_there() -> None:
    wrong = one_line("Paracetamol 3dd, 8 dagen.")
    planted = Planted(kind=Mistake.NUMBER, right=one_line("Paracetamol 3dd, 3 dagen."), wrong=wrong)
    gone = note_of(wrong, replace(one_line("Hoest."), id="L2")).without_line("L1")
    assert caught(planted, note_of(wrong), gone)
    again = gone.adding("R1", Section.P, "Paracetamol 3dd, 8 dagen.", (), Origin.HUISARTS)
    assert not caught(planted, note_of(wrong), again)


def test_a_line_taken_from_the_talk_brings_back_what_was_left_out() -> None:
    other = replace(one_line("Hoest."), id="L2", evidence=(1,))
    planted = Planted(kind=Mistake.LEFT_OUT, right=replace(one_line("Geen koorts."), id=""), wrong=None)
    note = note_of(other)
    taken = note.adding("R1", Section.S, "Nee, dat heb ik niet gehad.", (0,), Origin.HUISARTS)
    elsewhere = note.adding("R1", Section.S, "Nee, dat heb ik niet gehad.", (1,), Origin.HUISARTS)
    assert caught(planted, note, taken)
    assert not caught(planted, note, elsewhere)


def test_an_invented_measurement_is_caught_when_it_is_another_one() -> None:
    planted = Planted(kind=Mistake.INVENTED, right=None, wrong=one_line("RR 128/76, pols 68."))
    note = note_of(one_line("RR 128/76, pols 68."))
    assert caught(planted, note, note_of(one_line("RR 140/90, pols 72.")))
    assert not caught(planted, note, note_of(one_line("Bloeddruk 128/76.")))


def test_the_words_that_were_said_go_with_it() -> None:
    note, transcript = practice("kort", 0)
    for one in outcome(note, note, transcript, doubted("kort", 0)).judged:
        line = one.planted.wrong or one.planted.right
        assert line is not None
        heard = [transcript.utterances[i] for i in line.evidence]
        assert one.said == tuple((utterance.speaker, utterance.text) for utterance in heard)
        assert any(speaker in set(Speaker) and text for speaker, text in one.said)


def test_what_the_check_points_at_is_counted_apart() -> None:
    note, transcript = practice("kort", 0)
    flagged = [one for one in note.planted if one.flagged]
    assert flagged
    signed = mended(note, flagged[0])
    others = len(note.planted) - len(flagged)
    assert outcome(note, signed, transcript, doubted("kort", 0)).score == Score(
        planted=others, caught=0, flagged=len(flagged), flagged_caught=1, touched=0
    )
