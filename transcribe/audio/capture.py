"""The microphones of this machine, by PortAudio in a process of its own. See ``microphone.Microphone``."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread

from transcribe.audio.capture_child import BLOCK_S, BUSY, HEAD, MOST_WAITING_S, NO_LIBRARY
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

CHILD = [sys.executable, "-I", "-m", "transcribe.audio.capture_child"]
#: A device that says nothing for so long is gone; one that begins may take two seconds.
DEAF_S = 5.0
#: For a driver to find its devices, and to open one.
OPEN_S = 15.0
#: For a killed process to be gone; one that waits inside a driver may stay behind.
GONE_S = 3.0


class SoundDevices:
    def devices(self) -> list[Device]:
        process = _child("list")
        try:
            line, _nothing = process.communicate(timeout=OPEN_S)
        except subprocess.TimeoutExpired:  # a driver hangs
            _end(process)
            if process.stdout is not None:
                process.stdout.close()
            return []
        said = json.loads(line or "{}")
        if said.get("problem") == NO_LIBRARY:
            raise NoSoundLibrary
        return [Device(**one) for one in said.get("devices", [])]

    def open(self, device: str) -> Hearing:
        return Hearing(chosen(self.devices(), device))


class Hearing:
    """See ``microphone.Capture``."""

    def __init__(self, device: Device) -> None:
        """Raises ``NoSoundLibrary``, ``NoMicrophone``, ``MicrophoneBusy``."""
        self.name = device.name
        self._sounds: SimpleQueue[tuple[bytes, float, bool] | None] = SimpleQueue()
        self._process = _child("hear", str(device.index), device.name)
        opened: SimpleQueue[bytes] = SimpleQueue()
        Thread(target=self._read, args=[opened], name="microphone", daemon=True).start()
        try:
            said = json.loads(opened.get(timeout=OPEN_S) or "{}")
        except Empty:
            said = {"problem": BUSY}
        self._heard_s = clock_s()
        rate_hz = said.get("rate_hz")
        if rate_hz is None:
            self.close()
            if said.get("problem") == NO_LIBRARY:
                raise NoSoundLibrary
            if said.get("problem") == BUSY:
                raise MicrophoneBusy(name=self.name)
            raise NoMicrophone  # gone since we looked
        self._resampler = Resampler(rate_hz) if rate_hz != RATE_HZ else None

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
        _end(self._process)

    def _read(self, opened: SimpleQueue[bytes]) -> None:
        """In a thread of its own, so that the pipe is never full and ``waiting_s`` is the truth."""
        source = self._process.stdout
        assert source is not None
        with source:
            opened.put(source.readline())
            while len(head := source.read(HEAD.size)) == HEAD.size:
                until_s, overflow, length = HEAD.unpack(head)
                pcm = source.read(length)
                if len(pcm) == length and self.waiting_s < MOST_WAITING_S:
                    self._sounds.put((pcm, until_s, bool(overflow)))
        self._sounds.put(None)


def _child(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*CHILD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # PortAudio and ALSA write what they tried across what stands on the screen
        start_new_session=True,  # Ctrl-C is for the process that records
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GONE_S)
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
