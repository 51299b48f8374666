"""Turns of phrase that were once read the wrong way round. All people are invented."""

from __future__ import annotations

import pytest

from tests.unit.test_extractive import talk
from transcribe.soep.conclusions import concluded
from transcribe.soep.corrections import apply
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.planning import dropped, planned


@pytest.mark.parametrize(
    ("said", "following", "lines"),
    [
        ("Ik zou het overspanning willen noemen.", "", []),  # then the sentence itself is written
        ("Uw astma is nu niet goed onder controle.", "", ["Astma nu niet goed onder controle"]),
        ("Het is niet alleen slijtage.", "", ["Niet alleen slijtage"]),
        ("Een echte longontsteking is het niet.", "", ["Geen echte longontsteking"]),
        ("Suikerziekte kan er dus af.", "", ["Geen suikerziekte"]),
        (
            "Aan artritis moet ik ook denken, dat weet ik niet zeker.",
            "",
            ["Aan artritis moet ook denken, dat weet niet zeker"],
        ),
        ("Een ring, dan denkt iedereen aan Lyme.", "Maar dan had u er een gezien.", ["Geen Lyme"]),
        ("Ik denk eerder aan een hernia dan aan artrose.", "", ["Hernia"]),
    ],
)
def test_what_is_concluded_and_what_is_rejected(said: str, following: str, lines: list[str]) -> None:
    assert concluded(said, following) == lines


def test_a_conclusion_behind_no_takes_nothing_back() -> None:
    said = [((3,), "Een koortslip lijkt het niet, dan doet het zeer."), ((3,), "Nee, dit is krentenbaard.")]
    assert apply(said) == said


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (("Zes glazen per dag.", "Nou, als ik eerlijk ben, 10."), "10 glazen"),
        (("Dat was 2 keer.", "Nee, laat me niet liegen.", "3 keer."), "3 keer"),
        (("Sinds carnaval.", "Nee, Pasen was het."), "Pasen"),
    ],
)
def test_what_is_said_better_takes_the_place(said: tuple[str, ...], kept: str) -> None:
    text = " ".join(text for _, text in apply([((0,), text.replace("Zes", "6")) for text in said]))
    assert kept in text
    assert not any(word in text for word in ("6", "2 keer", "carnaval"))


def test_a_drug_that_may_be_taken_is_not_refused() -> None:
    assert planned("Paracetamol mag, tot 3 gram op een dag, niet meer met die lever.").startswith("Paracetamol mag")
    assert planned("Een scan, die is nu niet nodig.") == "Geen scan"


@pytest.mark.parametrize(
    ("said", "following", "names"),
    [
        ("Ik heb temazepam overwogen.", "Maar nee, ik denk dat we daar niet mee beginnen.", ["temazepam"]),
        ("We doen een echo.", "Nee, toch maar niet.", ["echo"]),
        ("Bloed: suiker en vitamine B12.", "Nee, B12 heeft geen zin.", []),  # the suiker stays
        ("U krijgt prednison.", "Nee, u hoeft niet nuchter te zijn.", []),
    ],
)
def test_what_was_thought_of_and_is_not_done(said: str, following: str, names: list[str]) -> None:
    assert dropped(said, following) == names


def test_a_question_without_a_thing_in_it_is_told_with_its_answer() -> None:
    note = ExtractiveDrafter().draft(talk("H Denkt u wel eens dat u niet meer wilt leven?", "P Nee, nooit."))
    (line,) = note.lines()
    assert "niet meer wilt leven: nee" in line.text


def test_of_whom_a_patient_speaks_is_known_one_sentence_further() -> None:
    note = ExtractiveDrafter().draft(
        talk("P M'n zus lag in het ziekenhuis. Daar ben ik bang voor. Die was twaalf kilo kwijt.")
    )
    assert "Zus was 12 kg" in " ".join(line.text for line in note.lines())


def test_a_wish_in_other_words_is_heard() -> None:
    said = talk("P Er hangt een scheiding in de lucht. Maar dat wil ik er liever buiten houden. Ik hoest al een week.")
    text = " ".join(line.text for line in ExtractiveDrafter().draft(said).lines())
    assert "scheiding" not in text
    assert "hoest" in text.lower()
