"""What is marked as made up, and above all what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import planted_asr as planted
from tests.fakes_asr import heard
from transcribe.asr.foreign import is_foreign, plain
from transcribe.asr.guards import Limits, is_loop, is_phantom, marks
from transcribe.asr.transcript import HeardSegment, Suspicion
from transcribe.soep.bench import read_consult
from transcribe.soep.extractive import SUSPICIONS
from transcribe.web.views import SUSPICION_TEXT

LOOP, PHANTOM, SILENCE, UNLIKELY, LANGUAGE = (
    Suspicion.REPEAT_LOOP,
    Suspicion.PHANTOM,
    Suspicion.OVER_SILENCE,
    Suspicion.UNLIKELY,
    Suspicion.OTHER_LANGUAGE,
)
SETS = ("consults", "notes", "unseen/development", "unseen/held")


def judged(*segments: HeardSegment, share: float = 1.0, language: str | None = "nl", **limits: float) -> list[object]:
    """One mark a segment; a list of them where its words differ."""
    speech = [lambda start_s, end_s: (end_s - start_s) * share] * len(segments)
    found = marks(segments, speech, language=language, limits=Limits(**limits))
    return [one[0] if len(set(one)) == 1 else list(one) for one in found]


@pytest.mark.parametrize(
    "text",
    [
        "Ondertiteld door de NPO",
        "Ondertitels ingediend door de Amara.org gemeenschap",
        "TV Gelderland 2021",
        "Bedankt voor het kijken!",
        "Dank u voor het kijken.",
        "Vergeet niet te abonneren.",
        "Tot de volgende video!",
        "MUZIEK",
        "[muziek]",
        "(Applaus)",
        "*gelach*",
        "♪ la la la ♪",
        "♪",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "SWR 2021",
        "Untertitel: SWR 2021",
        "Ondertitels: Broadcast Text International",
        "Ondertiteling: BTI",
        "Subtitling: Red Bee Media",
        "Nederlandse ondertitels",
        "TVT Media",
        "Dank je wel voor het kijken en tot de volgende keer!",
        "Vergeet niet te liken en abonneren!",
        "Welkom bij een nieuwe video.",
        "APPLAUS EN GEJUICH",
        "Please subscribe to my channel!",
        "Sous-titrage ST' 501",
        "Altyazı M.K.",
    ],
)
def test_phantoms(text: str) -> None:
    assert is_phantom(text)


@pytest.mark.parametrize(
    "text",
    [
        "Bedankt voor het kijken naar mijn knie, dokter.",
        "Ik luister graag naar muziek.",
        "Er was ineens een stilte.",
        "Ik woon in Gelderland.",
        "Dank u wel, tot ziens.",
        "Heeft u de ondertiteling nodig bij het televisiekijken?",
        "Ja.",
        "Hm.",
        "(dat is) niet erg",
        "Tot ziens.",
        "Bedankt.",
        "Ik zag een video over rugpijn.",
    ],
)
def test_what_people_say_is_no_phantom(text: str) -> None:
    assert not is_phantom(text)


@pytest.mark.parametrize(
    "text",
    [
        "ja ja ja ja ja ja ja ja",
        "Ik weet het niet. Ik weet het niet. Ik weet het niet.",
        "en dan en dan en dan en dan en dan en dan",
        "Nou, de pijn in mijn knie, de pijn in mijn knie, de pijn in mijn knie, dus.",
        "1, 2, 3, 4, 5, 6, 7",
        " ".join(str(number) for number in range(50, 28, -1)),
        "hahahahahahaha",
    ],
)
def test_loops(text: str) -> None:
    assert is_loop(text)


@pytest.mark.parametrize(
    "text",
    [
        "Nee nee nee nee, dat niet.",
        "Ja, ja, ja.",
        "Heel, heel, heel erg moe.",
        "Dag dag dag!",
        "Soms links, soms rechts, soms links, soms rechts.",
        "Eén tablet, één tablet 's avonds en één tablet voor de nacht.",
        "Honderd, drieënnegentig, zesentachtig, negenenzeventig, tweeënzeventig, vijfenzestig.",
        "100, 93, 86, 79, 72, 65",
        "100, 93, 86, 79, 72, 65, 58, 51, 44, 37, 30, 23, 16, 9, 2",
        "Prednisolon afbouwen: 40, 35, 30, 25, 20, 15, 10, 5 mg.",
        "tien, negen, acht, zeven, zes, vijf, vier, drie, twee, één milligram",
        "Nul zes, een twee drie, acht acht, nul een.",
        "hmmmm",
        "",
    ],
)
def test_people_repeat_themselves(text: str) -> None:
    assert not is_loop(text)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=8), st.integers(7, 12))
def test_any_phrase_often_enough_is_a_loop(phrase: list[str], times: int) -> None:
    assert is_loop(" ".join(phrase * times))


@given(st.lists(st.integers(), unique=True, max_size=60))
def test_no_loop_without_repeats(words: list[int]) -> None:
    assert not is_loop(" ".join(f"w{abs(word)}{'m' if word < 0 else ''}" for word in words))


@pytest.mark.parametrize(
    ("figures", "share", "expected"),
    [
        ({}, 1.0, None),
        ({}, 0.2, SILENCE),
        ({"no_speech": 0.9, "log_probability": -0.9}, 1.0, SILENCE),
        ({"no_speech": 0.95}, 1.0, None),  # sure of its words: Whisper's own rule believes those
        ({"log_probability": -2.0}, 1.0, UNLIKELY),
        ({"probability": 0.1}, 1.0, UNLIKELY),
        ({"log_probability": -1.2}, 1.0, None),
        ({"probability": 0.4}, 1.0, None),
        ({"log_probability": -1.2, "probability": 0.4}, 1.0, UNLIKELY),
    ],
)
def test_figures(figures: dict[str, float], share: float, expected: Suspicion | None) -> None:
    assert judged(heard("De keel is rood.", **figures), share=share) == [expected]


def test_nobody_speaks_that_fast() -> None:
    text = "De keel is rood, met beslag, en de longen klinken schoon, geen piepen."
    assert judged(heard(text, 0, 1)) == [UNLIKELY]
    assert judged(heard(text, 0, 4)) == [None]


def test_limits_can_be_set() -> None:
    assert judged(heard("Ja.", probability=0.5), least_word_probability=0.6) == [UNLIKELY]


@pytest.mark.parametrize("text", ["Tot ziens.", "Bedankt!", "Dank u wel."])
def test_a_goodbye_is_believed_unless_its_sound_is_poor(text: str) -> None:
    good = heard(text)
    assert judged(good) == [None]
    assert judged(good, share=0.7) == [PHANTOM]
    assert judged(heard(text, no_speech=0.7)) == [PHANTOM]
    assert judged(heard(text, probability=0.45)) == [PHANTOM]
    assert judged(heard(text, 0, 20)) == [PHANTOM]


def test_only_the_sentence_that_is_wrong() -> None:
    assert judged(heard("De keel is rood. Ondertiteld door Amara.org.", 0, 3)) == [[None] * 4 + [PHANTOM] * 3]
    looping = heard("De keel is rood. " + "Geen beslag, " * 6 + "dus.", 0, 6)
    assert judged(looping) == [[None] * 4 + [LOOP] * 13]
    assert judged(heard("De keel is rood. Can you tell me when the pain started?", 0, 4)) == [
        [None] * 4 + [LANGUAGE] * 8
    ]


def test_what_follows_on_counting_is_believed() -> None:
    """A person may have counted, and goes on to talk: only the counting is marked."""
    counting = heard("Lamotrigine opbouwen. 25, 50, 75, 100, 125, 150, 175 mg. Controle over 2 weken.", 0, 6)
    assert judged(counting) == [[None] * 2 + [LOOP] * 8 + [None] * 4]
    tapering = heard("Prednisolon afbouwen: 40, 35, 30, 25, 20, 15, 10, 5 mg. Controle over 2 weken.", 0, 6)
    assert judged(tapering) == [None]


def test_words_in_the_silence_between_two_stretches() -> None:
    segment = heard("De keel is rood. Ik slik metoprolol.", 0, 7)  # a second a word
    found = marks([segment], [lambda start_s, end_s: max(0.0, min(end_s, 4) - start_s)])
    assert found == [(None,) * 4 + (SILENCE,) * 3]


def test_the_same_sentence_again_and_again() -> None:
    ask, again, no = heard("Wat is uw vraag?"), heard("Ik weet het niet zeker."), heard("Nee.")
    assert judged(ask, *[again] * 4, *[no] * 9) == [None, *[LOOP] * 4, *[None] * 9]
    assert judged(ask, *[again] * 3) == [None] * 4  # three answers to three questions
    assert judged(*[again, ask] * 4) == [LOOP] * 8
    assert judged(*[heard("Paracetamol.")] * 8) == [LOOP] * 8


@pytest.mark.parametrize(
    "answers",
    [
        ["Nee, dat niet."] * 4,
        ["Weet ik niet."] * 5,
        ["Nee hoor."] * 8,
        ["Nee hoor.", "Nee.", "Ja.", "Nee hoor.", "Nee, dat niet.", "Nee.", "Ja hoor.", "Nee hoor.", "Nee.", "Ja."] * 2,
    ],
)
def test_the_same_answer_to_many_questions_is_no_loop(answers: list[str]) -> None:
    """On two channels: before each answer the huisarts asked. Without him the same words are a loop."""
    segments = [heard(text, n * 4.0, n * 4.0 + 1.5) for n, text in enumerate(answers)]
    speech = [lambda start_s, end_s: end_s - start_s] * len(answers)
    asked = [lambda at_s: int(at_s // 4)] * len(answers)
    assert all(mark is None for marked in marks(segments, speech, turns=asked, language="nl") for mark in marked)
    assert any(mark for marked in marks(segments, speech, language="nl") for mark in marked)


def test_a_loop_within_one_turn_is_one_whoever_spoke_before() -> None:
    segments = [heard("U krijgt de pillen mee.", n * 4.0, n * 4.0 + 1.5) for n in range(5)]
    speech = [lambda start_s, end_s: end_s - start_s] * 5
    found = marks(segments, speech, turns=[lambda at_s: int(at_s > 2)] * 5, language="nl")
    assert all(mark is Suspicion.REPEAT_LOOP for marked in found for mark in marked)


def test_a_loop_that_changes_a_little() -> None:
    said = ["En dan moet u dat doen.", "En dan moet je dat doen.", "En dan moet u dat weer doen."]
    segments = [heard(said[n % 7 % 3], 0, 2) for n in range(9)]
    before, after = heard("Dat doet u elke ochtend."), heard("En moet dat ook in het weekend?")
    assert judged(before, *segments, after) == [None, *[LOOP] * 9, None]


def test_a_series_of_questions_is_no_loop() -> None:
    about = ("koorts", "pijn", "diarree", "jeuk", "uitslag", "bloed gezien", "gebraakt", "gehoest")
    assert judged(*(heard(f"Heeft u ook {what}?") for what in about)) == [None] * len(about)


def test_what_packs_too_well_counts_when_nothing_else_explains_it() -> None:
    true, loop = heard("De keel is rood.", compression=5.0), heard("geen beslag, " * 9, 0, 8, compression=5.0)
    assert judged(true, loop) == [None, LOOP]
    odd = heard("aaabbb" * 60 + ".", 0, 20, compression=9.0)
    assert judged(odd) == [LOOP]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("I have had a headache for three days.", "nl", LANGUAGE),
        ("Ich habe seit drei Tagen Kopfschmerzen.", "nl", LANGUAGE),
        ("Karnım çok ağrıyor doktor bey.", "nl", LANGUAGE),
        ("У мене болить голова.", "nl", LANGUAGE),
        ("字幕由Amara社区提供", "nl", LANGUAGE),
        ("Vielen Dank.", "nl", LANGUAGE),
        ("Thank you.", "en", None),
        ("I have had a headache for three days.", "en", None),
        ("Ik heb al drie dagen hoofdpijn.", "en", LANGUAGE),
        ("I have had a headache for three days.", None, None),
        ("I have had a headache for three days.", "fy", None),  # no list of that language
        ("У мене болить голова.", "fy", LANGUAGE),
        ("Ik haw al trije dagen pine yn 'e holle.", "fy", None),
        ("Wait and see.", "nl", None),
        ("Een second opinion, to be sure, zei mijn coach.", "nl", None),
        ("Metoprolol, amlodipine, simvastatine, acenocoumarol.", "nl", None),
        ("10 µg, 20 µg.", "nl", None),
    ],
)
def test_another_language(text: str, language: str | None, expected: Suspicion | None) -> None:
    assert judged(heard(text, 0, 4), language=language) == [expected]


@pytest.mark.parametrize("folder", SETS)
def test_nothing_that_was_said_is_marked(folder: str) -> None:
    """Every voice of every consult, with the figures of good sound: whole, and without the other voices."""
    for path in sorted((planted.CONSULTS.parent / folder).glob("*.json")):
        _, talk = read_consult(path)
        for voices in (None, *{u.speaker for u in talk.utterances}):
            said = [u.text for u in talk.utterances if voices in (None, u.speaker)]
            segments = [heard(text, 0, max(0.3, len(text) / 14)) for text in said]
            assert judged(*segments, language=talk.language) == [None] * len(said), path.name


def test_a_talk_in_english_is_not_dutch() -> None:
    _, talk = read_consult(planted.CONSULTS / "021.json")
    long = [u.text for u in talk.utterances if len(u.text.split()) >= 5]
    assert sum(is_foreign(text, "nl") for text in long) >= 0.95 * len(long) > 20


@pytest.mark.slow
def test_nothing_planted_reaches_the_draft() -> None:
    """The table of benchmarks/planted_asr.py in one consult, by the way of the service."""
    assert len({plant.texts for plant in planted.INVENTED}) >= 100
    tally = planted.measure([read_consult(planted.CONSULTS / "010.json")[1]])
    assert tally.planted.total() >= 100
    assert (tally.believed.total(), tally.used.total(), tally.marked, tally.other_drafts) == (0, 0, 0, 0)


@given(st.lists(st.sampled_from(["Ja.", "Ik ben moe.", "Muziek", "ja " * 9, "De keel. Muziek."]), max_size=12))
def test_one_answer_a_word(texts: list[str]) -> None:
    segments = [heard(text) for text in texts]
    found = marks(segments, [lambda start_s, end_s: end_s - start_s] * len(texts), language="nl")
    assert [len(one) for one in found] == [len(segment.words) for segment in segments]


def test_a_segment_without_words_has_one_answer() -> None:
    without = HeardSegment(
        text="Muziek", start_s=0, end_s=1, words=(), no_speech=0, log_probability=-0.2, compression=1
    )
    assert judged(without) == [PHANTOM]


def test_every_mark_has_its_reason_on_the_screen_and_in_the_draft() -> None:
    assert set(SUSPICION_TEXT) == set(SUSPICIONS) == set(Suspicion)


def test_plain() -> None:
    assert plain("  Ëén, twéé -- DRIE_vier!") == "een twee drie vier"
