"""Media files to 16 kHz PCM, in a child process that is given nothing to lose (``decode_child``)."""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES, Decoded, Span
from transcribe.audio.together import LONGEST_HEAD, read_head
from transcribe.errors import (
    AudioProblem,
    DecoderFailed,
    EmptyFile,
    IncompleteFile,
    NoAudioTrack,
    NotAudio,
    TooLong,
)
from transcribe.ports import AudioInfo

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("decode_child.py")
PROBLEMS: dict[str, type[AudioProblem]] = {
    kind.__name__: kind for kind in (EmptyFile, NotAudio, NoAudioTrack, IncompleteFile, TooLong, DecoderFailed)
}

MEMORY_BYTES = 1 << 30  # address space of the child; it uses about 0.3 GB of that, 0.1 GB resident
MOST_TRACKS = 8  # as in the child
LARGEST_FRAME = 1 << 20  # of the protocol; what is larger does not come from our child
#: FFmpeg reads a file once for each track, plus its index; a child that goes on reading is stuck in a loop.
READ_TIMES, READ_SLACK = 3, 64 << 20


class _Child:
    """One run of the child. Frames in and out; killed when it is silent for ``silent_s`` while we wait for it."""

    def __init__(self, *, silent_s: float) -> None:
        environment = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Windows needs it
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # FFmpeg quotes titles and names from the file
            env={**environment, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            cwd=Path(sys.executable).anchor,
            start_new_session=True,
        )
        self._silent_s = silent_s
        self._waiting_since: float | None = None
        self._closed = threading.Event()
        self._watchdog = threading.Thread(target=self._watch, name="decoder-watchdog", daemon=True)
        self._watchdog.start()

    def _watch(self) -> None:
        while not self._closed.wait(min(1.0, self._silent_s / 4)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._silent_s:
                log.warning("decoder: no answer for %.0f s, stopped", self._silent_s)
                self._process.kill()
                return

    def send(self, kind: bytes, payload: bytes) -> None:
        assert self._process.stdin is not None
        self._waiting_since = time.monotonic()
        try:
            self._process.stdin.write(kind + struct.pack(">I", len(payload)) + payload)
            self._process.stdin.flush()
        except (BrokenPipeError, OSError):
            raise self._failed() from None
        finally:
            self._waiting_since = None

    def receive(self) -> tuple[bytes, bytes]:
        self._waiting_since = time.monotonic()
        try:
            head = self._read(5)
            (length,) = struct.unpack(">I", head[1:])
            if length > LARGEST_FRAME:
                raise self._failed()
            return head[:1], self._read(length)
        finally:
            self._waiting_since = None

    def _read(self, n: int) -> bytes:
        assert self._process.stdout is not None
        data = self._process.stdout.read(n)
        if len(data) < n:
            raise self._failed()
        return data

    def _failed(self) -> DecoderFailed:
        self._process.kill()
        log.warning("decoder: ended with code %s", self._process.wait())
        return DecoderFailed()

    def close(self) -> None:
        self._closed.set()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # unsent bytes to a child that is gone
                pipe.close()
        self._watchdog.join()

    @property
    def pid(self) -> int:
        return self._process.pid


class PyAvDecoding:
    """A running decode; see ``ports.Decoding``."""

    def __init__(self, child: _Child, source: BinaryIO, size: int, max_s: float) -> None:
        self._child, self._source, self._size, self._max_s = child, source, size, max_s
        self._served = 0
        self._tracks = 1
        self._decoded: Decoded | None = None
        told = self._answer(b"I")
        self.info = self._info(told)
        self._tracks = self._count(told)
        self.channels = self.info.channels

    def __iter__(self) -> Iterator[bytes]:
        frame_bytes = SAMPLE_BYTES * self.channels
        most = (self._max_s + 2) * RATE_HZ * frame_bytes  # the child stops earlier, unless it is no longer ours
        sent = 0
        while True:
            kind, payload = self._next()
            if kind == b"P":
                sent += len(payload)
                if sent > most or len(payload) % frame_bytes:
                    raise DecoderFailed()
                yield payload
            elif kind == b"E":
                self._decoded = self._result(payload, sent // frame_bytes / RATE_HZ)
                return
            else:
                raise DecoderFailed()

    def result(self) -> Decoded:
        if self._decoded is None:
            raise RuntimeError("not decoded to the end yet")
        return self._decoded

    def _answer(self, wanted: bytes) -> bytes:
        kind, payload = self._next()
        if kind != wanted:
            raise DecoderFailed()
        return payload

    def _next(self) -> tuple[bytes, bytes]:
        """The next frame that is not about reading the file. Raises the problem that the child reports."""
        while True:
            kind, payload = self._child.receive()
            if kind == b"R":
                self._serve(payload)
            elif kind == b"X":
                raise self._problem(payload)
            else:
                return kind, payload

    def _serve(self, request: bytes) -> None:
        if len(request) != 12:
            raise DecoderFailed()
        offset, length = struct.unpack(">QI", request)
        if length > LARGEST_FRAME or offset > self._size or self._served > self._allowed:
            raise DecoderFailed()
        self._source.seek(offset)
        data = self._source.read(length)
        self._served += len(data)
        self._child.send(b"B", data)

    @property
    def _allowed(self) -> int:
        """Bytes that are served in all."""
        return (READ_TIMES + self._tracks - 1) * self._size + READ_SLACK

    def _count(self, payload: bytes) -> int:
        tracks = _number(_json(payload).get("tracks"))
        if not isinstance(tracks, int) or not 1 <= tracks <= MOST_TRACKS:
            raise DecoderFailed()
        return tracks

    def _problem(self, payload: bytes) -> AudioProblem:
        said = _json(payload)
        kind = PROBLEMS.get(str(said.get("problem")), DecoderFailed)
        if kind is TooLong:
            return TooLong(minutes=_number(said.get("minutes")), maximum=math.floor(self._max_s / 60))
        return kind()

    def _info(self, payload: bytes) -> AudioInfo:
        said = _json(payload)
        duration, channels = said.get("duration_s"), said.get("channels")
        if channels not in (1, 2):
            raise DecoderFailed()
        return AudioInfo(
            duration_s=None if duration is None else float(_number(duration)),
            channels=channels,
            video=said.get("video") is True,
        )

    def _result(self, payload: bytes, duration_s: float) -> Decoded:
        missing = _json(payload).get("missing")
        if not isinstance(missing, list):
            raise DecoderFailed()
        try:
            spans = tuple(Span(start_s=float(start), end_s=float(end)) for start, end in missing)
        except (TypeError, ValueError):
            raise DecoderFailed() from None
        return Decoded(duration_s=duration_s, channels=self.channels, missing=spans)


def _json(payload: bytes) -> dict[str, Any]:
    try:
        said = json.loads(payload)
    except ValueError:
        raise DecoderFailed() from None
    if not isinstance(said, dict):
        raise DecoderFailed()
    return said


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DecoderFailed()
    return value


class PyAvDecoder:
    """``ports.Decoder`` with PyAV (FFmpeg). Thread-safe: every call has its own child.

    ``silent_s``: how long the child may be busy without a word before it is stopped.
    """

    def __init__(self, *, silent_s: float = 60.0) -> None:
        self._silent_s = silent_s

    def probe(self, source: BinaryIO) -> AudioInfo:
        """Raises an ``AudioProblem`` that says what is wrong with the file."""
        with self._run(source, max_s=0, only_probe=True) as decoding:
            return decoding.info

    def decode(self, source: BinaryIO, *, max_s: float) -> contextlib.AbstractContextManager[PyAvDecoding]:
        """Starts when entered, raising an ``AudioProblem`` when the file can't be opened; stops the child on exit."""
        return self._run(source, max_s=max_s, only_probe=False)

    @contextlib.contextmanager
    def _run(self, source: BinaryIO, *, max_s: float, only_probe: bool) -> Iterator[PyAvDecoding]:
        size = source.seek(0, os.SEEK_END)
        if size == 0:
            raise EmptyFile()
        parts = _parts(source, size)
        child = _Child(silent_s=self._silent_s)
        try:
            go = {
                "parts": parts,
                "max_s": max_s,
                "only_probe": only_probe,
                "memory_bytes": MEMORY_BYTES,
                "cpu_s": math.ceil(60 + max_s / 10),  # 2 h of mp4 takes 12 s; a tenth of real time is far above that
            }
            child.send(b"G", json.dumps(go).encode())
            yield PyAvDecoding(child, source, size, max_s)
        finally:
            child.close()


def _parts(source: BinaryIO, size: int) -> list[tuple[int, int, float | None]]:
    """Offset and bytes of each file of a recording, and where it begins (seconds): see ``together``."""
    source.seek(0)
    try:
        parts = read_head(source.read(LONGEST_HEAD))
    except ValueError:
        raise IncompleteFile() from None
    if not parts:
        return [(0, size, None)]
    if parts[-1].offset + parts[-1].size != size:
        raise IncompleteFile()
    return [(part.offset, part.size, part.start_s) for part in parts]
