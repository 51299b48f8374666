"""The decoder's contract: every container it promises, channels kept apart, damage stated, bad files named in Dutch.

All files are made with PyAV (``tests.containers``): a tone a channel, 440 Hz left, 880 Hz right.
"""

from __future__ import annotations

import gzip
import io
import logging
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from tests.containers import CONTAINERS, WITH_VIDEO, media
from transcribe.audio import decode_child
from transcribe.audio.decode import PyAvDecoder, _Child
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES, Decoded
from transcribe.audio.together import MARK, head, shifted
from transcribe.errors import (
    AudioProblem,
    DecoderFailed,
    EmptyFile,
    IncompleteFile,
    NoAudioTrack,
    NotAudio,
    TooLong,
)


def decoded(data: bytes, *, max_s: float = 3600) -> tuple[np.ndarray, Decoded]:
    """Samples of shape [n, channels] and the decoder's own account."""
    with PyAvDecoder().decode(io.BytesIO(data), max_s=max_s) as decoding:
        pcm = b"".join(decoding)
        result = decoding.result()
    assert result.channels == decoding.channels
    samples = np.frombuffer(pcm, "<i2").reshape(-1, result.channels)
    assert result.duration_s == pytest.approx(len(samples) / RATE_HZ)
    return samples, result


def tone(samples: np.ndarray) -> float:
    """The strongest frequency, Hz."""
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * RATE_HZ / len(samples))


def problem(data: bytes, *, max_s: float = 3600) -> type[AudioProblem]:
    with pytest.raises(AudioProblem) as caught:
        decoded(data, max_s=max_s)
    return caught.type


@pytest.mark.parametrize(
    ("name", "channels"), [*((name, 2) for name in CONTAINERS), ("wav", 1), ("mp3", 1), ("m4a", 1), ("webm", 1)]
)
def test_every_container_mono_and_stereo(name: str, channels: int) -> None:
    samples, result = decoded(media(name, channels=channels))
    assert result.channels == channels
    assert result.missing == ()
    assert result.duration_s == pytest.approx(4.0, abs=0.1)
    for channel in range(channels):
        assert tone(samples[RATE_HZ:-RATE_HZ, channel]) == pytest.approx(440 * (channel + 1), abs=2)


@pytest.mark.parametrize("name", WITH_VIDEO)
def test_video_is_told_and_ignored(name: str) -> None:
    data = media(name, video=True)
    info = PyAvDecoder().probe(io.BytesIO(data))
    assert (info.video, info.channels) == (True, 2)
    assert info.duration_s == pytest.approx(4.0, abs=0.3)
    assert decoded(data)[1].missing == ()


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_other_rates(rate: int) -> None:
    samples, _ = decoded(media("wav", rate=rate))
    assert tone(samples[:, 1]) == pytest.approx(880, abs=2)


@pytest.mark.parametrize("channels", [4, 6])
def test_more_than_two_channels_become_one(channels: int) -> None:
    samples, result = decoded(media("wav", channels=channels))
    assert (result.channels, samples.shape[1]) == (1, 1)
    spectrum = np.abs(np.fft.rfft(samples[:, 0]))
    assert all(spectrum[440 * (channel + 1) * 4] > 1e6 for channel in range(channels))


# --- people who were recorded apart ---


@pytest.mark.parametrize("name", ["mkv", "mp4", "webm"])
@pytest.mark.parametrize("channels", [1, 2])
def test_two_tracks_are_two_channels(name: str, channels: int) -> None:
    """Mono or stereo each (440 Hz and, of the second, five times that): nobody is left out."""
    data = media(name, tracks=2, channels=channels)
    assert PyAvDecoder().probe(io.BytesIO(data)).channels == 2
    samples, result = decoded(data)
    assert (result.channels, result.missing) == (2, ())
    assert result.duration_s == pytest.approx(4.0, abs=0.1)
    assert has(samples[RATE_HZ:-RATE_HZ, 0], 440)
    assert has(samples[RATE_HZ:-RATE_HZ, 1], 2200)
    assert not has(samples[RATE_HZ:-RATE_HZ, 0], 2200)
    assert not has(samples[RATE_HZ:-RATE_HZ, 1], 440)


