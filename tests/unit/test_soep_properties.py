"""What holds for the draft of any transcript. All people are invented."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance
from transcribe.soep import concepts, drugs, lexicon, measures
from transcribe.soep.bench import read_consult
from transcribe.soep.check import findings, open_findings, unknown_words
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.icpc import own_table, proposals
from transcribe.soep.lexicon import words
from transcribe.soep.memory import remembering
from transcribe.soep.missed import missed
from transcribe.soep.note import Line, Note, Section
from transcribe.soep.numbers import number_word, numbers_in
from transcribe.soep.style import Style, apply_style, difference
from transcribe.soep.support import Talk

SENTENCES = [
    "Goedemorgen, gaat u zitten.",
    "Ik heb sinds drie dagen last van keelpijn en koorts.",
    "Nee, geen hoesten en ook geen oorpijn.",
    "Heeft u koorts, of bent u benauwd?",
    "Rookt u?",
    "Nee.",
    "Ja, een beetje.",
    "Nee, drie weken, denk ik.",
    "Twee, nee, drie keer per dag.",
    "M'n zus Anouk heeft astma. Die slikt prednison.",
    "Dat hoeft niet in het dossier.",
    "Ik ga u even onderzoeken.",
    "De bloeddruk is honderdveertig over negentig, pols tachtig.",
    "Rechts normaal trommelvlies, links rood.",
    "En dan het hartfilmpje.",
    "Boezemfibrilleren, geen oud infarct.",
    "Ik dacht aan een hernia, maar dat past niet.",
    "Dit is een keelontsteking, dus daar geef ik feneticilline voor.",
    "Amoxicilline, vijfhonderd, nee, tweehonderdvijftig milligram, drie keer per dag.",
    "En een antibioticum?",
    "Dat geef ik liever niet.",
    "Moet ik naar de cardioloog?",
    "Ja, ik verwijs u, binnen een week of vier.",
    "Twee keer per dag vijf milligram.",
    "Bij koorts of benauwdheid moet u direct bellen.",
    "Over twee weken zie ik u terug.",
    "Waar bent u bang voor?",
    "Dat het kanker is.",
    "Subjectief. Patiënt heeft twee dagen koorts.",
    "Plan. Paracetamol driemaal daags duizend milligram.",
    "Dictaat, man van vijftig. Punt.",
    "Amlodipine overslaan? Nee, gewoon door.",
    "",
    "...",
    "Nou. Eerlijk?",
    "Met lopen wel, in rust niet.",
    "En de enkels?",
    "Zeshonderd. Drie keer. Nee wacht, ik lieg, vierhonderd. Vier keer per dag vierhonderd.",
    "Vier kilo. Nee, wacht, drie kilo dus.",
    "Uit de nek komt het niet.",
    "Dat komt denk ik door de naproxen.",
    "Dus die naproxen moet eruit.",
    "Ja, direct stoppen.",
    "Met Farida van de wijkzorg. De bloeddruk is honderddertig over zeventig.",
    "Daarom dacht ik, dit zal ook wel astma zijn.",
    "Voor een longembolie zie ik geen aanwijzingen.",
    "Vrij T vier tien, dat is te laag.",
    "nee nee nee",
    ", eh, nee, ",
]
speech = st.one_of(
    st.sampled_from(SENTENCES),
    st.lists(st.sampled_from(SENTENCES), min_size=2, max_size=4).map(" ".join),
    st.text(max_size=40),
)
transcripts = st.lists(
    st.builds(
        Utterance,
        speaker=st.sampled_from(Speaker),
        text=speech,
        start_s=st.just(0.0),
        end_s=st.just(1.0),
        suspicion=st.sampled_from([None, None, None, None, *Suspicion]),
    ),
    max_size=14,
).map(lambda utterances: Transcript(utterances=tuple(utterances)))


def draft(transcript: Transcript) -> Note:
    return ExtractiveDrafter().draft(transcript)


@settings(max_examples=150, deadline=None)
@given(transcripts)
def test_every_line_rests_on_utterances_in_order(transcript: Transcript) -> None:
    for line in draft(transcript).lines():
        assert line.evidence
        assert list(line.evidence) == sorted(set(line.evidence))
        assert all(0 <= i < len(transcript.utterances) for i in line.evidence)
        assert all(transcript.utterances[i].suspicion is None for i in line.evidence)


@settings(max_examples=150, deadline=None)
@given(transcripts)
def test_no_word_and_no_number_comes_from_nowhere(transcript: Transcript) -> None:
    for line in draft(transcript).lines():
        evidence = Talk(transcript).source(line.evidence)
        assert unknown_words(line.text, evidence) == []
        assert numbers_in(line.text) <= evidence.raw_numbers | evidence.numbers


@settings(max_examples=60, deadline=None)
@given(transcripts)
def test_the_same_transcript_gives_the_same_note(transcript: Transcript) -> None:
    assert draft(transcript) == draft(transcript)


@settings(max_examples=60, deadline=None)
@given(transcripts)
def test_ids_are_unique_and_dropped_is_in_range(transcript: Transcript) -> None:
    note = draft(transcript)
    ids = [line.id for line in note.lines()]
    assert len(set(ids)) == len(ids)
    assert note.next_line == len(ids) + 1
    dropped = [item.utterance for item in note.dropped]
    assert dropped == sorted(set(dropped))
    assert all(item.reason and 0 <= item.utterance < len(transcript.utterances) for item in note.dropped)


@settings(max_examples=60, deadline=None)
@given(transcripts)
def test_nothing_said_disappears_without_a_word(transcript: Transcript) -> None:
    """Every utterance with words is evidence of a line, or named as left out."""
    note = draft(transcript)
    used = {i for line in note.lines() for i in line.evidence} | {item.utterance for item in note.dropped}
    spoken = {i for i, u in enumerate(transcript.utterances) if words(u.text)}
    assert spoken <= used


@settings(max_examples=60, deadline=None)
@given(transcripts, st.text(max_size=60), st.lists(st.integers(-2, 20), max_size=4))
def test_the_check_never_raises(transcript: Transcript, text: str, evidence: list[int]) -> None:
    line = Line(id="L1", section=Section.S, text=text, evidence=tuple(evidence))
    findings(line, transcript)
    findings(line, None)
    note = draft(transcript)
    open_findings(note, transcript)
    missed(note, transcript)


def test_empty_transcript_gives_no_lines() -> None:
    assert list(draft(Transcript(utterances=())).lines()) == []


def test_nothing_of_a_consult_stays_in_memory() -> None:
    said = "Ik heb sinds drie dagen last van keelpijn."
    utterance = Utterance(speaker=Speaker.PATIENT, text=said, start_s=0.0, end_s=1.0)
    transcript = Transcript(utterances=(utterance,))
    note = draft(transcript)
    open_findings(note, transcript)
    findings(next(note.lines()), transcript)
    proposals(note.reports[0], Section.S, own_table())
    apply_style(note, Style(abbreviations=False))
    difference(said, said.replace("keelpijn", "zere keel"))
    kept = (lexicon.mentions, lexicon.plain_same_length, number_word, concepts.fold, drugs._nearest, measures._spaced)
    assert [cache.cache_info().currsize for cache in kept] == [0] * len(kept)
    with remembering():
        with remembering():
            draft(transcript)
        assert lexicon.mentions.cache_info().currsize, "another one is at work still"
    assert [cache.cache_info().currsize for cache in kept] == [0] * len(kept)


CONSULTS = Path(__file__).parents[2] / "benchmarks" / "consults"


def test_the_development_consults_give_quiet_drafts() -> None:
    drafts = []
    for path in sorted(CONSULTS.glob("*.json")):
        _, transcript = read_consult(path)
        note = draft(transcript)
        assert list(note.lines())
        drafts.append((note, transcript))
    alarms = sum(len(open_findings(note, transcript)) for note, transcript in drafts)
    assert alarms <= len(drafts)  # at most one false alarm a note
