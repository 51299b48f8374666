"""A dictation with spoken commands: what is one, what is none, and that no word is lost. All people are invented."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_extractive import draft, talk, text
from transcribe.asr.transcript import Suspicion
from transcribe.soep.check import open_findings
from transcribe.soep.extractive import ExtractiveDrafter
from transcribe.soep.lexicon import table
from transcribe.soep.missed import missed
from transcribe.soep.note import Note, Section, note_text
from transcribe.soep.numbers import plain
from transcribe.soep.spoken import Dictated, commands, dictated_by, text_of
from transcribe.web.views import LAYOUT_TEXT, Layout

FORMS = tomllib.loads((Path(__file__).parent / "spoken_forms.toml").read_text(encoding="utf-8"))
PAIRS = [(spoken, written) for group in FORMS.values() for spoken, written in group.items()]


def lines(*utterances: str) -> list[str]:
    """ "S hoest." for each dictated line; "? " where no section was named."""
    return [
        f"{line.section or '?'} {' '.join(text_of(sentence) for sentence in line.sentences)}"
        for line in dictated_by(enumerate(utterances)).lines
    ]


def begun(*utterances: str) -> Note:
    """The draft of what the huisarts began as a dictation."""
    said = talk(*(f"H {one}" for one in utterances))
    return ExtractiveDrafter().draft(replace(said, dictation=True))


# --- written forms ---


def test_there_are_enough_of_them() -> None:
    assert len(PAIRS) >= 150


@pytest.mark.parametrize(("spoken", "written"), PAIRS, ids=[spoken for spoken, _ in PAIRS])
def test_spoken_and_written(spoken: str, written: str) -> None:
    said = f"H Objectief: {spoken}."
    note = draft(said)
    wanted = written[:1].upper() + written[1:]
    assert text(note, "O") == (wanted if wanted[-1] in ".?" else f"{wanted}.")
    assert open_findings(note, talk(said)) == {}  # the check knows the written form for what was said


#: What is prescribed, as it is said and written.
DRUGS = ["ibuprofen", "simvastatine", "furosemide", "amoxicilline", "bisoprolol", "alprazolam", "Sinemet"]
DOSES = {
    "vijf": "5", "tien": "10", "twintig": "20", "achtendertig": "38", "veertig": "40", "tweeënveertig": "42",
    "vijftig": "50", "honderd": "100", "honderd vijftig": "150", "twee honderd": "200", "vierhonderd": "400",
    "vijfhonderd": "500", "duizend": "1000", "tweeduizend": "2000", "nul komma vijf": "0,5", "twee komma vijf": "2,5",
    "nul komma nul vijf": "0,05", "negentienhonderd": "1900",
}  # fmt: skip
COUNTS = {
    "één": "1", "twee": "2", "drie": "3", "vier": "4", "zes": "6", "zeven": "7", "acht": "8", "negen": "9",
    "tien": "10", "veertien": "14", "twintig": "20", "dertig": "30", "negentig": "90",
}  # fmt: skip
WHAT = [
    "keer per dag", "maal daags", "keer daags", "dd", "d d", "keer per week", "tabletten", "capsules", "pufjes",
    "stuks", "eenheden", "druppels", "zakjes", "dagen", "weken", "maanden", "uur", "jaar", "per dag", "'s avonds",
    "voor de nacht", "kinderen", "keer",
]  # fmt: skip
BETWEEN = ["", "", "", " komma", " punt"]
parts = st.lists(
    st.tuples(st.sampled_from(BETWEEN), st.sampled_from(sorted(COUNTS)), st.sampled_from(WHAT)), min_size=1, max_size=4
)


@given(st.sampled_from(DRUGS), st.sampled_from(sorted(DOSES)), parts)
def test_no_number_is_written_that_was_not_said(drug: str, dose: str, counted: list[tuple[str, str, str]]) -> None:
    said = f"{drug} {dose}" + "".join(f"{between} {count} {what}" for between, count, what in counted)
    found = re.findall(r"\d+(?:,\d+)?", text(draft(f"H Subjectief: goed. Plan: {said} nieuwe regel"), "P"))
    assert found == [DOSES[dose], *(COUNTS[count] for _, count, _ in counted)], said


MEASURED = {
    "temperatuur achtendertig vier": ["38,4"], "temperatuur achtendertig komma vier": ["38,4"],
    "hb acht komma één": ["8,1"], "kalium vier komma vier": ["4,4"], "gewicht tachtig komma vijf kilo": ["80,5"],
    "pols tachtig": ["80"], "bloeddruk honderdveertig over negentig": ["140", "90"], "pijnscore zeven": ["7"],
    "saturatie zevenennegentig procent": ["97"], "koorts tot negenendertig": ["39"], "ademfrequentie achttien": ["18"],
    "vrouw veertig jaar": ["40"], "twee kinderen": ["2"], "drie keer gebraakt": ["3"], "controle over zes weken": ["6"],
    "metoprolol vijftig": ["50"], "één tablet": ["1"], "een verwijsbrief mee": [], "hoest": [],
}  # fmt: skip


@given(
    st.lists(
        st.tuples(st.sampled_from(["", " komma", " punt"]), st.sampled_from(sorted(MEASURED))), min_size=2, max_size=4
    )
)
def test_what_was_measured_is_written_as_it_was_said(measured: list[tuple[str, str]]) -> None:
    said = "".join(f"{between} {one}" for between, one in [("", measured[0][1]), *measured[1:]])
    found = re.findall(r"\d+(?:,\d+)?", text(draft(f"H Subjectief: goed. Objectief:{said} nieuwe regel"), "O"))
    assert found == [number for _, one in measured for number in MEASURED[one]], said


# --- commands, as a recogniser writes them ---


@pytest.mark.parametrize(
    "said",
    [
        "subjectief dubbele punt hoest punt nieuwe regel geen koorts objectief longen schoon evaluatie bronchitis plan "
        "afwachten",
        "Subjectief: hoest. Nieuwe regel. Geen koorts. Objectief: longen schoon. Evaluatie: bronchitis. Plan: "
        "afwachten.",
        "Subjectief, hoest, punt, nieuwe regel, geen koorts, punt. Objectief, longen schoon, punt. Evaluatie, "
        "bronchitis, punt. Plan, afwachten, punt.",
        "Subjectief hoest. Punt. Nieuwe regel geen koorts. Punt. Objectief longen schoon. Punt. Evaluatie bronchitis. "
        "Punt. Plan afwachten. Punt.",
        "Dictaat. Anamnese: hoest. Volgende regel. Geen koorts. Bij lichamelijk onderzoek: longen schoon. Conclusie: "
        "bronchitis. Beleid: afwachten. Einde dictaat.",
        "S: hoest. Nieuwe alinea. Geen koorts. O: longen schoon. E: bronchitis. P: afwachten.",
    ],
)  # fmt: skip
def test_sections_and_lines(said: str) -> None:
    found = [re.sub(r"[.]", "", line).lower() for line in lines(said)]
    assert found == ["s hoest", "s geen koorts", "o longen schoon", "e bronchitis", "p afwachten"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("geen koorts komma wel hoest", "geen koorts, wel hoest"),
        ("Geen koorts. Komma. Wel hoest.", "Geen koorts, wel hoest."),
        ("Geen koorts, komma, Jansen belde", "Geen koorts, Jansen belde"),
        ("hoest punt geen koorts", "hoest. Geen koorts"),
        ("Hoest. Vraagteken. Geen koorts", "Hoest? Geen koorts"),
        ("rood haakje openen, links, haakje sluiten. Warm", "rood (links). Warm"),
        ("rood open haakje links haakje sluiten punt warm", "rood (links). Warm"),
        ("rust puntkomma koelen", "rust; koelen"),
        ("rust punt komma koelen", "rust; koelen"),
        ("en schuine streep of", "en/of"),
        ("knie streepje rechts", "knie - rechts"),
        ("drie streepje vijf dagen", "drie-vijf dagen"),
        ("x koppelteken foto", "x-foto"),
        ("eh hoest uhm en koorts", "hoest en koorts"),
        ("hoest punt punt punt", "hoest."),
        ("achtendertig komma vijf", "achtendertig komma vijf"),
        ("38 punt 5", "38 punt 5"),
        ("pols tachtig komma twee dagen ziek", "pols tachtig, twee dagen ziek"),
        ("controle over twee weken punt drie tabletten", "controle over twee weken. Drie tabletten"),
        ("is ziek m.n. links", "is ziek m.n. links"),
        # a mark or a decimal
        ("driemaal daags twee komma zeven dagen", "driemaal daags twee, zeven dagen"),
        ("driemaal daags één komma zeven dagen", "driemaal daags één, zeven dagen"),
        ("2 dd twee komma zeven tot tien dagen", "2 dd twee, zeven tot tien dagen"),
        ("tweemaal daags twee komma vijf milligram", "tweemaal daags twee komma vijf milligram"),
        ("sinds twee komma vijf jaar", "sinds twee komma vijf jaar"),
        ("pijnscore zeven komma drie dagen ziek", "pijnscore zeven, drie dagen ziek"),
        ("pijnscore zeven komma vijf dagen ziek", "pijnscore zeven, vijf dagen ziek"),
        ("temperatuur achtendertig komma twee keer gebraakt", "temperatuur achtendertig, twee keer gebraakt"),
        ("ademfrequentie twintig komma twee kinderen", "ademfrequentie twintig, twee kinderen"),
        ("pijnscore zes punt twee kinderen thuis", "pijnscore zes. Twee kinderen thuis"),
        ("pijnscore zes punt twee maal gebraakt", "pijnscore zes. Twee maal gebraakt"),
        ("paracetamol vier punt vijf", "paracetamol vier. Vijf"),
        ("Hb acht punt een verwijsbrief mee", "Hb acht. Een verwijsbrief mee"),
        ("Hb acht komma een verwijsbrief mee", "Hb acht, een verwijsbrief mee"),
        ("Hb acht punt twee tabletten ijzer", "Hb acht. Twee tabletten ijzer"),
        ("Hb acht komma een kalium vier komma een", "Hb acht komma een kalium vier komma een"),
        ("Hb acht punt één punt kalium vier punt vijf", "Hb acht punt één. Kalium vier punt vijf"),
        ("weegt tachtig punt vijf kilo", "weegt tachtig punt vijf kilo"),
        # a colon that was said stays at the end of a line, one that was heard goes
        ("afspraken dubbele punt", "afspraken:"),
    ],
)
def test_marks(said: str, written: str) -> None:
    assert lines(f"Objectief: {said}") == [f"O {written}"]


@pytest.mark.parametrize(
    "said",
    [
        "Op dit punt stabiel.", "Het zwakke punt is de knie.", "Drukpijn punt van McBurney.",
        "De komma's staan er.", "Een komma vergeten.", "Een nieuwe regel medicatie.", "De nieuwe regel is bekend.",
        "Het plan is om te wachten.", "Plan is besproken.", "Evaluatie over twee weken.",
        "Verwezen ter evaluatie.", "Volgens plan gegaan.", "Er is geen plan.", "Objectief gezien beter.",
        "Klachten zijn subjectief minder.", "Een nieuw probleem is de knie.", "Er zit een streepje op.",
        "Met een slash erin.", "E. coli in de kweek.", "Onderzoek volgt.", "Diagnose onzeker.",
        "De laatste zin wist hij niet.", "Hij wist het laatste woord.", "Zie dictaat cardioloog.", "Zie dictaat.",
        "Brief. Dictaat cardioloog volgt.", "Een pijnlijke punt boven de knie.", "Lateraal een gevoelige punt.",
        "Drukpijnlijke punt lateraal.", "Op een gegeven punt gestopt.", "Scherpe punt aan de kies.",
        "Geen komma of punt.", "Punt van zorg: de mantelzorg.", "Punt van aandacht is het gewicht.",
    ],
)  # fmt: skip
def test_the_same_words_in_a_sentence(said: str) -> None:
    assert lines("Subjectief:", said) == [f"S {said}"]


@pytest.mark.parametrize(
    "said",
    [
        ("Dictaat. Subjectief: hoest.",), ("Dictaat subjectief: hoest.",), ("Begin dictaat", "subjectief: hoest."),
        ("Subjectief: hoest.", "einde dictaat"), ("Subjectief: hoest. Einde dictaat.",),
        ("Subjectief: hoest.", "Dictaat."),
    ],
)  # fmt: skip
def test_the_word_dictaat_where_one_begins_or_ends(said: tuple[str, ...]) -> None:
    assert lines(*said) == ["S hoest."]


@pytest.mark.parametrize(("heard", "written"), [("dubbele punt", "De volgende punten:"), (":", "De volgende punten.")])
def test_a_colon_at_the_end_of_a_line(heard: str, written: str) -> None:
    note = draft(f"H Plan. De volgende punten {heard} nieuwe regel rust punt".replace(" :", ":"))
    assert [line.text for line in note.lines()] == [written, "Rust."]


def test_wiping_takes_the_last_of_what_stands_and_says_so() -> None:
    said = ("Plan. Afwachten. Foto maken.", "Wis laatste zin. Rust punt", "koelen wis laatste woord elevatie")
    found = dictated_by(enumerate(said))
    assert lines(*said) == ["P Afwachten. Rust. Elevatie"]
    assert found.wiped == ((0, "Foto maken."), (2, "Koelen"))
    note = draft(*(f"H {one}" for one in said))
    assert [(one.utterance, one.reason) for one in note.dropped] == [
        (0, "gewist in het dictaat: “Foto maken.”"), (2, "gewist in het dictaat: “Koelen”"),
    ]  # fmt: skip
    assert note.missed == ()


@pytest.mark.parametrize(
    "wipe", ["Wis de laatste zin.", "verwijder laatste zin", "Schrap de vorige zin,", "Laatste zin wissen."]
)
def test_ways_to_wipe(wipe: str) -> None:
    assert lines("Subjectief: hoest. Koorts.", wipe) == ["S hoest."]
    assert lines("Subjectief: hoest. Koorts", wipe, wipe, wipe, "moe") == ["S Moe"]


def test_a_hesitation_before_the_wiping_is_part_of_it() -> None:
    assert lines("Subjectief: hoest.", "Nee wacht, wis laatste zin.", "Geen hoest.") == ["S Geen hoest."]


@pytest.mark.parametrize("when", ["om", "elke", "om de", "vanaf"])
@pytest.mark.parametrize("thing", ["eenheden", "druppels", "pufjes", "tabletten", "milligram", "IE", "ampullen"])
@pytest.mark.parametrize("count", [("tien", "10"), ("vijftien", "15"), ("dertig", "30"), ("veertig", "40")])
def test_an_amount_behind_a_time_stays_an_amount(when: str, thing: str, count: tuple[str, str]) -> None:
    said = f"H Subjectief: goed. Plan: insuline {when} acht uur {count[0]} {thing} punt nieuwe regel"
    plan = text(draft(said), "P")
    assert re.search(rf"\b8 uur {count[1]}\b", plan), plan


def test_a_wiped_line() -> None:
    assert lines("Plan: rust. Koelen. Nieuwe regel. Foto. Echo. Wis laatste regel. Controle.") == [
        "P rust. Koelen.", "P Controle.",
    ]  # fmt: skip


def test_problems_of_a_literal_dictation() -> None:
    note = draft(
        "H Subjectief: oorpijn punt plan paracetamol punt",
        "H Nieuw probleem. Wrat op de duim. Plan: aanstippen.",
        "H Subjectief: keelpijn. Evaluatie: eci.",
    )
    assert [report.title for report in note.reports] == ["Oorpijn", "Wrat op duim", "Keelpijn"]
    assert [[line.section.value for line in report.lines] for report in note.reports] == [
        ["S", "P"],
        ["S", "P"],
        ["S", "E"],
    ]
    assert [line.id for line in note.lines()] == [f"L{n}" for n in range(1, 7)]
    assert note.next_line == 7


def test_without_any_section_the_words_ask_for_one() -> None:
    note = draft("H Sinds drie dagen hoest punt nieuwe regel bloeddruk honderdveertig over negentig punt")
    assert (text(note, "S"), text(note, "O")) == ("Sinds 3 dagen hoest.", "RR 140/90.")


def test_a_long_line_is_cut_between_sentences() -> None:
    said = " ".join(f"Zin {name} met acht gewone woorden erin gezegd." for name in ("een", "anders", "weer", "nog"))
    shown = [line.text for line in draft(f"H Subjectief: {said}").lines()]
    assert len(shown) == 2
    assert plain(" ".join(shown)) == plain(said.replace("acht", "8"))


def test_nothing_said_twice_is_left_out() -> None:
    """In a draft a double goes; in a dictation it was dictated twice."""
    assert text(draft("H Objectief: links geen hoest. Punt. Geen hoest. Punt."), "O") == "Links geen hoest. Geen hoest."


@pytest.mark.parametrize(
    ("said", "is_literal"),
    [
        ("Subjectief: hoest.", True), ("Hoest nieuwe regel koorts.", True), ("Hoest. Punt. Wel moe.", False),
        ("Anamnese. Hoest. Beleid. Rust.", False), ("Plan: rust. Evaluatie: over twee weken.", False), ("", False),
        ("Hoest punt koorts punt moe komma ziek punt", True),
    ],
)  # fmt: skip
def test_who_dictates_every_mark(said: str, is_literal: bool) -> None:
    assert dictated_by([(0, said)]).literal is is_literal


#: A plan that a huisarts adds to a talk: one section, that is an ordinary word too, and a mark or three.
ADDED = [
    (
        "Plan. Thyrax nul komma één milligram eenmaal daags punt Vitamine D achthonderd IE punt Insuline zes eenheden "
        "om acht uur en acht eenheden om zes uur punt",
        "Thyrax 0,1 mg 1dd. Vitamine D 800 IE. Insuline 6 eenheden om 8 uur en 8 eenheden om 6 uur.",
    ),
    (
        "plan paracetamol driemaal daags vijfhonderd milligram punt amoxicilline drie keer per dag vijfhonderd "
        "milligram gedurende zeven dagen",
        "Paracetamol 3dd500mg. Amoxicilline 3dd500mg gedurende 7 dagen.",
    ),
    ("Plan rust komma koelen", "Rust, koelen."),
    ("Plan. Rust punt", "Rust."),
]  # fmt: skip


@pytest.mark.parametrize(("said", "written"), ADDED)
def test_one_mark_is_enough_in_what_was_begun_as_a_dictation(said: str, written: str) -> None:
    assert [(line.section, line.text) for line in begun(said).lines()] == [(Section.P, written)]
    assert not dictated_by([(0, said)]).literal  # nobody said that this is a dictation: as it was


@pytest.mark.parametrize(
    ("said", "kept_words"),
    [
        ("Lateraal een pijnlijke punt.", "een pijnlijke punt."),
        ("Punt van zorg: de mantelzorg.", "punt van zorg: de"),
        ("Plan. Een pijnlijke punt boven de knie injecteren.", "pijnlijke punt boven"),
        ("Op dit punt stabiel. Nee, beter.", "op dit punt stabiel"),
        ("Temperatuur achtendertig komma vijf.", "T 38,5"),
        ("Het zwakke punt is de knie.", "zwakke punt is"),
    ],
)
def test_a_point_that_is_no_mark_is_none_in_what_was_begun_as_a_dictation(said: str, kept_words: str) -> None:
    assert not dictated_by([(0, said)], begun=True).literal
    assert kept_words.lower() in note_text(begun(said)).lower()


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Objectief gezien geen verbetering.", "P Objectief gezien geen verbetering."),
        ("Plan is fysiotherapie.", "P Plan is fysiotherapie."),
        ("Het plan is om te wachten.", "P Het plan is om te wachten."),
        ("Evaluatie over twee weken.", "P Evaluatie over 2 weken."),
        ("Subjectief gezien beter.", "P Subjectief gezien beter."),
        ("Conclusie: faryngitis.", "E Faryngitis."),
    ],
)
def test_the_name_of_a_section_in_a_sentence_stays_there_in_a_free_dictation(said: str, written: str) -> None:
    section, _, wanted = written.partition(" ")
    assert wanted in text(begun("Evaluatie. Gonartrose links. Plan. Rust.", said), section)


def test_a_complaint_is_history_until_a_section_is_named() -> None:
    """The draft that grows with a dictation has no heading yet."""
    said = "Patiënt heeft sinds drie dagen keelpijn."
    assert text(begun(said), "S") == text(begun(said, "Objectief. Keel rood."), "S") == said.replace("drie", "3")


def test_every_command_does_what_it_says() -> None:
    for command in commands():
        for phrase in command.phrases:
            mark = command.marked[:1] or "." * (command.does == "nothing")
            said = f"Plan: rust. {' '.join(phrase).capitalize()}{mark} Foto"
            found = dictated_by([(0, said)])
            shown = " ".join(text_of(sentence) for line in found.lines for sentence in line.sentences)
            assert not set(phrase) & set(re.findall(r"\w+", plain(shown))), phrase


def test_the_page_has_every_command() -> None:
    page = (Path(__file__).parents[2] / "docs" / "dictation.md").read_text(encoding="utf-8")
    rules = table("spoken.toml")["command"]
    assert isinstance(rules, list)
    rows = [f"| {one['say'][0]} | {', '.join(one['say'][1:])} | {one['shown']} |" for one in rules]
    assert re.findall(r"^\| .* \| .* \| .* \|$", page, re.MULTILINE)[1:] == ["| --- | --- | --- |", *rows]


def test_the_page_calls_the_choice_what_the_browser_calls_it() -> None:
    root = Path(__file__).parents[2]
    name = LAYOUT_TEXT[Layout.DICTATION]
    recorder = (root / "transcribe" / "web" / "templates" / "_recorder.html").read_text(encoding="utf-8")
    assert f'value="dictaat"> {{{{ _("{name}") }}}}' in recorder
    assert f"“{name}” in the" in (root / "docs" / "dictation.md").read_text(encoding="utf-8").replace("\n", " ")


# --- nothing is lost ---


def kept(found: Dictated) -> list[str]:
    """Every word that is in a line or was wiped."""
    written = [text_of(sentence) for line in found.lines for sentence in line.sentences]
    return words_of(" ".join([*written, *(text for _, text in found.wiped)]))


def words_of(said: str) -> list[str]:
    return re.findall(r"\w+", plain(said))


PHRASES = [" ".join(phrase) for command in commands() for phrase in command.phrases]
COMMAND_WORDS = {word for phrase in PHRASES for word in phrase.split()} | {"eh", "ehm", "uh", "uhm", "hm", "ahum"}
#: Words that mean nothing, so that each can be told from all others.
NONSENSE = [f"{a}{b}{c}q" for a in "bdfg" for b in "aou" for c in "klm"]
MARKS = st.sampled_from(["", "", "", ".", ",", ":", "?"])
pieces = st.lists(
    st.one_of(
        st.tuples(st.just(True), st.sampled_from(NONSENSE), MARKS),
        st.tuples(st.just(False), st.sampled_from(PHRASES), MARKS),
    ),
    max_size=25,
)


@given(pieces, st.sets(st.integers(0, 24)))
def test_every_word_is_in_a_line_or_wiped_or_a_command(said: list[tuple[bool, str, str]], cuts: set[int]) -> None:
    utterances = [""]
    for n, (_, phrase, mark) in enumerate(said):
        utterances += [""] if n in cuts else []
        utterances[-1] += f" {phrase}{mark}"
    found = kept(dictated_by(enumerate(utterances)))
    spoken = Counter(word for is_word, word, _ in said if is_word)
    assert Counter(word for word in found if word in spoken) == spoken
    assert set(found) <= {*spoken, *COMMAND_WORDS}


@given(st.lists(st.text(max_size=60), max_size=6))
def test_whatever_is_heard(utterances: list[str]) -> None:
    found = Counter(kept(dictated_by(enumerate(utterances))))
    said = Counter(word for one in utterances for word in words_of(one))
    assert {word: n for word, n in (said - found).items() if word not in COMMAND_WORDS} == {}
    assert not found - said


@given(
    st.lists(
        st.sampled_from(
            ["het", "plan", "is", "op", "dit", "punt", "een", "nieuwe", "regel", "nieuw", "probleem", "hoest", "twee",
             "komma", "evaluatie", "over", "wis", "laatste", "zin", "woord", "Punt.", "haakje", "openen", "rood,",
             "objectief", "gezien", "pijnlijke"]
        ),
        max_size=30,
    )
)  # fmt: skip
def test_half_commands_lose_no_other_word(said: list[str]) -> None:
    found = Counter(kept(dictated_by([(0, " ".join(said))])))
    for word in ("het", "is", "op", "dit", "een", "hoest", "twee", "over", "rood", "gezien", "pijnlijke"):
        assert found[word] == sum(words_of(one) == [word] for one in said)


@given(
    st.lists(
        st.lists(st.one_of(st.sampled_from(NONSENSE), st.sampled_from(PHRASES)), max_size=8), min_size=1, max_size=6
    )
)
def test_a_note_has_the_words_in_order_and_each_line_its_utterances(said: list[list[str]]) -> None:
    heard = [[f"{word}{n}x" if word in NONSENSE else word for word in one] for n, one in enumerate(said)]
    note = draft(*(f"H Subjectief: {' '.join(one)}" if n == 0 else f"H {' '.join(one)}" for n, one in enumerate(heard)))
    spoken = [word for one in heard for word in one if word not in PHRASES]
    dropped = Counter(word for one in note.dropped for word in words_of(one.reason))
    shown = Counter(word for word in words_of(note_text(note)))
    assert {word: dropped[word] + shown[word] for word in spoken} == Counter(spoken)
    for line in note.lines():
        own = {int(word[len(NONSENSE[0]) : -1]) for word in words_of(line.text) if re.fullmatch(r"[a-z]{3}q\d+x", word)}
        assert own <= set(line.evidence)
    for section in Section:
        for report in note.reports:
            order = [word for line in report.section(section) for word in words_of(line.text) if word in set(spoken)]
            places = [int(word[len(NONSENSE[0]) : -1]) for word in order]
            assert places == sorted(places)


@given(
    st.lists(
        st.lists(st.one_of(st.sampled_from(NONSENSE), st.sampled_from(PHRASES)), max_size=6), min_size=1, max_size=5
    )
)
def test_a_note_that_was_begun_as_a_dictation_has_every_word(said: list[list[str]]) -> None:
    """Whether it comes out as free or as literal."""
    heard = [[f"{word}{n}x" if word in NONSENSE else word for word in one] for n, one in enumerate(said)]
    note = begun(*(f"{' '.join(one)}." for one in heard))
    spoken = Counter(word for one in heard for word in one if word not in PHRASES)
    shown = Counter(words_of(note_text(note)))
    dropped = Counter(word for one in note.dropped for word in words_of(one.reason))
    assert {word: shown[word] + dropped[word] for word in spoken} == spoken


SUSPICIONS = st.sampled_from([None, None, *Suspicion])


@given(st.lists(st.tuples(st.sampled_from([*NONSENSE, *PHRASES, "Keel rood.", "…"]), SUSPICIONS), max_size=8))
def test_nothing_that_was_kept_out_of_a_dictation_goes_unasked(said: list[tuple[str, Suspicion | None]]) -> None:
    plain_talk = talk(*(f"H {text}" for text, _ in said))
    marked = zip(plain_talk.utterances, said, strict=True)
    heard = replace(
        plain_talk, dictation=True, utterances=tuple(replace(one, suspicion=why) for one, (_, why) in marked)
    )
    asked = {one.utterance for one in missed(ExtractiveDrafter().draft(heard), heard)}
    assert asked >= {n for n, (text, why) in enumerate(said) if why is not None and words_of(text)}
