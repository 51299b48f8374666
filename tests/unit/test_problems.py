"""One contact with several problems. All people are invented."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_extractive import talk
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.lines import reports_by_talk
from transcribe.soep.note import Line, Note, Report, Section
from transcribe.soep.problems import divide, stem
from transcribe.soep.sentences import sentences

KNEE = (
    "P Ik heb al drie weken last van mijn rechterknie.",
    "H Ik ga naar uw knie kijken. Geen zwelling, flexie honderddertig graden.",
    "H Ik denk aan beginnende artrose van de knie.",
    "H Paracetamol, vier keer per dag duizend milligram.",
)
NAIL = (
    "H Doet het pijn bij het lopen?",
    "P Ja, in dichte schoenen wel.",
    "H De nagelwal is rood, geen pus.",
    "H Dat is een ingegroeide teennagel. Twee keer per dag een voetbad.",
)


def draft(*lines: str) -> Note:
    return ExtractiveDrafter().draft(talk(*lines))


def text(report: Report, section: str) -> str:
    return " ".join(line.text for line in report.section(Section(section)))


def check_knee_and_nail(note: Note) -> None:
    knee, nail = note.reports
    assert "knie" in knee.title
    assert "eennagel" in nail.title
    assert "artrose" in text(knee, "E")
    assert "Paracetamol" in text(knee, "P")
    assert "eennagel" in text(nail, "S")
    assert "Nagelwal rood" in text(nail, "O")
    assert "voetbad" in text(nail, "P")
    for word in ("nagel", "voetbad", "schoenen"):
        assert word not in " ".join(line.text for line in knee.lines)


@pytest.mark.parametrize(
    "opening",
    [
        "P En dan had ik nog iets. Mijn teennagel links is ingegroeid.",
        "P O ja, nog een andere vraag. Mijn teennagel is ingegroeid.",
        "P Nu ik hier toch ben, kunt u ook even naar mijn teennagel kijken, die is ingegroeid.",
        "P Dan iets heel anders. Ik heb een ingegroeide teennagel.",
        "P Ten tweede heb ik een ingegroeide teennagel.",
    ],
)
def test_an_announced_complaint_gets_a_report_of_its_own(opening: str) -> None:
    check_knee_and_nail(draft(*KNEE, opening, *NAIL))


def test_the_huisarts_may_ask_for_it() -> None:
    check_knee_and_nail(draft(*KNEE, "H Was er verder nog iets?", "P Ja, mijn teennagel is ingegroeid.", *NAIL))


def test_problems_counted_at_the_start() -> None:
    note = draft(
        "P Ik kom voor twee dingen. Ik heb al drie weken last van mijn rechterknie, en mijn teennagel is ingegroeid.",
        *KNEE[1:],
        "H Dan de teennagel.",
        *NAIL,
    )
    check_knee_and_nail(note)


def test_the_talk_may_go_back_to_the_first() -> None:
    note = draft(
        *KNEE,
        "P Dan iets heel anders. Ik heb een ingegroeide teennagel.",
        *NAIL,
        "H Voor de knie zie ik u over zes weken terug.",
    )
    assert "6 weken" in text(note.reports[0], "P")
    assert "6 weken" not in text(note.reports[1], "P")


@pytest.mark.parametrize(
    "more",
    [
        # the same complaint
        ("P En nog iets, de knie is 's ochtends stijf.", "H Dat hoort erbij."),
        # a question about the plan
        ("P Nog een vraag, mag ik dan wel werken?", "H Ja hoor, werken mag."),
        # somebody else's complaint
        ("P Dan iets heel anders. Mijn vrouw heeft een ingegroeide teennagel.", "H Laat haar een voetbad nemen."),
        # a word that sounds like it
        ("P Mijn neef heeft jicht, maar dat is iets anders.", "H Dat klopt."),
        # nothing more
        ("H Was er verder nog iets?", "P Nee, verder niks."),
        # named, and left at that
        ("P En dan heb ik nog iets, mijn teennagel.", "P Maar dat komt later wel."),
    ],
)
def test_what_is_no_other_problem_gives_no_other_report(more: tuple[str, ...]) -> None:
    note = draft(*KNEE, *more)
    assert len(note.reports) == 1
    assert note.reports[0].title == ""


def test_a_second_symptom_at_the_start_is_the_same_problem() -> None:
    note = draft("P Ik heb hoofdpijn. En nog iets, ik ben misselijk.", "H Ik denk aan migraine. Neem paracetamol.")
    assert len(note.reports) == 1


def test_lines_are_numbered_through_all_reports() -> None:
    note = draft(*KNEE, "P Dan iets heel anders. Ik heb een ingegroeide teennagel.", *NAIL)
    assert [report.id for report in note.reports] == ["R1", "R2"]
    ids = [line.id for line in note.lines()]
    assert ids == [f"L{n}" for n in range(1, len(ids) + 1)]
    assert note.next_line == len(ids) + 1


def test_lines_of_a_language_model_go_to_the_report_they_are_about() -> None:
    transcript = talk(
        "P Ik kom voor twee dingen. Ik heb last van mijn rechterknie, en mijn teennagel is ingegroeid.",
        *KNEE[1:],
        "H Dan de teennagel.",
        *NAIL,
    )
    written = [
        Line(id="L1", section=Section.S, text="Pijn rechterknie.", evidence=(0,)),
        Line(id="L2", section=Section.S, text="Teennagel ingegroeid.", evidence=(0,)),
        Line(id="L3", section=Section.E, text="Artrose.", evidence=(2,)),
        Line(id="L4", section=Section.P, text="Voetbad 2dd.", evidence=(8,)),
    ]
    knee, nail = reports_by_talk(written, divide(sentences(transcript)))
    assert [line.id for line in knee.lines] == ["L1", "L3"]
    assert [line.id for line in nail.lines] == ["L2", "L4"]
    (whole,) = reports_by_talk(written[:2], divide(sentences(transcript)))
    assert [line.id for line in whole.lines] == ["L1", "L2"]
    assert [report.id for report in reports_by_talk([], divide([]))] == ["R1"]


DICTATION = (
    "H Dictaat. Subjectief. Patiënt heeft sinds vier dagen oorpijn rechts. Niet ziek.",
    "H Objectief. Helder. Trommelvlies rood en bomberend.",
    "H Evaluatie. Even gedacht aan een cholesteatoom, maar het trommelvlies is gaaf, dus dat verwerp ik.",
    "H Plan. Paracetamol, controle over twee weken.",
)


@pytest.mark.parametrize("next_one", ["Volgend probleem. Subjectief.", "Tweede deelcontact.", "Subjectief."])
def test_a_dictation_with_two_problems(next_one: str) -> None:
    note = draft(*DICTATION, f"H {next_one} Al een jaar last van een wrat op de duim.", "H Plan. Aanstippen.")
    ear, wart = note.reports
    assert (ear.title, wart.title) == ("Oorpijn", "Wrat")
    assert text(wart, "S") == "Al een jaar last van een wrat op de duim."
    assert text(wart, "P") == "Aanstippen."


def test_every_word_of_a_dictation_is_in_the_note() -> None:
    (report,) = draft(*DICTATION).reports
    assert text(report, "S") == "Patiënt heeft sinds 4 dagen oorpijn rechts. Niet ziek."
    assert text(report, "O") == "Helder. Trommelvlies rood en bomberend."
    assert text(report, "E") == (
        "Even gedacht aan een cholesteatoom, maar het trommelvlies is gaaf, dus dat verwerp ik."
    )
    assert text(report, "P") == "Paracetamol, controle over 2 weken."


@pytest.mark.parametrize("words", ["slaap slapen slaapt", "plek plekje plekken", "knie rechterknie", "wrat wratten"])
def test_one_thing_has_one_stem(words: str) -> None:
    assert len({stem(word) for word in words.split()}) == 1


@given(st.text(max_size=20))
def test_a_stem_is_stable_enough_to_compare(word: str) -> None:
    assert stem(word) == stem(word.upper()) or not word.isascii()