def test_of_three_tracks_nobody_knows_who_is_where() -> None:
    samples, result = decoded(media("mkv", tracks=3, channels=1))
    assert (result.channels, samples.shape[1]) == (1, 1)
    assert all(has(samples[RATE_HZ:-RATE_HZ, 0], hertz) for hertz in (440, 2200, 3960))


def test_more_tracks_than_anybody_records_are_refused() -> None:
    assert problem(media("mkv", tracks=9, channels=1, seconds=0.5)) is DecoderFailed


def test_a_hole_in_one_track_is_filled_in_its_place() -> None:
    samples, result = decoded(media("mkv", tracks=2, channels=1, seconds=8, skip=(3.0, 5.0)))
    assert [(span.start_s, span.end_s) for span in result.missing] == [
        (pytest.approx(3, abs=0.1), pytest.approx(5, abs=0.1))
    ]
    assert result.duration_s == pytest.approx(8, abs=0.1)
    for channel, hertz in ((0, 440), (1, 2200)):
        assert has(samples[round(5.5 * RATE_HZ) : round(7.5 * RATE_HZ), channel], hertz)


def test_two_files_of_other_rates_and_lengths_become_one() -> None:
    first, second = media("m4a", channels=1, rate=44_100, seconds=3), media("wav", channels=2, rate=8_000, seconds=5)
    data = head(shifted([len(first), len(second)], None)) + first + second
    info = PyAvDecoder().probe(io.BytesIO(data))
    assert (info.channels, info.duration_s) == (2, pytest.approx(5.0, abs=0.1))
    samples, result = decoded(data)
    assert (result.channels, result.missing) == (2, ())  # whoever leaves first misses nothing
    assert result.duration_s == pytest.approx(5.0, abs=0.1)
    assert has(samples[RATE_HZ : 2 * RATE_HZ, 0], 440)
    assert not samples[round(3.2 * RATE_HZ) :, 0].any()
    assert has(samples[4 * RATE_HZ : round(4.8 * RATE_HZ), 1], 880)


@pytest.mark.parametrize(("shift_s", "late"), [(2.0, 1), (-2.0, 0)])
def test_the_list_says_which_file_begins_later(shift_s: float, late: int) -> None:
    first, second = media("wav", channels=1, seconds=4), media("m4a", channels=1, seconds=4)
    samples, result = decoded(head(shifted([len(first), len(second)], shift_s)) + first + second)
    assert result.duration_s == pytest.approx(6.0, abs=0.1)
    assert result.missing == ()
    assert not samples[: round(1.95 * RATE_HZ), late].any()
    assert samples[round(2.1 * RATE_HZ) : round(5.9 * RATE_HZ), late].any()
    assert samples[: round(1.9 * RATE_HZ), 1 - late].any()


def test_timestamps_of_one_clock_say_which_file_begins_later() -> None:
    """As a conference server leaves them: packets keep the time of the talk."""
    first, second = media("webm", channels=1, seconds=6), media("webm", channels=1, seconds=6, skip=(-1.0, 2.0))
    samples, result = decoded(head(shifted([len(first), len(second)], None)) + first + second)
    assert result.duration_s == pytest.approx(6.0, abs=0.1)
    assert result.missing == ()
    assert not samples[: round(1.9 * RATE_HZ), 1].any()
    assert has(samples[3 * RATE_HZ : 5 * RATE_HZ, 1], 440)


