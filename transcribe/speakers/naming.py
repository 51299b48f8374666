"""A person says whose voice it is: the guess stays beside it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transcribe.asr.transcript import Quality, Speaker, Transcript, Voice


def with_voices(transcript: Transcript) -> Transcript:
    """Where channels told who speaks, whoever speaks on them is a voice too."""
    if transcript.voices:
        return transcript
    speakers = tuple(dict.fromkeys(u.speaker for u in transcript.utterances))
    return replace(
        transcript,
        utterances=tuple(replace(u, voice=speakers.index(u.speaker)) for u in transcript.utterances),
        voices=tuple(Voice(guessed=speaker) for speaker in speakers),
    )


def named(transcript: Transcript, said: Sequence[Speaker]) -> Transcript:
    """With the voices of ``with_voices`` being these. Raises ``ValueError`` when there are more of them, or fewer."""
    transcript = with_voices(transcript)
    voices = tuple(replace(voice, said=who) for voice, who in zip(transcript.voices, said, strict=True))
    now = {before.speaker: after.speaker for before, after in zip(transcript.voices, voices, strict=True)}
    return replace(
        transcript,
        utterances=tuple(
            u if u.voice is None else replace(u, speaker=voices[u.voice].speaker) for u in transcript.utterances
        ),
        voices=voices,
        sound=transcript.sound and _renamed(transcript.sound, now),
    )


def _renamed(sound: Quality, now: Mapping[Speaker, Speaker]) -> Quality:
    channels = (replace(one, speaker=now.get(one.speaker, one.speaker)) for one in sound.channels)
    return replace(sound, channels=tuple(channels))


def channels_said(channels: Sequence[Speaker], before: Transcript | None) -> tuple[Speaker, ...]:
    """Who speaks on each channel of a recording that went on, as a person said of what was recorded before.

    On a channel on which nobody was heard is who was taken for whoever turned out to be on the other. Where everybody
    is on one channel nothing follows: its voices are told apart anew.
    """
    if before is None or Speaker.ONBEKEND in channels:
        return tuple(channels)
    now = {voice.guessed: voice.speaker for voice in before.voices}
    was = {after: one for one, after in now.items()}
    return tuple(now.get(one) or was.get(one, one) for one in channels)


def swapped(transcript: Transcript) -> list[Speaker]:
    """Who the voices are when huisarts and patiënt change places."""
    other = {Speaker.HUISARTS: Speaker.PATIENT, Speaker.PATIENT: Speaker.HUISARTS}
    return [other.get(voice.speaker, voice.speaker) for voice in with_voices(transcript).voices]
