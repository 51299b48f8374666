"""Who said what on one channel: voices by their sound, roles by what they say; unsure stays unknown."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_asr import LevelDetector, ScriptedRecogniser, heard
from transcribe.asr.transcribe import SpeechTranscriber
from transcribe.asr.transcript import Speaker, Suspicion, Transcript, Utterance, Voice, Word
from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, Pcm, Samples, mixed
from transcribe.errors import InvalidInput
from transcribe.soep.bench import read_consult
from transcribe.speakers.features import CEPSTRA, voiced
from transcribe.speakers.overlap import between_channels
from transcribe.speakers.profile import TOO_LITTLE, TWO_VOICES, Profile, profile_of
from transcribe.speakers.roles import roles
from transcribe.speakers.telling import Reader, told_apart
from transcribe.store.codec import decode, encode

GP, PATIENT, COMPANION, NOBODY = Speaker.HUISARTS, Speaker.PATIENT, Speaker.BEGELEIDER, Speaker.ONBEKEND
DEMO = Path(__file__).resolve().parents[2] / "transcribe" / "demo" / "consults"
ASKED = ["Hoe lang heeft u dat al?", "Bent u benauwd?", "Gebruikt u iets?", "Ik luister even naar u.", "Komt u terug."]
TOLD = ["Ik heb pijn.", "Nee, ik slik niks.", "Mijn knie doet zeer.", "Ja, ik ben moe.", "Ik kan niet slapen."]
OF_HER = ["Ze slaapt slecht.", "Hij zegt dat ze niks hoort.", "Mijn dochter is moe, ze ligt veel.", "Ze eet niet."]


@cache
def sung(seconds: float, pitch_hz: float, throat: float, seed: int) -> Samples:
    """Vowels, one after the other, of a throat so many times as long as another's."""
    chance = np.random.default_rng(seed)
    at_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    pitch = pitch_hz * (1 + 0.05 * np.sin(2 * np.pi * 2 * at_s + chance.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    vowel = np.repeat(np.arange(at_s.size // 1600 + 1), 1600)[: at_s.size]
    first, second = chance.uniform(300, 800, vowel.max() + 1), chance.uniform(900, 2300, vowel.max() + 1)
    sound = np.zeros(at_s.size)
    for harmonic in range(1, int(4000 / pitch_hz)):
        hertz = harmonic * pitch_hz * throat
        level = sum(1 / (1 + ((hertz - formant[vowel]) / 120) ** 2) for formant in (first, second))
        sound += level / harmonic**0.5 * np.sin(harmonic * phase)
    sound = sound / np.abs(sound).max() * 0.3 + chance.normal(0, 0.001, at_s.size)
    return sound.astype(np.float32)


VOICES = {"low": (105.0, 1.15), "high": (190.0, 0.95), "middle": (150.0, 1.05)}


def talk(*turns: tuple[str, str]) -> tuple[Transcript, Samples]:
    """One channel: each turn a voice and a text of sentences, of which the recogniser makes an utterance each."""
    pieces: list[Samples] = []
    utterances = []
    at = 0.0
    for number, (who, text) in enumerate(turns):
        words = []
        for word in text.split():
            seconds = 0.35
            pieces.append(sung(seconds, *VOICES[who], seed=100 * number + len(words)))
            words.append(Word(text=word, start_s=at, end_s=at + seconds, probability=0.9))
            at += seconds
        utterances.append(said(words))
        pieces.append(np.zeros(RATE_HZ // 5, np.float32))
        at += 0.2
    return Transcript(utterances=tuple(utterances), duration_s=at), np.concatenate(pieces)


def said(words: list[Word]) -> Utterance:
    text = " ".join(word.text for word in words)
    return Utterance(speaker=NOBODY, start_s=words[0].start_s, end_s=words[-1].end_s, text=text, words=tuple(words))


def timed(utterance: Utterance) -> Utterance:
    """With words, each as long as its letters."""
    texts = utterance.text.split()
    ends = np.cumsum([len(text) + 1 for text in texts])
    edges = utterance.start_s + np.concatenate([[0], ends / ends[-1]]) * (utterance.end_s - utterance.start_s)
    times = zip(texts, edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return replace(utterance, words=tuple(Word(text=t, start_s=a, end_s=b, probability=1.0) for t, a, b in times))


def reader(sound: Samples) -> Reader:
    return lambda start_s, end_s: sound[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]


def mix(*turns: tuple[str, str]) -> tuple[Transcript, Reader]:
    transcript, sound = talk(*turns)
    return transcript, reader(sound)


def by_turns(one: str, other: str) -> list[tuple[str, str]]:
    return [turn for asked, told in zip(ASKED, TOLD, strict=True) for turn in ((one, asked), (other, told))]


# --- what is heard of a voice --------------------------------------------------------------------------------------


@pytest.mark.parametrize("hertz", [80, 120, 200, 330])
def test_pitch_is_heard(hertz: float) -> None:
    rows = voiced(sung(1.0, hertz, 1.0, seed=1))
    assert len(rows) > 50
    assert 2 ** np.median(rows[:, CEPSTRA]) == pytest.approx(hertz, rel=0.06)


def test_nobody_speaks_in_silence_noise_or_nothing() -> None:
    hiss = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    assert len(voiced(np.zeros(RATE_HZ, np.float32))) == 0
    assert len(voiced(np.zeros(0, np.float32))) == 0
    assert len(voiced(hiss)) < 5


def test_louder_is_the_same_voice() -> None:
    soft, loud = (voiced(sung(1.0, 120, 1.0, seed=1) * level) for level in (0.02, 1.0))
    assert np.allclose(soft, loud, atol=0.05)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=6000))
def test_any_sound_gives_finite_numbers(raw: bytes) -> None:
    samples = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / 32768
    assert np.isfinite(voiced(samples)).all()


# --- voices --------------------------------------------------------------------------------------------------------


def test_two_voices_are_told_apart_and_named_by_what_they_say() -> None:
    transcript, sound = talk(*by_turns("low", "high"))
    told = told_apart(transcript, reader(sound))
    assert [u.speaker for u in told.utterances] == [GP, PATIENT] * 5
    assert [told.voices[u.voice or 0].guessed for u in told.utterances] == [GP, PATIENT] * 5
    assert [u.text for u in told.utterances] == [u.text for u in transcript.utterances]


def test_the_same_sound_gives_the_same_answer() -> None:
    transcript, sound = talk(*by_turns("low", "high"))
    assert told_apart(transcript, reader(sound)) == told_apart(transcript, reader(sound))


def test_one_voice_stays_unknown() -> None:
    """A dictation, or two people who sound the same: no wrong role, and no voices."""
    transcript, sound = talk(*by_turns("low", "low"))
    assert told_apart(transcript, reader(sound)) == transcript


def test_three_voices() -> None:
    turns = [
        turn
        for asked, told, of_her in zip(ASKED, TOLD, [*OF_HER, OF_HER[0]], strict=True)
        for turn in (("low", asked), ("high", told), ("middle", of_her))
    ]
    told = told_apart(*mix(*turns))
    assert [u.speaker for u in told.utterances] == [GP, PATIENT, COMPANION] * 5


def test_an_utterance_with_two_voices_is_cut_where_the_voice_changes() -> None:
    """The recogniser heard no full stop between the question and the answer."""
    transcript, sound = talk(*by_turns("low", "high"))
    *others, asked, answered = transcript.utterances
    joined = replace(transcript, utterances=(*others, said([*asked.words, *answered.words])))
    told = told_apart(joined, reader(sound))
    assert [(u.speaker, u.text) for u in told.utterances[-2:]] == [(GP, asked.text), (PATIENT, answered.text)]
    assert told.utterances[-2].end_s == asked.end_s
    assert told.utterances[-1].words == answered.words


def test_a_recogniser_without_full_stops_mixes_nobody_up() -> None:
    """All is one utterance, with pauses in it."""
    transcript, sound = talk(*by_turns("low", "high"))
    alone = said([word for u in transcript.utterances for word in u.words])
    told = told_apart(replace(transcript, utterances=(alone,)), reader(sound))
    assert [u.text for u in told.utterances] == [u.text for u in transcript.utterances]
    assert [u.speaker for u in told.utterances] == [GP, PATIENT] * 5


def profile_of_voice(who: str, seconds: float = 40.0) -> Profile:
    sound = np.concatenate([sung(seconds / 20, *VOICES[who], seed=900 + n) for n in range(20)])
    return profile_of(reader(sound), sound.size / RATE_HZ)


@pytest.mark.parametrize("doctor", ["low", "high"])
def test_a_voice_that_is_known_needs_no_words_to_be_the_huisarts(doctor: str) -> None:
    """Nothing that is said here tells who asks; without a profile nobody is named."""
    other = "high" if doctor == "low" else "low"
    heard = mix(*[(who, "een twee drie vier vijf zes") for _ in range(6) for who in (doctor, other)])
    assert {u.speaker for u in told_apart(*heard).utterances} == {NOBODY}
    told = told_apart(*heard, profile=profile_of_voice(doctor))
    assert [u.speaker for u in told.utterances] == [GP, NOBODY] * 6
    stranger = told_apart(*heard, profile=profile_of_voice("middle"))
    assert {u.speaker for u in stranger.utterances} == {NOBODY}, "a colleague's profile names nobody"


def test_a_profile_against_what_is_clearly_said_names_nobody() -> None:
    heard = mix(*by_turns("low", "high"))
    assert [u.speaker for u in told_apart(*heard).utterances[:2]] == [GP, PATIENT]
    assert [u.speaker for u in told_apart(*heard, profile=profile_of_voice("low")).utterances[:2]] == [GP, PATIENT]
    assert {u.speaker for u in told_apart(*heard, profile=profile_of_voice("high")).utterances} == {NOBODY}


def test_a_profile_of_rows_that_are_made_no_more_is_as_none() -> None:
    heard = mix(*by_turns("low", "high"))
    old = replace(profile_of_voice("high"), rows="iets van vroeger")
    assert told_apart(*heard, profile=old) == told_apart(*heard)


def test_one_voice_with_its_profile_is_still_one_voice() -> None:
    heard = mix(*[("low", "Ik heb pijn. Bent u benauwd?")] * 8)
    assert {u.voice for u in told_apart(*heard, profile=profile_of_voice("low")).utterances} == {None}


def test_a_profile_is_of_one_voice_of_which_enough_is_heard() -> None:
    with pytest.raises(InvalidInput) as little:
        profile_of_voice("low", 8.0)
    assert little.value.params["problem"] == TOO_LITTLE
    _, sound = talk(*[(who, "een twee drie vier vijf zes zeven acht") for _ in range(8) for who in ("low", "high")])
    with pytest.raises(InvalidInput) as two:
        profile_of(reader(sound), sound.size / RATE_HZ)
    assert two.value.params["problem"] == TWO_VOICES


# --- both at once ----------------------------------------------------------------------------------------------------


def through(transcript: Transcript, sound: Samples, index: int, who: str) -> Samples:
    """Somebody else speaks through one utterance."""
    one = transcript.utterances[index]
    start, end = round(one.start_s * RATE_HZ), round(one.end_s * RATE_HZ)
    loud = sound.copy()
    loud[start:end] += sung((end - start) / RATE_HZ, *VOICES[who], seed=77)[: end - start]
    return loud


def test_an_utterance_that_two_speak_in_is_marked_and_no_other() -> None:
    transcript, sound = talk(*by_turns("low", "high"))
    assert not any(u.overlapped for u in told_apart(transcript, reader(sound)).utterances)
    told = told_apart(transcript, reader(through(transcript, sound, 5, "low")))
    assert [u.start_s for u in told.utterances if u.overlapped] == [transcript.utterances[5].start_s]


def test_where_nobody_is_told_apart_no_overlap_is_claimed() -> None:
    transcript, sound = talk(*[("low", "Ik heb pijn. Bent u benauwd?")] * 8)
    told = told_apart(transcript, reader(through(transcript, sound, 3, "high")))
    assert {u.voice for u in told.utterances} == {None}
    assert not any(u.overlapped for u in told.utterances)


@pytest.mark.parametrize(
    ("second", "marked"), [((2.6, 5.0), False), ((2.4, 5.0), True), ((0.5, 2.0), True), ((3.0, 5.0), False)]
)
def test_between_channels_half_a_second_of_both_counts(second: tuple[float, float], marked: bool) -> None:
    spoken = [(GP, 0.0, 3.0), (PATIENT, *second), (GP, 6.0, 7.0)]
    ordered = sorted(spoken, key=lambda one: one[1])
    utterances = [Utterance(speaker=who, start_s=start, end_s=end, text="ja") for who, start, end in ordered]
    found = between_channels(utterances)
    assert [u.overlapped for u in found] == [marked, marked, False]
    alone = [replace(u, speaker=GP) for u in utterances]
    assert not any(u.overlapped for u in between_channels(alone)), "one channel can't speak through itself"


def test_what_was_made_up_tells_nothing() -> None:
    """It keeps its mark, and its words count for no role."""
    transcript, sound = talk(*by_turns("low", "high"), ("high", "Heeft u koorts? " * 8))
    *others, phantom = transcript.utterances
    marked = replace(transcript, utterances=(*others, replace(phantom, suspicion=Suspicion.PHANTOM)))
    told = told_apart(marked, reader(sound))
    assert [u.speaker for u in told.utterances[:10]] == [GP, PATIENT] * 5
    assert told.utterances[-1].suspicion is Suspicion.PHANTOM


def test_two_voices_that_nobody_knows() -> None:
    """The voices are there to be named by a person; a role is not guessed from small talk."""
    told = told_apart(*mix(*[("low", "Mooi weer vandaag buiten."), ("high", "Dat klopt wel hoor.")] * 5))
    assert [u.voice for u in told.utterances] == [told.utterances[0].voice, told.utterances[1].voice] * 5
    assert {voice.guessed for voice in told.voices} == {NOBODY}
    assert {u.speaker for u in told.utterances} == {NOBODY}


def test_only_an_utterance_is_read_at_a_time() -> None:
    transcript, sound = talk(*by_turns("low", "high"))
    longest_s = max(u.end_s - u.start_s for u in transcript.utterances)
    asked: list[float] = []

    def read(start_s: float, end_s: float) -> Samples:
        asked.append(end_s - start_s)
        return reader(sound)(start_s, end_s)

    told_apart(transcript, read)
    assert max(asked) <= longest_s


def test_a_speaker_model_can_take_the_place_of_what_we_hear() -> None:
    """Whatever gives rows whose mean tells one voice from another; here it knows the voices by their loudness."""
    chance = np.random.default_rng(0)

    def embed(samples: Samples) -> np.ndarray:
        loud = float(np.abs(samples).max(initial=0.0)) > 0.2
        return chance.normal(8.0 if loud else -8.0, 1.0, (30, 3))

    transcript, sound = talk(*by_turns("low", "low"))
    quiet = sound.copy()
    for u in transcript.utterances[1::2]:
        quiet[round(u.start_s * RATE_HZ) : round(u.end_s * RATE_HZ)] *= 0.1
    told = told_apart(transcript, reader(quiet), embed=embed)
    assert [u.speaker for u in told.utterances] == [GP, PATIENT] * 5


@st.composite
def transcripts(draw: st.DrawFn) -> Transcript:
    """Of any utterances, with and without times of words, also behind the end of the sound."""
    at, utterances = 0.0, []
    for texts in draw(
        st.lists(st.lists(st.sampled_from(["ja", "u?", "ik", "ze"]), min_size=1, max_size=6), max_size=12)
    ):
        words = []
        for text in texts:
            at += draw(st.sampled_from([0.0, 0.0, 0.3]))
            words.append(Word(text=text, start_s=at, end_s=at + draw(st.sampled_from([0.0, 0.2, 0.6])), probability=1))
            at = words[-1].end_s
        one = said(words)
        timeless, marked = draw(st.booleans()), draw(st.booleans())
        one = replace(one, words=() if timeless else one.words, suspicion=Suspicion.UNLIKELY if marked else None)
        utterances.append(one)
    return Transcript(utterances=tuple(utterances), duration_s=at)


SOUND = np.concatenate([sung(2.0, *VOICES[who], seed=n) for n, who in enumerate(["low", "high", "middle"] * 3)])


@settings(deadline=None, max_examples=60)
@given(transcripts())
def test_no_word_is_lost_or_moved(transcript: Transcript) -> None:
    told = told_apart(transcript, reader(SOUND))
    assert [w for u in told.utterances for w in u.text.split()] == [
        w for u in transcript.utterances for w in u.text.split()
    ]
    assert [w for u in told.utterances for w in u.words] == [w for u in transcript.utterances for w in u.words]
    assert all(one.speaker is NOBODY for one in told.utterances if one.voice is None)
    assert {one.voice for one in told.utterances} - {None} == set(range(len(told.voices)))  # each says something


# --- roles ---------------------------------------------------------------------------------------------------------


def in_turns(voices: list[list[str]]) -> list[tuple[int, str]]:
    """One after the other, as long as each has something to say."""
    rounds = zip_longest(*voices)
    return [(n, text) for texts in rounds for n, text in enumerate(texts) if text is not None]


@pytest.mark.parametrize(
    ("voices", "expected"),
    [
        ([ASKED, TOLD], [GP, PATIENT]),
        ([TOLD, ASKED], [PATIENT, GP]),
        ([OF_HER, ASKED], [COMPANION, GP]),
        ([ASKED, OF_HER, TOLD], [GP, COMPANION, PATIENT]),
        ([ASKED, TOLD, ["Hm.", "Dag."]], [GP, PATIENT, NOBODY]),  # too little to go by
        ([ASKED, TOLD, TOLD[:3]], [GP, PATIENT, NOBODY]),  # there is one patient
        ([ASKED, ASKED], [NOBODY, NOBODY]),  # both ask: an assistant, a trainee
        ([TOLD, TOLD], [NOBODY, NOBODY]),
        ([ASKED[:1], TOLD[:1]], [NOBODY, NOBODY]),
        ([ASKED, []], [GP, NOBODY]),
        ([ASKED], [NOBODY]),
        ([], []),
    ],
)
def test_roles(voices: list[list[str]], expected: list[Speaker]) -> None:
    assert roles(in_turns(voices), len(voices)) == expected


def test_roles_in_english() -> None:
    asked = ["How long have you had this?", "Are you short of breath?", "I'll listen to your chest.", "Do you smoke?"]
    told = ["I have a headache.", "No, I don't smoke.", "My knee hurts.", "I'm tired."]
    assert roles(in_turns([told, asked]), 2, "en") == [PATIENT, GP]


def test_of_two_that_ask_the_one_with_every_second_turn_is_the_huisarts() -> None:
    """The companion asks in every sentence; the huisarts speaks with each of the others."""
    of_her = ["Wat kunt u voor haar doen?", "Moet ze naar het ziekenhuis?", "Mag ze dan eten?"]
    others = [(1, text) for text in TOLD] + [(2, text) for text in of_her]
    talk = [turn for n, other in enumerate(others) for turn in ((0, ASKED[n % len(ASKED)]), other)]
    assert roles(talk, 3) == [GP, PATIENT, COMPANION]


# --- in its place --------------------------------------------------------------------------------------------------


def as_pcm(sound: Samples) -> Pcm:
    return Pcm(io.BytesIO((sound * 32767).astype("<i2").tobytes()), channels=1)


@pytest.mark.parametrize(("declared", "expected"), [(NOBODY, [GP, PATIENT] * 5), (GP, [GP] * 10)])
def test_a_channel_of_somebody_is_left_as_it_is(declared: Speaker, expected: list[Speaker]) -> None:
    transcript, sound = talk(*by_turns("low", "high"))
    script = [[heard(u.text, u.start_s, u.end_s) for u in transcript.utterances]]
    found = SpeechTranscriber(LevelDetector(), ScriptedRecogniser(script)).transcribe(
        as_pcm(sound), [declared], progress=lambda _: None
    )
    assert [u.speaker for u in found.utterances] == expected


def test_a_transcript_from_before_there_were_voices_is_read() -> None:
    old = {"speaker": "onbekend", "start_s": 0.0, "end_s": 1.0, "text": "Dag.", "words": [], "suspicion": None}
    assert decode(Transcript, json.dumps({"utterances": [old], "language": "nl"})).utterances[0].voice is None
    told = Transcript(
        utterances=(Utterance(speaker=GP, start_s=0, end_s=1, text="Dag.", voice=0),),
        voices=(Voice(guessed=PATIENT, said=GP),),
    )
    assert decode(Transcript, encode(told)) == told


@pytest.mark.parametrize("name", ["blaasontsteking", "keelpijn", "rugpijn"])
def test_the_demo_talks_mixed_to_one_channel(name: str) -> None:
    """Real Opus, true words; every utterance has its role."""
    _, true = read_consult(DEMO / f"{name}.json")
    with (DEMO / f"{name}.ogg").open("rb") as file, PyAvDecoder().decode(file, max_s=600) as decoding:
        pcm = Pcm(io.BytesIO(b"".join(mixed(decoding))), channels=1)
    nobody = replace(true, utterances=tuple(timed(replace(u, speaker=NOBODY)) for u in true.utterances))
    told = told_apart(nobody, lambda start_s, end_s: pcm.read(start_s, end_s))
    assert [u.speaker for u in told.utterances] == [u.speaker for u in true.utterances]
