"""Who said what: a transcript of one channel to the same with its voices and, as far as that is sure, their roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from transcribe.asr.transcript import Transcript, Utterance, Voice, Word
from transcribe.audio.pcm import RATE_HZ, Samples
from transcribe.speakers.features import Embed, Rows, voiced
from transcribe.speakers.overlap import both
from transcribe.speakers.profile import Profile
from transcribe.speakers.roles import roles
from transcribe.speakers.voices import PAUSE_S, HeardWords, voices

#: Reads samples of the channel between two moments.
Reader = Callable[[float, float], Samples]


def told_apart(
    transcript: Transcript, read: Reader, *, profile: Profile | None = None, embed: Embed = voiced
) -> Transcript:
    """Utterances are cut where the voice changes. Who can't be told from the others stays ``ONBEKEND``: a wrong role is
    worse than none. Reads an utterance at a time, so that length costs no memory.

    ``profile``: of the huisarts, made with the same ``embed``.
    """
    utterances = transcript.utterances
    if not utterances:
        return transcript
    found = voices(_heard(utterances, read, embed), None if profile is None else profile.row())
    sure = sorted({voice for voice in found.words if voice is not None})
    if len(sure) < 2:
        return transcript
    told: list[Utterance] = []
    words = iter(None if voice is None else sure.index(voice) for voice in found.words)
    for utterance in utterances:
        told += _cut(utterance, [next(words) for _ in utterance.words or (None,)])
    nearness = found.nearness
    assert nearness is not None
    told = [replace(u, overlapped=True) if both(read(u.start_s, u.end_s), nearness, embed) else u for u in told]
    said = [(u.voice, u.text) for u in told if u.voice is not None and u.suspicion is None]
    doctor = sure.index(found.known) if found.known in sure else None
    known = tuple(Voice(guessed=role) for role in roles(said, len(sure), transcript.language, doctor=doctor))
    return replace(
        transcript,
        utterances=tuple(u if u.voice is None else replace(u, speaker=known[u.voice].speaker) for u in told),
        voices=known,
    )


def _heard(utterances: Sequence[Utterance], read: Reader, embed: Embed) -> HeardWords:
    count, total, of, pause, usable = [], [], [], [], []
    square: Rows | float = 0.0
    for index, utterance in enumerate(utterances):
        sound = read(utterance.start_s, utterance.end_s)
        last_s = utterance.start_s
        for word in utterance.words or (_whole(utterance),):
            rows = embed(_part(sound, utterance, word))
            count.append(len(rows))
            total.append(rows.sum(axis=0))
            of.append(index)
            pause.append(word.start_s - last_s >= PAUSE_S)
            usable.append(utterance.suspicion is None)
            if usable[-1]:
                square = square + rows.T @ rows
            last_s = word.end_s
    return HeardWords(
        count=np.array(count, float),
        total=np.array(total),
        square=np.asarray(square),
        utterance=np.array(of),
        pause=np.array(pause),
        usable=np.array(usable),
    )


def _whole(utterance: Utterance) -> Word:
    """Of one whose words have no times: all of it."""
    return Word(text=utterance.text, start_s=utterance.start_s, end_s=utterance.end_s, probability=0.0)


def _part(sound: Samples, utterance: Utterance, word: Word) -> Samples:
    first, last = (round((at_s - utterance.start_s) * RATE_HZ) for at_s in (word.start_s, word.end_s))
    return sound[max(0, first) : max(0, last)]


def _cut(utterance: Utterance, of_words: Sequence[int | None]) -> Iterator[Utterance]:
    """An utterance in as many parts as there are voices one after the other in it."""
    if len(set(of_words)) == 1:
        yield replace(utterance, voice=of_words[0])
        return
    words = iter(utterance.words)
    for voice, run in groupby(of_words):
        part = tuple(next(words) for _ in run)
        yield replace(
            utterance,
            start_s=part[0].start_s,
            end_s=part[-1].end_s,
            text=" ".join(word.text for word in part),
            words=part,
            voice=voice,
        )
