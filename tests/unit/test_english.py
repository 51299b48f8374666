"""Consults in English: own tables, the same engine, and nothing of it in a Dutch draft. All people are invented."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transcribe.asr.transcript import Speaker, Transcript, Utterance
from transcribe.soep import lexicon
from transcribe.soep.bench import read_consult
from transcribe.soep.check import Kind, findings, open_findings, unknown_words
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.language import BOTH, DUTCH, ENGLISH, language, speaking
from transcribe.soep.lexicon import cue_pattern, has, pattern, spoken_table
from transcribe.soep.note import Line, Note, Section
from transcribe.soep.numbers import numbers_in
from transcribe.soep.numbers_en import written
from transcribe.soep.support import Talk
from transcribe.soep.telegram import telegram

CONSULTS = Path(__file__).parents[2] / "benchmarks" / "consults"
WHO = {"H": Speaker.HUISARTS, "P": Speaker.PATIENT, "B": Speaker.BEGELEIDER}


def talk(*lines: str, spoken: str = ENGLISH) -> Transcript:
    """ "H Any fever?" is the huisarts, P the patient, B who came along."""
    utterances = tuple(
        Utterance(speaker=WHO[line[0]], text=line[2:], start_s=n, end_s=n + 1.0) for n, line in enumerate(lines)
    )
    return Transcript(utterances=utterances, language=spoken)


def draft(*lines: str) -> Note:
    return ExtractiveDrafter().draft(talk(*lines))


def text(note: Note, section: str) -> str:
    return " ".join(line.text for line in note.lines() if line.section is Section(section))


# --- numbers ----------------------------------------------------------------------------------------------------------

WRITTEN = [
    ("one twenty over seventy", "120/70"),
    ("one hundred and twenty over eighty", "120/80"),
    ("one oh five over sixty", "105/60"),
    ("twenty-four years", "24 years"),
    ("nineteen eighty-four", "1984"),
    ("fifteen hundred", "1500"),
    ("one thousand two hundred", "1200"),
    ("a hundred and five", "105"),
    ("two three days", "2-3 days"),
    ("forty fifty", "40-50"),
    ("call one-one-two", "call 112"),
    ("ninety eight point six", "98,6"),
    ("an a1c of 8.2", "an a1c of 8,2"),
    ("one and a half", "1,5"),
    ("1,000 milligrams twice daily", "1000 mg 2dd"),
    ("five hundred milligrams three times a day", "500 mg 3dd"),
    ("one tablet once a day", "1 tablet 1dd"),
    ("four a month", "4x per month"),
    ("a two out of six murmur", "a 2/6 murmur"),
    ("ninety seven percent", "97%"),
    # what is no number stays
    ("the combined one", "the combined one"),
    ("one of them, no one else", "one of them, no one else"),
    ("the twenty eighth of May", "the twenty eighth of May"),
    ("someone often ate", "someone often ate"),
]


@pytest.mark.parametrize(("spoken", "expected"), WRITTEN)
def test_numbers_are_written(spoken: str, expected: str) -> None:
    assert written(spoken) == expected


ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
ONES += ["thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def spelled(number: int, joined: str) -> str:
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = number % size
    return f"{spelled(number // size, joined)} {name}" + (f"{joined}{spelled(rest, joined)}" if rest else "")


@given(st.integers(2, 99_999), st.sampled_from([" ", " and "]))
def test_every_number_comes_back(number: int, joined: str) -> None:
    assert written(f"about {spelled(number, joined)} steps") == f"about {number} steps"


@pytest.mark.parametrize(("said", "form"), [("1.500 l", "1.500 l"), ("38.5", "38,5"), ("1,000 mg", "1000 mg")])
def test_a_point_and_a_comma_never_change_places(said: str, form: str) -> None:
    assert written(said) == written(written(said)) == form


@given(st.text(alphabet="abenot wfiv-y.,0123456789", max_size=40))
def test_written_form_stays(said: str) -> None:
    assert written(written(said)) == written(said)


# --- tables -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spoken", [DUTCH, ENGLISH, BOTH])
def test_every_pattern_of_every_table_is_sound(spoken: str) -> None:
    with speaking(spoken):
        for section in spoken_table("cues"):
            for name in lexicon.cue_names(section):
                found = cue_pattern(section, name).search("")
                assert found is None or name == "only_no" or found.group() == ""
        for kind in spoken_table("terms"):
            assert pattern(kind).search("") is None


def test_english_has_no_key_that_dutch_does_not_have() -> None:
    with pytest.raises(ValueError, match="counterpart"):
        lexicon._english({"drop": {}}, {"dorp": {}}, with_dutch=False)


def test_each_language_has_its_own_words() -> None:
    assert language() == DUTCH
    assert has("drugs", "zetpil")
    assert not has("drugs", "tylenol")
    with speaking(ENGLISH):
        assert has("drugs", "tylenol")
        assert not has("drugs", "zetpil")
        assert telegram("The pain is really in my left knee.") == "pain in left knee"
    with speaking(BOTH):
        assert has("drugs", "tylenol")
        assert has("drugs", "zetpil")
    with speaking("fr"):  # no tables: the Dutch ones
        assert has("drugs", "zetpil")
    assert language() == DUTCH


def test_a_cue_that_english_lacks_never_matches() -> None:
    with speaking(ENGLISH):
        assert cue_pattern("correction", "said").search("I said 5, but the box is 10") is None


DUTCH_ONLY = """
import json, sys
from pathlib import Path
from transcribe.soep import lexicon, telegram
from transcribe.soep.bench import as_draft, read_consult
from transcribe.soep.extractive import ExtractiveDrafter
real = lexicon.table
def only_dutch(name):
    assert not name.endswith("_en.toml"), name
    return real(name)
