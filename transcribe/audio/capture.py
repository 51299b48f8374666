"""The microphones of this machine, by PortAudio (sounddevice). See ``microphone.Microphone``."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from transcribe.audio.microphone import (
    Device,
    MicrophoneBusy,
    MicrophoneLost,
    NoMicrophone,
    NoSoundLibrary,
    Sound,
    chosen,
    clock_s,
)
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.audio.resample import Resampler

BLOCK_S = 0.05
#: So long the system keeps sound for a process that gets no turn: transcribing takes every core.
PATIENCE_S = 0.5
#: Of sound that nobody takes, so that a disk that hangs does not fill the memory.
MOST_WAITING_S = 600.0
#: A device that says nothing for so long is gone; one that begins may take two seconds.
DEAF_S = 5.0
#: For a driver to let go of a device.
CLOSE_S = 3.0
_INVALID_RATE = -9997

log = logging.getLogger(__name__)


class SoundDevices:
    """Used by one thread."""

    def __init__(self) -> None:
        self._looked = False
        self._opened: list[Hearing] = []

    def devices(self) -> list[Device]:
        library = _library()
        self._opened = [one for one in self._opened if not one.closed]
        if self._looked and not self._opened:
            # PortAudio looks once, at its start: what was plugged in later is found by starting it again
            with _quiet():
                with suppress(library.PortAudioError):
                    library._terminate()
                library._initialize()
        self._looked = True
        default = library.default.device[0]
        return [
            Device(
                index=one["index"],
                name=one["name"],
                channels=one["max_input_channels"],
                default=one["index"] == default,
            )
            for one in library.query_devices()
            if one["max_input_channels"] > 0
        ]

    def open(self, device: str) -> Hearing:
        try:
            found = chosen(self.devices(), device)
        except _library().PortAudioError:  # no sound system at all
            raise NoMicrophone from None
        try:
            self._opened.append(Hearing(found))
            return self._opened[-1]
        except _library().PortAudioError:
            raise MicrophoneBusy(name=found.name) from None
        except ValueError:  # gone since we looked
            raise NoMicrophone from None


class Hearing:
    """See ``microphone.Capture``."""

    def __init__(self, device: Device) -> None:
        library = _library()
        self.name = device.name
        self.closed = False
        self._sounds: SimpleQueue[tuple[bytes, float, bool] | None] = SimpleQueue()
        self._heard_s = clock_s()
        rate_hz = RATE_HZ
        try:
            with _quiet():
                library.check_input_settings(device.index, channels=1, dtype="int16", samplerate=rate_hz)
        except library.PortAudioError as problem:
            if _INVALID_RATE not in problem.args:
                raise
            rate_hz = int(library.query_devices(device.index)["default_samplerate"])
        self._resampler = Resampler(rate_hz) if rate_hz != RATE_HZ else None
        with _quiet():
            self._stream = library.RawInputStream(
                device=device.index,
                samplerate=rate_hz,
                channels=1,
                dtype="int16",
                blocksize=int(rate_hz * BLOCK_S),
                latency=PATIENCE_S,
                callback=self._come,
                finished_callback=self._ended,
            )
            try:
                self._stream.start()
            except BaseException:
                self._stream.close()
                raise

    # in PortAudio's own thread, which must never wait: the queue is a lock-free one of the interpreter

    def _come(self, data: Any, _frames: int, _time: Any, status: Any) -> None:
        if self.waiting_s < MOST_WAITING_S:  # else it is missed, which the clock shows
            self._sounds.put((bytes(data), clock_s(), bool(status.input_overflow)))

    def _ended(self) -> None:
        self._sounds.put(None)

    @property
    def waiting_s(self) -> float:
        return self._sounds.qsize() * BLOCK_S

    def take(self, timeout_s: float) -> Sound | None:
        try:
            found = self._sounds.get(timeout=timeout_s)
        except Empty:
            if clock_s() - self._heard_s > DEAF_S:
                raise MicrophoneLost from None
            return None
        if found is None:
            self._sounds.put(None)  # for whoever asks again
            raise MicrophoneLost
        pcm, self._heard_s, overflow = found
        if self._resampler is not None:
            pcm = self._resampler.take(pcm)
        return Sound(pcm=pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES], until_s=self._heard_s, overflow=overflow)

    def close(self) -> None:
        """Some drivers never return from closing a device that is gone: we then go on without, see ``closed``."""
        closing = Thread(target=self._close, name="closing a microphone", daemon=True)
        with _quiet():
            closing.start()
            closing.join(CLOSE_S)
        if not self.closed:
            log.warning("the driver does not let go of the microphone: start again to find one")
            atexit.unregister(_library()._exit_handler)  # it would wait for that driver, and the program never end

    def _close(self) -> None:
        self._stream.abort()
        self._stream.close()
        self.closed = True


def _library() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError):
        raise NoSoundLibrary from None
    return sounddevice


@contextmanager
def _quiet() -> Iterator[None]:
    """PortAudio and ALSA write what they tried onto standard error, across what stands on the screen."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (no path of ours)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
