"""The decoder's child process: media bytes in over a pipe, 16 kHz PCM out over another. Imports only av, numpy, stdlib.

Media files are untrusted and FFmpeg is native code, so this process is given nothing to lose: no file name, no key, no
environment, no descriptor but its two pipes, and hard limits on memory and processor time. It asks the parent for
pieces of the file, so that an encrypted recording is never plain on disk.

Frames on both pipes are ``kind (1 byte), length (u32, big endian), payload``:

====  ===============  ==========================================================
kind  direction        payload
====  ===============  ==========================================================
``G``  parent → child  JSON: what to do (``parts`` [[offset, size, start]], ``max_s``, ``only_probe``, limits)
``R``  child → parent  offset (u64), length (u32): read this of the file
``B``  parent → child  those bytes; fewer at the end of the file
``I``  child → parent  JSON: ``duration_s``, ``channels``, ``video``, ``tracks``
``P``  child → parent  PCM: 16 kHz, s16le, interleaved
``E``  child → parent  JSON: ``duration_s``, ``missing`` [[start, end]]; the last frame
``X``  child → parent  JSON: ``problem`` (a name in ``transcribe.errors``), ``minutes``; the last frame
====  ===============  ==========================================================

What is heard: of one audio track one and two channels stay as they are; of more than two nobody knows who is where, so
they are mixed to one (the mean). Several tracks, or several files (``parts``), are several people who were recorded
apart: each becomes one channel, in its place in time; of more than two the mean. Each track is read by a demuxer of
its own, so that memory stays the same however a file is laid out.
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

RATE_HZ = 16_000
FRAME_BYTES = 2  # of one channel
PCM_BYTES = 65_536  # size of the pieces that are sent
AV_BUFFER_BYTES = 65_536

#: Demuxers FFmpeg may choose from. Playlists (hls, concat, dash) open other files and addresses; raw and text formats
#: find "sound" in anything. Neither belongs in a consult.
FORMATS = "wav,w64,mp3,aac,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2"

#: A forward jump of the timestamps that is larger is filled with silence (jitter and clock drift are smaller).
GAP_S = 0.1
#: ... and is reported as missing when it is this long; shorter ones are normal where silence is not sent (Opus DTX).
#: After a packet that could not be decoded every gap is reported.
MISSING_S = 0.5
#: Without a duration in the header a jump beyond this is a broken timestamp, not a gap.
LONGEST_GAP_S = 600.0
#: The end may differ so much from what the header promises: half a second, or one hundredth.
END_TOLERANCE_S, END_TOLERANCE = 0.5, 0.01
#: Beside others a track whose clock is fast runs ahead of its timestamps. Pauses of it are made shorter until it is in
#: its place: sound softer than this (of 32768), and no more than so many seconds. Beyond that timestamps are broken.
QUIET, AHEAD_S = 328, 5.0
#: Nobody records more people apart; each is a reader of the whole file.
MOST_TRACKS = 8


class Problem(Exception):
    """The recording can't be used; the name is that of a class in ``transcribe.errors``."""

    def __init__(self, name: str, *, minutes: int = 0) -> None:
        super().__init__(name)
        self.name = name
        self.minutes = minutes


class ParentGone(Exception):
    """The pipe is closed: nobody wants the result any more."""


class Pipe:
    """Frames from and to the parent."""

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target

    def send(self, kind: bytes, payload: bytes) -> None:
        self._target.write(kind + struct.pack(">I", len(payload)) + payload)
        self._target.flush()

    def receive(self, kind: bytes) -> bytes:
        head = self._source.read(5)
        if len(head) < 5 or head[:1] != kind:
            raise ParentGone
        (length,) = struct.unpack(">I", head[1:])
        payload = self._source.read(length)
        if len(payload) < length:
            raise ParentGone
        return payload


