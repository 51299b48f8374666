"""The process that hears: PortAudio (sounddevice) in, pieces of sound out over a pipe.

PortAudio looks for devices once, at its start, and its drivers may hang when they are asked to stop or to look again.
So each look and each open microphone has a process of its own, which is killed when nobody needs it any more. It also
gets its turn from the system when the process that records does not.

``python -m transcribe.audio.capture_child list``: one line of JSON, ``{"devices": [...]}`` or ``{"problem": name}``.

``... hear INDEX NAME``: one line, ``{"rate_hz": 48000}`` or ``{"problem": name}``, and then for each piece a ``HEAD``
(until when by ``clock_s``, 1 when the system lost some before it, number of bytes) and the bytes: s16le, one channel.
The end of the pipe is the end of the device. It ends itself when its standard input does: nobody listens any more.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import threading
from queue import SimpleQueue
from typing import Any

from transcribe.audio.microphone import clock_s
from transcribe.audio.pcm import RATE_HZ

HEAD = struct.Struct("<dBI")
BLOCK_S = 0.05
#: So long the system keeps sound for a process that gets no turn: transcribing takes every core.
PATIENCE_S = 0.5
#: Of sound that nobody takes, so that one who stands still does not fill the memory.
MOST_WAITING_S = 600.0
NO_LIBRARY, BUSY, GONE = "no library", "busy", "gone"
_INVALID_RATE = -9997


def main(arguments: list[str]) -> None:
    """Never returns: a driver that hangs must not keep this process from ending."""
    for name in ("SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2"):  # those are for the process that records
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        import sounddevice
    except (ImportError, OSError):
        _say({"problem": NO_LIBRARY})
    else:
        if arguments[0] == "list":
            _say({"devices": _devices(sounddevice)})
        else:
            threading.Thread(target=_while_listened_to, daemon=True).start()
            _hear(sounddevice, int(arguments[1]), arguments[2])
    os._exit(0)


def _devices(library: Any) -> list[dict[str, object]]:
    try:
        found = library.query_devices()
        default = library.default.device[0]
    except library.PortAudioError:  # no sound system at all
        return []
    return [
        {"index": one["index"], "name": one["name"], "channels": one["max_input_channels"],
         "default": one["index"] == default}
        for one in found
        if one["max_input_channels"] > 0
    ]  # fmt: skip


def _hear(library: Any, index: int, name: str) -> None:
    sounds: SimpleQueue[tuple[bytes, float, bool] | None] = SimpleQueue()

    # in PortAudio's own thread, which must never wait: the queue is a lock-free one of the interpreter

    def come(data: Any, _frames: int, _time: Any, status: Any) -> None:
        if sounds.qsize() * BLOCK_S < MOST_WAITING_S:  # else it is missed, which the clock shows
            sounds.put((bytes(data), clock_s(), bool(status.input_overflow)))

    try:
        if library.query_devices(index)["name"] != name:  # another one got its number
            raise ValueError
        rate_hz = RATE_HZ
        try:
            library.check_input_settings(index, channels=1, dtype="int16", samplerate=rate_hz)
        except library.PortAudioError as problem:
            if _INVALID_RATE not in problem.args:
                raise
            rate_hz = int(library.query_devices(index)["default_samplerate"])
        stream = library.RawInputStream(
            device=index, samplerate=rate_hz, channels=1, dtype="int16", blocksize=int(rate_hz * BLOCK_S),
            latency=PATIENCE_S, callback=come, finished_callback=lambda: sounds.put(None),
        )  # fmt: skip
        stream.start()
    except library.PortAudioError:
        _say({"problem": BUSY})
        return
    except ValueError:
        _say({"problem": GONE})
        return
    _say({"rate_hz": rate_hz})
    out = sys.stdout.buffer
    while (found := sounds.get()) is not None:
        pcm, until_s, overflow = found
        out.write(HEAD.pack(until_s, overflow, len(pcm)) + pcm)
        out.flush()


def _say(what: dict[str, object]) -> None:
    sys.stdout.buffer.write(json.dumps(what).encode() + b"\n")
    sys.stdout.buffer.flush()


def _while_listened_to() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
