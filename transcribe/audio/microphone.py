"""What a microphone is to us: 16 kHz sound in pieces, each with the moment at which it was heard."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from transcribe.errors import N_, Refused, SetupProblem


class NoSoundLibrary(SetupProblem):
    text = N_(
        "Voor opnemen op deze machine is PortAudio nodig. Debian en Ubuntu: sudo apt-get install libportaudio2. "
        "Fedora: sudo dnf install portaudio. Of neem op in de browser."
    )


class NoMicrophone(SetupProblem):
    text = N_(
        "Er is geen microfoon gevonden. Sluit er een aan en kijk met transcribe record --devices of zij erbij staat."
    )


class UnknownDevice(Refused):
    text = N_("Er is geen microfoon “{name}”. Kies er een uit: transcribe record --devices.")


class MicrophoneBusy(Refused):
    text = N_(
        "Microfoon “{name}” is niet te openen. Misschien gebruikt een ander programma haar, of mag dit account er niet "
        "bij. Sluit dat programma, of kies een andere met --device."
    )


class MicrophoneLost(Refused):
    text = N_("De microfoon is weg.")


@dataclass(frozen=True, kw_only=True)
class Device:
    index: int
    name: str
    channels: int
    default: bool


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A piece of what a microphone heard."""

    pcm: bytes  # 16 kHz, s16le, one channel
    until_s: float  # when its last sample was heard, by ``clock_s``
    overflow: bool = False  # the system lost some before it


class Capture(Protocol):
    """An open microphone. It hears whether its sound is taken or not: some ten minutes of it wait."""

    @property
    def name(self) -> str:
        """Of the device."""
        ...

    @property
    def waiting_s(self) -> float:
        """How much sound was not taken yet."""
        ...

    def take(self, timeout_s: float) -> Sound | None:
        """The next piece; None when there is none yet. Raises ``MicrophoneLost`` when none will come."""
        ...

    def close(self) -> None: ...


class Microphone(Protocol):
    def devices(self) -> list[Device]:
        """The inputs there are now. Raises ``NoSoundLibrary``."""
        ...

    def open(self, device: str) -> Capture:
        """A device by its number, its name or a part of that; "" is the system's own choice.

        Raises ``NoSoundLibrary``, ``NoMicrophone``, ``UnknownDevice``, ``MicrophoneBusy``.
        """
        ...


def chosen(devices: list[Device], wanted: str) -> Device:
    """Raises ``NoMicrophone``, ``UnknownDevice``."""
    if not devices:
        raise NoMicrophone
    if not wanted:
        return next((one for one in devices if one.default), devices[0])
    name = wanted.casefold()
    for found in (
        [one for one in devices if str(one.index) == wanted],
        [one for one in devices if one.name.casefold() == name],
        [one for one in devices if name in one.name.casefold()],
    ):
        if len(found) == 1:
            return found[0]
    raise UnknownDevice(name=wanted)


def clock_s() -> float:
    """Seconds. Nobody sets this clock, and where the system can tell it goes on while the computer sleeps."""
    sleepless = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if sleepless is None else time.clock_gettime(sleepless)