class RemoteFile:
    """The media file as FFmpeg sees it: read and seek, every byte asked from the parent. ``start``: where in that."""

    def __init__(self, pipe: Pipe, size: int, start: int = 0) -> None:
        self._pipe, self.size, self._start, self._at = pipe, size, start, 0

    def read(self, n: int = -1) -> bytes:
        n = self.size - self._at if n < 0 else n
        n = max(0, min(n, self.size - self._at, 1 << 20))
        if n == 0:
            return b""
        self._pipe.send(b"R", struct.pack(">QI", self._start + self._at, n))
        data = self._pipe.receive(b"B")
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._at, self.size)[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def at(self, offset: int, n: int) -> bytes:
        self.seek(offset)
        return self.read(n)


def looks_like_media(head: bytes) -> bool:
    """Does the file begin as a media container that we read? Then it is broken, not something else."""
    return (
        head[4:8] in (b"ftyp", b"mdat", b"moov", b"free", b"skip", b"wide")
        or head.startswith((b"RIFF", b"RF64", b"OggS", b"fLaC", b"ID3", b"\x1aE\xdf\xa3"))
        or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
    )


def has_length_header(file: RemoteFile) -> bool:
    """Does an mp3 say how long it is (Xing, Info or VBRI frame)? If not, FFmpeg guesses from the first bit rate."""
    head = file.at(0, 10)
    start = 0
    if head.startswith(b"ID3") and len(head) == 10:  # size in four bytes of seven bits
        start = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    first = file.at(start, 4096)
    return any(mark in first for mark in (b"Xing", b"Info", b"VBRI"))


#: From here on a length in a wav header is a streaming recorder's "unknown" (all ones, with or without the sign).
STREAMED = 0x7FFFF000


def wav_seconds(file: RemoteFile, size: int) -> float | None:
    """What the header of a wav promises, if that is more than the file holds (FFmpeg counts only what is there).

    A header that was never completed (a streaming recorder: size 0, or as large as the field goes) promises nothing.
    """
    at, bytes_per_second = 12, 0
    while at + 8 <= size:
        head = file.at(at, 24)
        (length,) = struct.unpack("<I", head[4:8])
        if head[:4] == b"fmt " and len(head) >= 20:
            (bytes_per_second,) = struct.unpack("<I", head[16:20])
        if head[:4] == b"data":
            promised = 0 < length < STREAMED and at + 8 + length > size and bytes_per_second > 0
            return length / bytes_per_second if promised else None
        at += 8 + length + length % 2
    return None


def wav_hides_sound(file: RemoteFile, size: int) -> bool:
    """Does the header of a wav admit to less than half of the sound that follows it? FFmpeg would believe it."""
    at = 12
    while at + 8 <= size:
        head = file.at(at, 8)
        (length,) = struct.unpack("<I", head[4:8])
        if head[:4] == b"data":
            after = at + 8 + length + length % 2
            name, following = file.at(after, 4), file.at(after + 4, 4)
            named = len(following) == 4 and name.isascii() and name.decode("ascii").isprintable()
            if named and after + 8 + int.from_bytes(following, "little") <= size:
                return False  # another chunk (tags, a cover): the length was right
            return bool(2 * length < size - at - 8)
        at += 8 + length + length % 2
    return False


def _seconds(text: str) -> float | None:
    """``00:01:02.500000000`` of a Matroska DURATION tag."""
    try:
        hours, minutes, seconds = text.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        return None


class Track:
    """An audio track of a file, opened: the first, or the one with that number."""

    def __init__(self, av: Any, file: RemoteFile, number: int = 0) -> None:
        self._av = av
        head = file.at(0, 16)
        wav = head[:4] == b"RIFF" and head[8:12] == b"WAVE"
        self._promised_s = wav_seconds(file, file.size) if wav else None
        all_of_it = {"ignore_length": "1"} if wav and wav_hides_sound(file, file.size) else {}
        trusted = (not head.startswith(b"ID3") and head[:1] != b"\xff") or has_length_header(file)
        file.seek(0)
        try:
            self.container = av.open(
                file,
                mode="r",
                buffer_size=AV_BUFFER_BYTES,
                options={"format_whitelist": FORMATS, "protocol_whitelist": "none", **all_of_it},
                metadata_errors="replace",
            )
        except (av.error.FFmpegError, ValueError):
            raise Problem("IncompleteFile" if looks_like_media(head) else "NotAudio") from None
        self.silent = False  # there is a track, and nothing in it: somebody who was there and never spoke
        self.lenient = self.container.format.name in ("mp3", "aac")  # these demuxers see frames in any noise
        video = [s for s in self.container.streams.video if not s.disposition & s.disposition.attached_pic]
        self.video = bool(video)
        if not self.container.streams.audio:
            raise Problem("NoAudioTrack" if video else "IncompleteFile" if looks_like_media(head) else "NotAudio")
        self.count = len(self.container.streams.audio)
        self.stream = self.container.streams.audio[number]
        self.stream.thread_type = "NONE"  # memory stays small; sound decodes hundreds of times faster than real time
        codec = self.stream.codec_context  # none: of a kind that nobody knows
        channels = codec.channels if codec is not None else 0
        if channels < 1:
            raise Problem("IncompleteFile")
        self.channels = channels if channels <= 2 else 1
        self.duration_s = self._duration() if trusted and self.container.format.name != "aac" else None
        self.start_s: float | None = None  # on the clock of its timestamps
        if self.stream.start_time is not None and self.stream.time_base is not None:
            self.start_s = float(self.stream.start_time * self.stream.time_base)

    def _duration(self) -> float | None:
        """What the header says, or None. The track's own length before the container's: a video may last longer."""
        stream = self.stream
        if self._promised_s is not None:
            return self._promised_s
        if stream.duration is not None and stream.time_base is not None:
            seconds = float(stream.duration * stream.time_base)
        elif (tagged := _seconds(stream.metadata.get("DURATION", ""))) is not None:
            seconds = tagged
        elif self.container.duration is not None:
            seconds = self.container.duration / self._av.time_base
        else:
            return None
        return seconds if seconds > 0 else None

    def frames(self) -> Iterator[tuple[Any, bool]]:
        """Decoded frames, and whether a packet before it could not be decoded.

        Damage shows as all kinds of errors (FFmpeg's codes are taken for errno: even PermissionError), packet by
        packet; the next packet is often good again.
        """
        good = bad = 0
        broken = False
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                break
            except self._av.error.EOFError:
                break
            except self._av.error.FFmpegError:
                bad += 1
                break  # the demuxer itself is stuck: what comes after is missing
            try:
                frames = packet.decode()
            except self._av.error.EOFError:
                continue
            except self._av.error.FFmpegError:
                bad += 1
                broken = True
                continue
            for frame in frames:
                good += 1
                yield frame, broken
                broken = False
        self.silent = good == bad == 0
        if good == 0 or (self.lenient and bad > good):
            raise Problem("NotAudio" if self.lenient else "IncompleteFile")


class Converter:
    """Frames of any rate and format to 16 kHz s16le. A change of format half-way (chained ogg, AAC) is followed; what
    no sound can be made of is left out.
    """

    def __init__(self, av: Any, channels: int) -> None:
        self._av, self._channels = av, channels
        self._resampler: Any = None
        self._setup: tuple[object, ...] = ()

    def convert(self, frame: Any) -> bytes:
        before = b""
        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        if setup != self._setup:
            before = self.rest()
            self._setup = setup
            few = frame.layout.nb_channels <= 2
            layout = ("mono", "stereo")[self._channels - 1] if few else frame.layout
            self._resampler = self._av.AudioResampler(format="s16", layout=layout, rate=RATE_HZ)
        frame.pts = None  # we keep the time ourselves
        try:
            return before + b"".join(map(self._bytes, self._resampler.resample(frame)))
        except self._av.error.FFmpegError:  # of a rate or a layout that can't be: the header is damaged
            self._resampler, self._setup = None, ()
            return before

    def rest(self) -> bytes:
        """What the resampler still holds."""
        if self._resampler is None:
            return b""
        rest = b"".join(map(self._bytes, self._resampler.resample(None)))
        self._resampler = None
        self._setup = ()
        return rest

    def _bytes(self, frame: Any) -> bytes:
        channels = frame.layout.nb_channels
        raw = bytes(frame.planes[0])[: frame.samples * channels * FRAME_BYTES]
        if channels <= 2:
            return raw
        import numpy as np

        mixed = np.frombuffer(raw, "<i2").reshape(-1, channels).astype(np.int32).mean(axis=1).astype("<i2")
        return bytes(np.repeat(mixed, self._channels).tobytes())


class Sink:
    """PCM to the parent, counted. Stops at the longest recording allowed."""

    def __init__(self, pipe: Pipe, channels: int, max_s: float) -> None:
        self._pipe, self._frame, self._max_s = pipe, channels * FRAME_BYTES, max_s
        self._waiting = bytearray()
        self._written = 0  # sample moments

    @property
    def seconds(self) -> float:
        return self._written / RATE_HZ

    def write(self, pcm: bytes) -> None:
        self._written += len(pcm) // self._frame
        if self.seconds > self._max_s:
            raise Problem("TooLong", minutes=math.ceil(self.seconds / 60))
        self._waiting += pcm
        while len(self._waiting) >= PCM_BYTES:
            self._pipe.send(b"P", bytes(self._waiting[:PCM_BYTES]))
            del self._waiting[:PCM_BYTES]

    def flush(self) -> None:
        if self._waiting:
            self._pipe.send(b"P", bytes(self._waiting))
            self._waiting.clear()


class Lane:
    """One track in its place in time: the gaps that its timestamps tell of are silence.

    Beside others, whoever comes later was not there before: silence that is not missing, so long as ``lead_s`` says, or
    (None) as far as its first moment lies beyond ``clock_s``.
    """

    def __init__(
        self,
        av: Any,
        track: Track,
        channels: int,
        *,
        alone: bool = True,
        lead_s: float | None = None,
        clock_s: float | None = None,
    ) -> None:
        self._track, self._converter = track, Converter(av, channels)
        self._frame = channels * FRAME_BYTES
        self._alone, self._lead_s, self._clock_s = alone, lead_s, clock_s
        self._written = 0  # sample moments
        self.missing: list[tuple[float, float]] = []

    @property
    def _seconds(self) -> float:
        return self._written / RATE_HZ

    def pieces(self) -> Iterator[bytes]:
        """Beside others, one that can't be decoded at all is missing; raises ``Problem`` when it is all there is."""
        try:
            yield from self._pieces()
        except Problem:
            if self._alone or self._written:
                raise
            if not self._track.silent:
                self.missing.append((0.0, self._track.duration_s or 0.0))

    @property
    def empty(self) -> bool:
        return self._written == 0

    def _pieces(self) -> Iterator[bytes]:
        duration_s = self._track.duration_s
        origin_s = self._track.start_s if self._alone else None
        lead_s = ahead_s = 0.0
        for frame, broken in self._track.frames():
            if frame.pts is not None and frame.time_base is not None:
                moment_s = float(frame.pts * frame.time_base)
                if origin_s is None:
                    origin_s, lead_s = moment_s, self._lead(moment_s)
                    yield from self._silence(lead_s)
                at_s = moment_s - origin_s
                gap_s = at_s + lead_s - self._seconds
                end_s = LONGEST_GAP_S + self._seconds if duration_s is None else duration_s + 1
                if gap_s > (0.01 if broken else GAP_S) and at_s <= end_s:
                    if broken or gap_s >= MISSING_S:
                        self.missing.append((self._seconds, self._seconds + gap_s))
                    yield from self._silence(gap_s)
                ahead_s = 0.0 if self._alone else max(0.0, -gap_s)
            pcm = self._converter.convert(frame)
            if GAP_S < ahead_s < AHEAD_S and quiet(pcm):
                continue
            yield self._counted(pcm)
        yield self._counted(self._converter.rest())
        if duration_s is not None:
            short_s = duration_s - self._seconds
            if short_s > max(END_TOLERANCE_S, END_TOLERANCE * duration_s):
                self.missing.append((self._seconds, duration_s))

    def _lead(self, moment_s: float) -> float:
        if self._lead_s is not None:
            return self._lead_s
        after_s = 0.0 if self._alone or self._clock_s is None else moment_s - self._clock_s
        return after_s if 0 < after_s <= LONGEST_GAP_S else 0.0

    def _silence(self, seconds: float) -> Iterator[bytes]:
        left = round(seconds * RATE_HZ)
        while left > 0:
            piece = min(left, RATE_HZ)
            yield self._counted(bytes(piece * self._frame))
            left -= piece

    def _counted(self, pcm: bytes) -> bytes:
        self._written += len(pcm) // self._frame
        return pcm


def quiet(pcm: bytes) -> bool:
    import numpy as np

    samples = np.frombuffer(pcm, "<i2")
    return samples.size > 0 and max(-int(samples.min()), int(samples.max())) < QUIET


def side_by_side(lanes: list[Lane]) -> Iterator[bytes]:
    """Voices that were recorded apart: two become two channels, more their mean. Whoever ends first is silent then."""
    import numpy as np

    sources = [lane.pieces() for lane in lanes]
    waiting = [bytearray() for _ in lanes]
    going = set(range(len(lanes)))
    while going or any(waiting):
        for number in sorted(going):
            while len(waiting[number]) < PCM_BYTES:
                piece = next(sources[number], None)
                if piece is None:
                    going.discard(number)
                    break
                waiting[number] += piece
        ready = min((len(waiting[number]) for number in going), default=max(map(len, waiting)))
        voices = []
        for buffer in waiting:
            voices.append(np.frombuffer(bytes(buffer[:ready]).ljust(ready, b"\0"), "<i2"))
            del buffer[:ready]
        if len(voices) == 2:
            yield np.stack(voices, axis=1).tobytes()
        else:
            yield np.stack(voices, axis=1).astype(np.int32).mean(axis=1).astype("<i2").tobytes()


class Sound:
    """All that is to be heard of a consult: the tracks of its file, or the one track of each of its files."""

    def __init__(self, av: Any, pipe: Pipe, parts: list[list[Any]]) -> None:
        self._av = av
        self._apart = len(parts) > 1  # files
        self.tracks = [Track(av, RemoteFile(pipe, size, offset)) for offset, size, _ in parts]
        self._leads: list[float | None] = [start_s for _, _, start_s in parts]
        if self.tracks[0].count > MOST_TRACKS or (self._apart and any(track.count > 1 for track in self.tracks)):
            raise Problem("DecoderFailed")  # rather than leave somebody out
        if not self._apart:
            offset, size, _ = parts[0]
            count = self.tracks[0].count
            self.tracks += [Track(av, RemoteFile(pipe, size, offset), number) for number in range(1, count)]
            self._leads = [None] * count
        self.alone = len(self.tracks) == 1
        self.video = any(track.video for track in self.tracks)
        self.channels = self.tracks[0].channels if self.alone else 2 if len(self.tracks) == 2 else 1
        ends = [
            (lead_s or 0.0) + track.duration_s
            for track, lead_s in zip(self.tracks, self._leads, strict=True)
            if track.duration_s is not None
        ]
        self.duration_s = max(ends) if len(ends) == len(self.tracks) else None

    def decode(self, sink: Sink) -> list[tuple[float, float]]:
        """Everything that can be decoded, in its place in time. Returns the stretches that are missing."""
        starts = [track.start_s for track in self.tracks if track.start_s is not None]
        lanes = [
            Lane(
                self._av,
                track,
                self.channels if self.alone else 1,
                alone=self.alone,
                lead_s=lead_s,
                clock_s=min(starts, default=None),
            )
            for track, lead_s in zip(self.tracks, self._leads, strict=True)
        ]
        for piece in lanes[0].pieces() if self.alone else side_by_side(lanes):
            sink.write(piece)
        sink.flush()
        if all(lane.empty for lane in lanes):
            raise Problem("IncompleteFile")
        return united(span for lane in lanes for span in lane.missing)


def united(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """In order, none overlapping."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def limit(go: dict[str, Any]) -> None:
    """Give up everything this process does not need. What the system does not know (macOS, Windows) is left out."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for what, most in (
        (resource.RLIMIT_AS, go["memory_bytes"]),
        (resource.RLIMIT_CPU, go["cpu_s"]),
        (resource.RLIMIT_NOFILE, 3),  # the three it has: no file and no connection can be opened
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            continue


def die_with_parent() -> None:
    """End when the parent is gone, also in the middle of a long native call."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    pipe = Pipe(sys.stdin.buffer, sys.stdout.buffer)
    go = json.loads(pipe.receive(b"G"))
    import av
    import av.subtitles.stream  # PyAV imports it when it meets a first stream; after the limits that is too late
    import numpy  # noqa: F401  (likewise)

    av.logging.set_level(None)
    die_with_parent()
    limit(go)
    try:
        sound = Sound(av, pipe, go["parts"])
        info = {
            "duration_s": sound.duration_s,
            "channels": sound.channels,
            "video": sound.video,
            "tracks": len(sound.tracks),
        }
        pipe.send(b"I", json.dumps(info).encode())
        if go["only_probe"]:
            return 0
        if sound.duration_s is not None and sound.duration_s > go["max_s"] + 1:
            raise Problem("TooLong", minutes=math.ceil(sound.duration_s / 60))
        sink = Sink(pipe, sound.channels, go["max_s"] + 1)
        missing = sound.decode(sink)
        pipe.send(b"E", json.dumps({"duration_s": sink.seconds, "missing": missing}).encode())
    except Problem as problem:
        pipe.send(b"X", json.dumps({"problem": problem.name, "minutes": problem.minutes}).encode())
    except (ParentGone, BrokenPipeError):
        return 3
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # no clean-up in native code that read untrusted input
