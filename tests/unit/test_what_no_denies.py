"""What a "nee" denies: the question it comes right behind, and nothing that was misheard. All people are invented."""

from __future__ import annotations

import pytest

from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Note, Section

HUISARTS, PATIENT = Speaker.HUISARTS, Speaker.PATIENT
WHO = {"H": HUISARTS, "P": PATIENT}
UNCLEAR = "“nee”, en niet duidelijk waarop"


def said(at_s: float, line: str, suspicion: Suspicion | None = None) -> Utterance:
    """ "H Koorts?" is the huisarts, P the patient; each lasts a second."""
    return Utterance(speaker=WHO[line[0]], text=line[2:], start_s=at_s, end_s=at_s + 1.0, suspicion=suspicion)


def draft(*utterances: Utterance) -> Note:
    return ExtractiveDrafter().draft(Transcript(utterances=utterances, duration_s=utterances[-1].end_s))


def subjective(note: Note) -> str:
    return " ".join(line.text for line in note.lines() if line.section is Section.S)


def reasons(note: Note) -> dict[int, str]:
    return {dropped.utterance: dropped.reason for dropped in note.dropped}


def test_a_consult_with_holes_in_its_sound_denies_nothing_that_was_not_asked() -> None:
    note = draft(
        said(16, "H Waarmaak u helpen?"),
        said(29, "H Het u door?"),
        said(36, "P Nee, geen"),
        said(40, "H Bent u benauwd?"),
        said(42, "P Nee."),
    )
    assert subjective(note) == "Niet benauwd."
    assert reasons(note)[2] == UNCLEAR


@pytest.mark.parametrize(
    "question",
    ["Waarmaak u helpen?", "Het u door?", "Waarmee heeft u zich bezeerd?", "Waarvoor komt u?",
     "Hoelang heeft u koorts?", "Welke pijn heeft u?", "Wanneer kreeg u koorts?", "Is dat een vraag?"],
)  # fmt: skip
@pytest.mark.parametrize("answer", ["Nee.", "Nee, geen", "Nee hoor."])
def test_a_bare_no_answers_no_open_question_and_denies_no_unknown_words(question: str, answer: str) -> None:
    note = draft(said(0, f"H {question}"), said(1, f"P {answer}"))
    assert subjective(note) == ""
    assert reasons(note)[1] == UNCLEAR


def test_a_question_far_back_is_not_denied() -> None:
    note = draft(said(0, "H Heeft u koorts?"), said(13, "H Bent u benauwd?"), said(14, "P Nee."))
    assert subjective(note) == "Niet benauwd."


def test_an_answer_long_after_its_question_denies_nothing_and_is_listed() -> None:
    note = draft(said(0, "H Heeft u koorts?"), said(30, "P Nee."))
    assert subjective(note) == ""
    assert [(one.utterance, one.kind) for one in note.missed] == [(1, "ontkend")]


def test_a_question_before_an_open_one_is_not_denied() -> None:
    note = draft(said(0, "H Heeft u koorts?"), said(1, "H Wat doet u voor werk?"), said(2, "P Nee."))
    assert subjective(note) == ""


def test_a_question_before_other_words_is_not_denied() -> None:
    note = draft(
        said(0, "H Heeft u koorts?"), said(1, "H De griep heerst."), said(2, "H Bent u benauwd?"), said(3, "P Nee.")
    )
    assert subjective(note) == "Niet benauwd."


def test_a_question_whose_answer_was_heard_too_poorly_is_not_denied() -> None:
    note = draft(
        said(0, "H Heeft u koorts?"),
        said(1, "P Ja.", Suspicion.UNLIKELY),
        said(2, "H Bent u benauwd?"),
        said(3, "P Nee."),
    )
    assert subjective(note) == "Niet benauwd."


def test_a_misheard_question_is_not_denied_with_the_next_one() -> None:
    note = draft(said(0, "H Het u door?"), said(1, "H Bent u benauwd?"), said(2, "P Nee."))
    assert subjective(note) == "Niet benauwd."


@pytest.mark.parametrize(
    ("questions", "line"),
    [
        (["Koorts? Hoesten?"], "Geen koorts, hoesten."),
        (["Koorts?", "Hoesten?"], "Geen koorts, hoesten."),
        (["Wat is er gebeurd?", "Bent u misselijk?"], "Niet misselijk."),
        (["Rookt u?"], "Rookt niet."),
        (["Bent u gevallen?"], "Niet gevallen."),
        (["Koorts, rillingen, een klapvoet?"], "Geen koorts, rillingen, klapvoet."),
    ],
)
def test_questions_asked_in_one_go_are_denied_together(questions: list[str], line: str) -> None:
    asked = [said(n, f"H {question}") for n, question in enumerate(questions)]
    assert subjective(draft(*asked, said(len(asked), "P Nee."))) == line


def test_a_denial_that_breaks_off_is_about_the_last_question_alone() -> None:
    note = draft(said(0, "H Heeft u koorts?"), said(1, "H Bent u benauwd?"), said(2, "P Nee, geen"))
    assert subjective(note) == "Niet benauwd."


def test_a_denial_goes_on_behind_a_pause() -> None:
    note = draft(said(0, "H Het u door?"), said(1, "P Nee, geen"), said(3, "P oorpijn."))
    assert subjective(note) == "Geen oorpijn."


def test_a_sound_before_the_answer_parts_it_from_no_question() -> None:
    note = draft(said(0, "H Heeft u koorts?"), said(1, "P Eh."), said(2, "P Nou,"), said(3, "P Nee."))
    assert subjective(note) == "Geen koorts."


def test_a_denial_that_goes_on_still_answers_its_question() -> None:
    note = draft(said(0, "H Heeft u koorts of oorpijn?"), said(1, "P Nee, geen"), said(3, "P oorpijn."))
    assert subjective(note) == "Geen koorts. Geen oorpijn."


def test_a_question_before_other_words_in_one_breath_is_not_denied() -> None:
    note = draft(said(0, "H Heeft u koorts? De griep heerst hier. Bent u benauwd?"), said(1, "P Nee."))
    assert subjective(note) == "Niet benauwd."


def test_what_the_recogniser_made_up_parts_no_answer_from_its_question() -> None:
    made_up = Utterance(
        speaker=PATIENT, text="Bedankt voor het kijken.", start_s=1, end_s=9, suspicion=Suspicion.PHANTOM
    )
    note = draft(said(0, "H Heeft u koorts?"), made_up, said(9, "P Nee."))
    assert subjective(note) == "Geen koorts."


@pytest.mark.parametrize("mark", Suspicion)
@pytest.mark.parametrize("answer", ["Nee.", "Nee, niet benauwd."])
def test_what_a_guard_kept_out_may_have_been_the_answer(mark: Suspicion, answer: str) -> None:
    """A soft "ja" can be taken for text over silence: the next "nee" is about the next question only."""
    note = draft(
        said(0, "H Heeft u pijn op de borst?"),
        said(2, "P Ja, soms bij inspanning.", mark),
        said(4, "H Bent u benauwd?"),
        said(6, f"P {answer}"),
    )
    assert subjective(note) == "Niet benauwd."
