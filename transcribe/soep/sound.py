"""What a doctor must know of the sound of a talk, and when it is so poor that more is asked about. Pure.

The limits are measured: docs/sound-quality.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from transcribe.asr.transcript import SILENT_S, TALK_S, ChannelQuality, Quality, Speaker

LEAST_S = 3.0  # of speech: of less nothing is said
SOFT_DB = -38.0  # full scale is 0
NOISY_DB = 18.0  # of speech over noise
CLIPPED = 0.01  # of the samples
HOLES = 0.02  # of the time
NARROW_HZ = 5000.0
MUCH_OVERLAP = 0.15


class Fault(StrEnum):
    SOFT = "zacht"
    CLIPPED = "vervormd"
    NOISY = "ruis"
    NARROW = "telefoon"
    HOLES = "gaten"
    OVERLAP = "door elkaar"
    SILENT = "stil"


@dataclass(frozen=True, kw_only=True)
class Heard:
    """Something that is wrong with the sound."""

    fault: Fault
    speaker: Speaker | None = None  # whose; None: everybody's, or nobody knows


#: In the order in which they are told.
_OF_A_CHANNEL: dict[Fault, Callable[[ChannelQuality], bool]] = {
    Fault.SOFT: lambda one: one.level_db is not None and one.level_db < SOFT_DB,
    Fault.CLIPPED: lambda one: one.clipped > CLIPPED,
    Fault.NOISY: lambda one: one.snr_db is not None and one.snr_db < NOISY_DB,
    Fault.NARROW: lambda one: one.bandwidth_hz is not None and one.bandwidth_hz <= NARROW_HZ,
    Fault.HOLES: lambda one: one.holes_s > HOLES * one.spoken_s,
}


def faults(sound: Quality | None) -> tuple[Heard, ...]:
    """None: it was not measured, and nothing is known."""
    return tuple(_faults(sound)) if sound is not None else ()


def poor(sound: Quality | None) -> bool:
    """So that words are misheard more often than otherwise."""
    return bool(faults(sound))


def _faults(sound: Quality) -> Iterator[Heard]:
    talk = max((one.spoken_s for one in sound.channels), default=0.0) >= TALK_S
    for one in sound.channels if len(sound.channels) > 1 and talk else ():
        if one.spoken_s < SILENT_S:
            yield Heard(fault=Fault.SILENT, speaker=one.speaker)
    spoken = [one for one in sound.channels if one.spoken_s >= LEAST_S]
    for fault, applies in _OF_A_CHANNEL.items():
        found = [one.speaker for one in spoken if applies(one)]
        if not found:
            continue
        named = found[0] if len(found) < len(sound.channels) and found[0] is not Speaker.ONBEKEND else None
        yield Heard(fault=fault, speaker=named)
    if sound.overlap is not None and sound.overlap > MUCH_OVERLAP:
        yield Heard(fault=Fault.OVERLAP)