@pytest.mark.parametrize("clock", [0.98, 1.0, 1.02])
def test_a_clock_that_is_fast_or_slow_is_mended_in_the_pauses(clock: float) -> None:
    """Half a second of tone at each whole second of the talk, for a minute: where it begins in the recording. Nothing
    of it is cut off.
    """
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        tracks = [(container.add_stream("pcm_s16le", rate=16_000, layout="mono"), one) for one in (1.0, clock)]
        for number in range(50 * 60):
            for stream, speed in tracks:
                moment = number / 50 + np.arange(round(320 * speed)) / 16_000 / speed
                tone_now = np.where(moment % 1 < 0.5, 8000 * np.sin(2 * np.pi * 440 * speed * moment), 0)
                frame = av.AudioFrame.from_ndarray(tone_now.astype("<i2").reshape(1, -1), "s16", "mono")
                frame.sample_rate, frame.pts, frame.time_base = 16_000, number * 20, Fraction(1, 1000)
                for packet in stream.encode(frame):
                    packet.pts = packet.dts = round(number * 20 / 1000 / packet.time_base)
                    container.mux(packet)
    samples, result = decoded(out.getvalue())
    assert result.missing == ()
    assert result.duration_s == pytest.approx(60, abs=0.2)
    for second in (10, 30, 59):
        at = samples[round((second - 0.3) * RATE_HZ) : round((second + 0.9) * RATE_HZ)]
        begins = [np.flatnonzero(np.abs(at[:, channel]) > 1000)[0] / RATE_HZ - 0.3 for channel in (0, 1)]
        assert begins == [pytest.approx(0, abs=0.01), pytest.approx(0, abs=0.15)]
    sounding = [np.count_nonzero(np.abs(samples[:, channel]) > 1000) / RATE_HZ for channel in (0, 1)]
    assert sounding[1] == pytest.approx(sounding[0] * clock, rel=0.01)


def test_one_of_two_files_that_can_not_be_read_is_named() -> None:
    good = media("wav", channels=1)
    for bad, expected in ((b"no sound at all", NotAudio), (media("mp4", sound=False, video=True), NoAudioTrack)):
        assert problem(head(shifted([len(good), len(bad)], None)) + good + bad) is expected
    assert problem(head(shifted([len(good), len(good)], None)) + good + good[:-1]) is IncompleteFile
    assert problem(MARK + b"[]\n" + good) is IncompleteFile


def has(samples: np.ndarray, hertz: float) -> bool:
    """Is there such a tone, a tenth as strong as the strongest or more?"""
    spectrum = np.abs(np.fft.rfft(samples))
    at = round(hertz * len(samples) / RATE_HZ)
    return bool(spectrum[at - 3 : at + 4].max() > 0.1 * spectrum.max())


def test_result_only_after_the_last_chunk() -> None:
    with PyAvDecoder().decode(io.BytesIO(media("wav")), max_s=60) as decoding, pytest.raises(RuntimeError):
        decoding.result()


# --- damage ---


@pytest.mark.parametrize("name", ["webm", "mkv", "ogg"])
def test_a_hole_is_filled_with_silence_and_stated(name: str) -> None:
    samples, result = decoded(media(name, seconds=8, skip=(3.0, 5.0)))
    assert [(span.start_s, span.end_s) for span in result.missing] == [
        (pytest.approx(3, abs=0.1), pytest.approx(5, abs=0.1))
    ]
    assert result.damaged
    assert not samples[round(3.2 * RATE_HZ) : round(4.8 * RATE_HZ)].any()
    assert tone(samples[round(5.5 * RATE_HZ) : round(7.5 * RATE_HZ), 0]) == pytest.approx(440, abs=2)
    assert result.duration_s == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("name", ["webm", "mkv", "wav", "mp3"])
