"""No drafter says that the patient agreed to be recorded."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcribe.asr.transcript import Speaker, Transcript
from transcribe.soep.agreeing import Claim, claim, without_claims
from transcribe.soep.check import Kind, findings, open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.note import Dropped, Line, Note, Origin, Report, Section, note_text
from transcribe.testing import utterances

SURE = [
    "Pat. akkoord met opname voor verslaglegging.",
    "Patiënt gaat akkoord met opname van het gesprek.",
    "Stemt in met geluidsopname.",
    "Geen bezwaar tegen opnemen van het consult.",
    "Vindt het goed dat het gesprek wordt opgenomen.",
    "Toestemming gegeven voor transcriptie.",
    "Patient consented to the recording.",
    "Moeder vond het prima dat AI meeluistert.",
]
DOUBTFUL = ["Patiënt akkoord met opname.", "Informed consent verkregen.", "Toestemming gegeven."]
OTHER = [
    "Akkoord met opname op de interne afdeling.",
    "Toestemming voor inwendig onderzoek.",
    "Foto van de wond gemaakt met toestemming.",
    "Pt akkoord met plan.",
    "Wil niet opgenomen worden in het ziekenhuis.",
    "Opname-indicatie besproken, patiënt stemt in.",
    "Hoest 3 dagen, geen koorts.",
    "Paracetamol 1000 mg 3dd.",
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((one, Claim.SURE) for one in SURE),
        *((one, Claim.DOUBTFUL) for one in DOUBTFUL),
        *((one, None) for one in OTHER),
    ],
)
def test_what_is_a_claim(text: str, expected: Claim | None) -> None:
    assert claim(text) is expected


def talk_of(*said: tuple[Speaker, str]) -> Transcript:
    return Transcript(utterances=utterances(*said), language="nl", model="proef")


def line(number: int, text: str, **changes) -> Line:
    return replace(Line(id=f"L{number}", section=Section.S, text=text, evidence=(number,)), **changes)


def test_a_claim_is_taken_out_and_shown_as_left_out() -> None:
    lines = (
        line(1, "Hoest 3 dagen; pt stemt in met geluidsopname."),
        line(2, SURE[0]),
        line(3, OTHER[0]),
        line(4, SURE[1], evidence=(3,)),
        line(5, SURE[0], origin=Origin.HUISARTS),
    )
    note = without_claims(Note(reports=(Report(id="R1", lines=lines), Report(id="R2", lines=(line(6, SURE[2]),)))))
    assert [one.text for one in note.lines()] == ["Hoest 3 dagen", OTHER[0], SURE[0]]
    assert [report.id for report in note.reports] == ["R1"]
    assert note.dropped == tuple(Dropped(utterance=at, reason="over de opname of de verbinding") for at in (2, 6))


def test_a_note_of_nothing_else_is_empty_and_no_note_is_touched_for_nothing() -> None:
    only = Note(reports=(Report(id="R1", lines=(line(1, SURE[0]),)),))
    assert note_text(without_claims(only)) == ""
    clean = Note(reports=(Report(id="R1", lines=(line(1, OTHER[0]), line(2, DOUBTFUL[0]))),))
    assert without_claims(clean) is clean


@given(texts=st.lists(st.sampled_from(SURE + DOUBTFUL + OTHER), min_size=1, max_size=8))
def test_whatever_a_drafter_writes_no_sure_claim_is_left_and_no_other_statement_is_lost(texts: list[str]) -> None:
    lines = tuple(line(n, text) for n, text in enumerate(texts))
    left = [one.text for one in without_claims(Note(reports=(Report(id="R1", lines=lines),))).lines()]
    assert left == [text for text in texts if text not in SURE]


@pytest.mark.parametrize("text", SURE + DOUBTFUL)
def test_the_check_asks_about_what_is_left(text: str) -> None:
    """Also when the words were said: the talk about consent is no proof of it, the record is."""
    talk = talk_of((Speaker.HUISARTS, text), (Speaker.PATIENT, "Ja hoor, dat is goed."))
    drafted = line(0, text)
    assert Kind.CONSENT in {found.kind for found in findings(drafted, talk)}
    assert Kind.CONSENT not in {found.kind for found in findings(replace(drafted, origin=Origin.HUISARTS), talk)}


@pytest.mark.parametrize("text", OTHER)
def test_the_check_is_quiet_about_other_consents(text: str) -> None:
    talk = talk_of((Speaker.HUISARTS, text))
    assert Kind.CONSENT not in {found.kind for found in findings(line(0, text), talk)}


def test_the_rules_write_no_consent_from_a_talk_about_it() -> None:
    talk = talk_of(
        (
            Speaker.HUISARTS,
            "Ik wil ons gesprek graag opnemen zodat de computer een verslag kan maken. Vindt u dat goed?",
        ),
        (Speaker.PATIENT, "Ja, ik ga akkoord met de opname van het gesprek."),
        (Speaker.PATIENT, "Ik heb al drie dagen keelpijn en koorts."),
        (
            Speaker.HUISARTS,
            "De keel is rood. Dat is een keelontsteking. Paracetamol vier keer per dag duizend milligram.",
        ),
    )
    note = without_claims(ExtractiveDrafter().draft(talk))
    assert "eelpijn" in note_text(note)
    assert all(claim(one.text) is None for one in note.lines())
    assert all(found.kind is not Kind.CONSENT for all_of in open_findings(note, talk).values() for found in all_of)