lexicon.table = telegram.table = only_dutch
print(json.dumps(as_draft(ExtractiveDrafter().draft(read_consult(Path(sys.argv[1]))[1]))))
"""


def test_a_dutch_draft_reads_no_english_table() -> None:
    path = CONSULTS / "001.json"
    done = subprocess.run([sys.executable, "-c", DUTCH_ONLY, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"text"' in done.stdout
    refused = subprocess.run(
        [sys.executable, "-c", DUTCH_ONLY, str(CONSULTS / "021.json")], capture_output=True, text=True, check=False
    )
    assert "_en.toml" in refused.stderr  # the English one needs them: the test above can fail


def test_drafts_in_two_languages_at_once_do_not_meet() -> None:
    drafter = ExtractiveDrafter()
    talks = [read_consult(CONSULTS / name)[1] for name in ("001.json", "021.json", "002.json", "021.json")]
    alone = [drafter.draft(one) for one in talks]
    with ThreadPoolExecutor(max_workers=4) as pool:
        assert list(pool.map(drafter.draft, talks)) == alone


# --- the draft --------------------------------------------------------------------------------------------------------

EXAM = "H Let me take a look at you."
DONE = "H This is bronchitis."

# Lines of the talk, the section, what must be in it, what must not.
SCENARIOS: dict[str, tuple[tuple[str, ...], str, tuple[str, ...], tuple[str, ...]]] = {
    "complaint": (
        ("P I've had a sore throat for three days.",), "S", ("Sore throat for 3 days",), ("three",),
    ),
    "no": (("H Do you have a fever?", "P No."), "S", ("No fever.",), ("Geen",)),
    "no to a list": (
        ("H Any fever, chills, or shortness of breath?", "P No, none of that."), "S",
        ("No fever, chills, shortness of breath",), (),
    ),
    "a state": (("H Are you pregnant?", "P No."), "S", ("Not pregnant.",), ()),
    "an act": (("H Do you smoke?", "P No, never."), "S", ("Does not smoke",), ()),
    "yes": (("H Any nausea?", "P Yes."), "S", ("Nausea.",), ("No ",)),
    "no, but": (
        ("H Any vomiting or weight loss?", "P No vomiting but weight loss."), "S",
        ("No vomiting but weight loss",), ("No weight", "Vomiting but"),
    ),
    "no, some": (
        ("H Any fever or chills?", "P No fever, some chills."), "S", ("No fever, some chills",), ("fever chills",),
    ),
    "no, only": (("H Any other allergies?", "P Nope, just penicillin."), "S", ("enicillin",), ("No allergy",)),
    "not known is not denied": (("H Any fever?", "P I don't know."), "S", (), ("No fever",)),
    "allergy denied": (("H Are you allergic to anything?", "P No."), "S", ("No allergy",), ()),
    "medication": (
        ("H What medications do you take?", "P I take metformin, five hundred milligrams twice a day."), "S",
        ("Medication: ", "metformin, 500 mg 2dd"), (),
    ),
    "worry": (("P I'm worried it's cancer.",), "S", ("Worried: cancer",), ()),
    "worry is no conclusion": (("P I'm worried it's cancer.",), "E", (), ("ancer",)),
    "relative": (("P My mother has diabetes.",), "S", ("Mother", "diabetes"), ()),
    "taken back": (
        (DONE, "H Amoxicillin, two hundred and fifty, no, five hundred milligrams three times a day."), "P",
        ("500 mg 3dd",), ("250",),
    ),
    "days taken back": (("P I've been coughing for two weeks. No, three.",), "S", ("3 weeks",), ("2 weeks",)),
    "name stays out": (("P My daughter Emily has had the flu.",), "S", ("aughter",), ("Emily",)),
    "withheld": (("P I drink too much. Please don't write that down.",), "S", (), ("drink",)),
    "history read aloud": (
        ("H Maria is a 57-year-old female with a history of asthma who presents today with a cough.", "P Yes."),
        "S", ("57-year-old", "cough"), (),
    ),
    "examination": ((EXAM, "H Your lungs are clear, and there is no edema."), "O", ("ungs clear", "no edema"), ()),
    "blood pressure": ((EXAM, "H Your blood pressure is one forty over ninety."), "O", ("RR 140/90",), ()),
    "murmur": ((EXAM, "H I do appreciate a two out of six systolic murmur."), "O", ("2/6 systolic murmur",), ()),
    "conclusion": ((EXAM, "H I think you have a sinus infection."), "E", ("nfection",), ("No",)),
    "rejected": ((EXAM, "H I don't think you have pneumonia."), "E", ("No pneumonia",), ("Pneumonia",)),
    "to be ruled out is not denied": (
        (EXAM, "H So this is reflux.", "H I'd like to order an ultrasound to rule out gallstones."), "E", (),
        ("No gallstones",),
    ),
    "prescription": (
        (DONE, "H I'd like to prescribe doxycycline one hundred milligrams twice a day."), "P",
        ("oxycycline 100 mg 2dd",), (),
    ),
    "referral": ((DONE, "H I'm going to refer you to a cardiologist."), "P", ("eferral cardiologist",), ()),
    "refused": ((DONE, "P And an antibiotic?", "H No, I'd rather not."), "P", ("No antibiotic",), ()),
    "safety net": (
        (DONE, "H If you get short of breath, call me right away."), "P", ("short of breath", "call"), (),
    ),
    "asked for form only": (
        (DONE, "H I want you to take ibuprofen with food, okay?"), "P", ("buprofen with food",), (),
    ),
    "plan announced": (
        ("H Let me tell you about my assessment and plan.", "H For your diabetes, increase the metformin."), "P",
        ("ncrease metformin",), (),
    ),
    "somebody else tells": (
        ("B He's had a fever since yesterday.",), "S", ("History from other person:", "fever"), (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str) -> None:
    lines, section, wanted, unwanted = SCENARIOS[name]
    found = text(draft(*lines), section)
    assert [part for part in wanted if part not in found] == [], found
    assert [part for part in unwanted if part in found] == [], found


def test_small_talk_stays_out() -> None:
    note = draft("H Hi, how are you?", "P Good, thank you.", "H Hey, dragon, finalize the note.", "P Bye.")
    assert list(note.lines()) == []
    assert {item.utterance for item in note.dropped} == {0, 1, 2, 3}


SENTENCES = [
    "Hi, how are you?", "I've had this pain in my left knee for three weeks.", "Any fever, chills or cough?", "No.",
    "No fever but some chills.", "Yes, a little bit.", "I take lisinopril, twenty milligrams once a day.",
    "My sister Anna has asthma. She takes prednisone.", "Please don't write that down.", "Let me take a look at you.",
    "Your blood pressure is one thirty over eighty, okay?", "I do appreciate a two out of six murmur.",
    "I thought about pneumonia, but that doesn't fit.", "So this is bronchitis, so I'd like to start amoxicillin.",
    "Five hundred, no, two hundred and fifty milligrams.", "And an antibiotic?", "I'd rather not.",
    "If it gets worse, call me.", "I'll see you back in two weeks.", "What are you most worried about?", "", "no no no",
]  # fmt: skip
transcripts = st.lists(
    st.builds(
        Utterance,
        speaker=st.sampled_from([Speaker.HUISARTS, Speaker.PATIENT, Speaker.BEGELEIDER]),
        text=st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=3).map(" ".join),
        start_s=st.just(0.0),
        end_s=st.just(1.0),
    ),
    max_size=12,
).map(lambda utterances: Transcript(utterances=tuple(utterances), language=ENGLISH))


@settings(max_examples=100, deadline=None)
@given(transcripts)
def test_no_word_and_no_number_comes_from_nowhere(transcript: Transcript) -> None:
    note = ExtractiveDrafter().draft(transcript)
    with speaking(BOTH):
        for line in note.lines():
            evidence = Talk(transcript).source(line.evidence)
            assert unknown_words(line.text, evidence) == []
            assert numbers_in(line.text) <= evidence.raw_numbers | evidence.numbers


@settings(max_examples=60, deadline=None)
@given(transcripts)
@example(
    Transcript(
        utterances=(
            Utterance(
                speaker=Speaker.HUISARTS,
                text="I've had this pain for three weeks. Five hundred, no, two hundred and fifty milligrams.",
                start_s=0.0,
                end_s=1.0,
            ),
            Utterance(speaker=Speaker.HUISARTS, text="no no no", start_s=0.0, end_s=1.0),
        ),
        language=ENGLISH,
    )
)
def test_nothing_said_disappears_without_a_word(transcript: Transcript) -> None:
    note = ExtractiveDrafter().draft(transcript)
    used = {i for line in note.lines() for i in line.evidence} | {item.utterance for item in note.dropped}
    assert {i for i, u in enumerate(transcript.utterances) if re.search(r"\w", u.text)} <= used


# --- the check --------------------------------------------------------------------------------------------------------


def line(said: str, evidence: tuple[int, ...], section: Section = Section.S) -> Line:
    return Line(id="L1", section=section, text=said, evidence=evidence)


def test_a_dutch_line_is_checked_against_an_english_talk() -> None:
    transcript = talk("H Any fever?", "P No.", "P I take ibuprofen, four hundred milligrams.")
    assert findings(line("Geen fever.", (0, 1)), transcript) == ()
    assert Kind.NUMBER in {found.kind for found in findings(line("Ibuprofen 800 mg.", (2,)), transcript)}


def test_the_draft_of_an_english_consult_is_hardly_questioned() -> None:
    _, transcript = read_consult(CONSULTS / "021.json")
    note = ExtractiveDrafter().draft(transcript)
    assert len(list(note.lines())) > 15
    assert len(open_findings(note, transcript)) <= 2