def test_cut_in_half_is_read_as_far_as_it_goes(name: str) -> None:
    data = media(name, seconds=10)
    samples, result = decoded(data[: len(data) // 2])
    assert result.duration_s == pytest.approx(5, abs=1)
    assert result.damaged
    assert sum(span.duration_s for span in result.missing) == pytest.approx(5, abs=1)
    assert result.missing[-1].end_s == pytest.approx(10, abs=0.2)
    assert tone(samples[:RATE_HZ, 0]) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("name", ["webm", "m4a", "mp3", "ogg"])
def test_flipped_bytes(name: str) -> None:
    """As far as it goes, in its place in time; what could not be decoded adds up."""
    data = bytearray(media(name, seconds=10))
    chance = random.Random(name)
    for _ in range(25):
        data[chance.randrange(len(data) // 20, len(data) * 9 // 10)] ^= 1 << chance.randrange(8)
    samples, result = decoded(bytes(data))
    assert 8 <= result.duration_s <= 20  # a flipped bit in a time stamp may make it longer
    silent = sum(not samples[i : i + 160].any() for i in range(0, len(samples), 160)) / 100
    assert silent <= sum(span.duration_s for span in result.missing) + 1.0


def test_opus_silence_that_was_never_sent_is_no_damage() -> None:
    """Pauses of a fraction of a second between packets are filled, not reported."""
    _, result = decoded(media("webm", seconds=8, skip=(3.0, 3.4)))
    assert result.missing == ()
    assert result.duration_s == pytest.approx(8, abs=0.1)


# --- bad files ---


def text_file() -> bytes:
    return "Notities van het spreekuur, per ongeluk hernoemd naar .mp3. Ëén regel, vele malen.\n".encode() * 5000


def half_mp4() -> bytes:
    data = media("mp4", seconds=8, video=True)
    assert data.rfind(b"moov") > len(data) // 2, "this test needs the index at the end"
    return data[: len(data) // 2]


def with_bytes(data: bytes, name: bytes, offset: int, new: bytes) -> bytes:
    """Other bytes, so many behind the beginning of the first ``name``."""
    at = data.index(name) + offset
    return data[:at] + new + data[at + len(new) :]


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("opname.wav", bytes(50_000_000))
    return out.getvalue()


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
BAD: dict[str, tuple[object, type[AudioProblem]]] = {
    "empty": (lambda: b"", EmptyFile),
    "text renamed": (text_file, NotAudio),
    "one byte": (lambda: b"x", NotAudio),
    "zeros": (lambda: bytes(100_000), NotAudio),
    "random bytes": (lambda: random.Random(1).randbytes(300_000), NotAudio),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(50_000), NotAudio),
    "document": (lambda: b"%PDF-1.7\n" + random.Random(3).randbytes(200_000), NotAudio),
    "program": (lambda: Path(sys.executable).read_bytes()[:1_000_000], NotAudio),
    "playlist": (lambda: PLAYLIST, NotAudio),
    "concat script": (lambda: b"ffconcat version 1.0\nfile '/etc/passwd'\n", NotAudio),
    "archive that swells": (zip_bomb, NotAudio),
    "packed file that swells": (lambda: gzip.compress(bytes(50_000_000)), NotAudio),
    "video without sound": (lambda: media("mp4", sound=False, video=True), NoAudioTrack),
    "webm without sound": (lambda: media("webm", sound=False, video=True), NoAudioTrack),
    "mp4 cut in half": (half_mp4, IncompleteFile),
    "only the beginning of a webm": (lambda: media("webm")[:60], IncompleteFile),
    "only the beginning of a wav": (lambda: media("wav")[:20], IncompleteFile),
    "a wav without sound in it": (lambda: media("wav")[:78], IncompleteFile),
    "a wav of a rate that can't be": (
        lambda: with_bytes(media("wav"), b"fmt ", 12, b"\xff\xff\xff\x7f"),
        IncompleteFile,
    ),
    "sound of a kind that nobody knows": (lambda: with_bytes(media("m4a"), b"stsd", 0, b"zzzz"), IncompleteFile),
    "the index without the sound": (lambda: media("mp4")[media("mp4").rfind(b"moov") - 4 :], IncompleteFile),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named(name: str) -> None:
    make, expected = BAD[name]
    assert callable(make)
    assert problem(make()) is expected


@pytest.mark.parametrize("name", ["m4a", "webm", "ogg", "mp3"])
def test_nonsense_behind_a_good_header_is_an_audio_problem_or_damage(name: str) -> None:
    data = media(name, seconds=10)
    noise = random.Random(name).randbytes(len(data))
    broken = data[:300] + noise[300:]
    try:
        _, result = decoded(broken)
    except AudioProblem:
        return
    assert result.duration_s < 12


def test_too_long_is_said_before_decoding() -> None:
    data = media("wav", seconds=240, channels=1, rate=8_000)
    start = time.monotonic()
    with pytest.raises(TooLong, match="duurt 4 minuten; het maximum is 2"):
        decoded(data, max_s=120)
    assert time.monotonic() - start < 5


def test_too_long_when_the_header_is_silent_about_it() -> None:
    """A webm as a browser records it has no duration."""
    data = media("webm", seconds=20)
    at = data.index(b"\x44\x89\x88")  # EBML id of Duration, 8 bytes long
    live = data[:at] + b"\xec\x89" + bytes(9) + data[at + 11 :]  # becomes a Void element
    tag = live.index(b"DURATION")
    live = live[:tag] + b"XXXXXXXX" + live[tag + 8 :]
    assert PyAvDecoder().probe(io.BytesIO(live)).duration_s is None
    with pytest.raises(TooLong, match="duurt 1 minuten; het maximum is 0"):
        decoded(live, max_s=10)
    assert decoded(live, max_s=20)[1].duration_s == pytest.approx(20, abs=0.1)


def silence(minutes: int) -> bytes:
    """FLAC that does not say how long it is: some bytes for each second."""
    out = io.BytesIO()
    with av.open(out, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        for minute in range(minutes):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * 60), "<i2"), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, minute * 60 * 8000
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    data = bytearray(out.getvalue())
    data[21] &= 0xF0  # the number of samples in STREAMINFO has 36 bits; 0: unknown
    data[22:26] = bytes(4)
    return bytes(data)


def test_a_bomb_does_not_go_off() -> None:
    """Six hours in a small file: no more than the longest recording comes out, and the child does not grow."""
    bomb = silence(6 * 60)
    assert len(bomb) < 5_000_000
    taken, most = 0, 0

    def take() -> None:
        nonlocal taken, most
        with PyAvDecoder().decode(io.BytesIO(bomb), max_s=600) as decoding:
            for chunk in decoding:
                taken += len(chunk)
                most = max(most, psutil.Process(decoding._child.pid).memory_info().rss)

    with pytest.raises(TooLong):
        take()
    assert taken <= 602 * RATE_HZ * SAMPLE_BYTES
    assert most < 300_000_000


@pytest.mark.slow
def test_three_hours_of_two_tracks_cost_no_more_memory_than_the_first_minutes(tmp_path: Path) -> None:
    """Of the child and of us: whatever was decoded, no more of it is held."""
    path, rate, piece_s = tmp_path / "drie uur.mkv", 8000, 20
    noise = np.random.default_rng(3).normal(0, 3000, (2, 1, rate * piece_s)).astype("<i2")
    with av.open(path, "w", format="matroska") as container:
        streams = [container.add_stream("pcm_s16le", rate=rate, layout="mono") for _ in noise]
        for number in range(3 * 3600 // piece_s):
            for stream, samples in zip(streams, noise, strict=True):
                frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
                frame.sample_rate, frame.pts = rate, number * piece_s * rate
                container.mux(stream.encode(frame))
    taken, most = 0, dict.fromkeys(("first", "last"), 0)
    whole = 3 * 3600 * RATE_HZ * SAMPLE_BYTES * 2
    with path.open("rb") as file, PyAvDecoder().decode(file, max_s=4 * 3600) as decoding:
        for number, chunk in enumerate(decoding):
            taken += len(chunk)
            if number % 50 == 0:
                held = sum(psutil.Process(pid).memory_info().rss for pid in (os.getpid(), decoding._child.pid))
                part = "first" if taken < whole / 20 else "last"
                most[part] = max(most[part], held)
        result = decoding.result()
    assert (result.channels, result.missing) == (2, ())
    assert result.duration_s == pytest.approx(3 * 3600, abs=1)
    assert taken == pytest.approx(whole, rel=1e-3)
    assert 0 < most["last"] < most["first"] + 20_000_000


def test_a_wav_that_lies_about_its_length() -> None:
    """Streamed wav files say 0 or 4 GB; what counts is what is there."""
    for size in (b"\xff\xff\xff\xff", bytes(4)):
        data = media("wav", seconds=3)
        at = data.index(b"data")
        _, result = decoded(data[: at + 4] + size + data[at + 8 :])
        assert result.duration_s == pytest.approx(3, abs=0.05)


# --- the child ---


class SlowFile(io.BytesIO):
    """Hands out one piece, then tells what the child is."""

    def __init__(self, data: bytes, action: object) -> None:
        super().__init__(data)
        self._action = action
        self._reads = 0

    def read(self, n: int | None = -1, /) -> bytes:
        self._reads += 1
        if self._reads == 20:
            assert callable(self._action)
            self._action()
        return super().read(n)


def children() -> list[int]:
    path = Path(f"/proc/{os.getpid()}/task")
    if not path.is_dir():
        pytest.skip("needs /proc")
    return [int(pid) for task in path.iterdir() for pid in (task / "children").read_text().split()]


def decoder_pid() -> int:
    (pid,) = [p for p in children() if b"decode_child" in Path(f"/proc/{p}/cmdline").read_bytes()]
    return pid


def test_a_crash_of_the_decoder_is_told() -> None:
    source = SlowFile(media("wav", seconds=60), lambda: os.kill(decoder_pid(), signal.SIGSEGV))
    with pytest.raises(DecoderFailed), PyAvDecoder().decode(source, max_s=600) as decoding:
        list(decoding)


def test_a_silent_decoder_is_stopped() -> None:
    source = SlowFile(media("wav", seconds=60), lambda: os.kill(decoder_pid(), signal.SIGSTOP))
    start = time.monotonic()
    with pytest.raises(DecoderFailed), PyAvDecoder(silent_s=1).decode(source, max_s=600) as decoding:
        list(decoding)
    assert time.monotonic() - start < 5


def test_a_slow_reader_is_not_a_silent_decoder() -> None:
    with PyAvDecoder().decode(io.BytesIO(media("wav", seconds=20)), max_s=600) as decoding:
        decoding._child._silent_s = 0.5
        chunks = iter(decoding)
        next(chunks)
        time.sleep(1.5)
        assert sum(1 for _ in chunks) > 5


def test_an_error_of_the_source_comes_through_and_the_child_is_gone() -> None:
    class Broken(Exception):
        pass

    def fail() -> None:
        raise Broken

    source = SlowFile(media("wav", seconds=60), fail)
    pids: list[int] = []

    def read_all() -> None:
        with PyAvDecoder().decode(source, max_s=600) as decoding:
            pids.append(decoder_pid())
            list(decoding)

    with pytest.raises(Broken):
        read_all()
    assert not Path(f"/proc/{pids[0]}").exists()


def test_leaving_early_ends_the_child() -> None:
    with PyAvDecoder().decode(io.BytesIO(media("wav", seconds=60)), max_s=600) as decoding:
        next(iter(decoding))
        pid = decoder_pid()
    assert not Path(f"/proc/{pid}").exists()


def test_the_child_dies_with_its_parent() -> None:
    program = (
        "import io, os, sys, wave, signal\n"
        "from transcribe.audio.decode import PyAvDecoder\n"
        "f = io.BytesIO(); w = wave.open(f, 'wb'); w.setnchannels(1); w.setsampwidth(2); w.setframerate(16000)\n"
        "w.writeframes(bytes(16000 * 2 * 120)); w.close()\n"
        "with PyAvDecoder().decode(f, max_s=600) as d:\n"
        "    next(iter(d)); print(d._child.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    for _ in range(40):
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the child outlived its parent")


def test_the_child_has_limits_and_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSCRIBE_MASTER_KEY", "geheim")
    with PyAvDecoder().decode(io.BytesIO(media("wav", seconds=60)), max_s=600) as decoding:
        next(iter(decoding))
        pid = decoder_pid()
        environment = Path(f"/proc/{pid}/environ").read_text()
        limits = {
            line[:26].strip(): line[26:].split()[0] for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
        }
        command = Path(f"/proc/{pid}/cmdline").read_text()
        assert os.getsid(pid) == pid
    assert "geheim" not in environment
    assert command.split("\0")[1:-1] == ["-I", decode_child.__file__]
    assert limits["Max open files"] == "3"
    assert limits["Max file size"] == limits["Max core file size"] == "0"
    assert int(limits["Max cpu time"]) == 120
    assert int(limits["Max address space"]) == 1 << 30


def test_a_child_that_is_no_longer_ours_can_ask_nothing_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames from a captured child: too large, unknown, out of the file, not JSON, not a number."""
    for frames in (
        [(b"P", b"")],
        [(b"R", b"1")],
        [(b"R", (1 << 40).to_bytes(8, "big") + bytes(4))],
        [(b"R", bytes(8) + (1 << 30).to_bytes(4, "big"))],
        [(b"I", b"{")],
        [(b"I", b"[]")],
        [(b"I", b'{"channels": 7}')],
        [(b"I", b'{"channels": 1, "duration_s": "x"}')],
        [(b"X", b'{"problem": "SystemExit"}')],
        [(b"I", b'{"channels": 1}'), (b"P", b"123")],
        [(b"I", b'{"channels": 1}'), (b"E", b'{"missing": [["a", 1]]}')],
        [(b"I", b'{"channels": 1}'), (b"E", b'{"missing": [[2, 1]]}')],
        [(b"I", b'{"channels": 1}'), (b"E", b'{"missing": [[NaN, 1]]}')],
        [(b"I", b'{"channels": 1}'), (b"E", b"{}")],
        [(b"I", b'{"channels": 1}'), (b"?", b"{}")],
    ):
        queue = list(frames)
        monkeypatch.setattr(_Child, "receive", lambda _self, queue=queue: queue.pop(0))
        with pytest.raises(DecoderFailed), PyAvDecoder().decode(io.BytesIO(b"x"), max_s=600) as decoding:
            list(decoding)


def test_nothing_of_the_file_in_logs_and_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = b"Kanarie Jansen heeft jeuk"
    for data in (secret * 99, half_mp4() + secret, media("webm")[:99] + secret):
        with pytest.raises(AudioProblem) as caught:
            decoded(data)
        assert "Kanarie" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.params}"
    assert "Kanarie" not in caplog.text


@pytest.mark.parametrize("claimed", [0x7FFFFFFF, 0x7FFFF000, 1000], ids=hex)
def test_a_wav_whose_length_is_far_off_is_read_whole(claimed: int) -> None:
    """A streaming recorder writes the largest number it knows; a broken one a small one. Neither may cost sound."""
    data = media("wav", seconds=20, channels=1, rate=RATE_HZ)
    at = data.index(b"data") + 4
    lying = data[:at] + claimed.to_bytes(4, "little") + data[at + 4 :]
    assert (PyAvDecoder().probe(io.BytesIO(lying)).duration_s or 20) < 25
    samples, _ = decoded(lying)
    assert len(samples) / RATE_HZ == pytest.approx(20, abs=0.1)


def test_what_follows_the_sound_of_a_wav_is_not_sound() -> None:
    """Tags and covers may be larger than the recording."""
    data = media("wav", seconds=4, channels=1, rate=RATE_HZ)
    cover = b"LIST" + (400_000).to_bytes(4, "little") + bytes(range(250)) * 1600
    riff = (len(data) + len(cover) - 8).to_bytes(4, "little")
    samples, _ = decoded(data[:4] + riff + data[8:] + cover)
    assert len(samples) / RATE_HZ == pytest.approx(4, abs=0.1)
