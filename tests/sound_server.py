"""A real microphone without a sound card, for tests: PulseAudio with a null sink, of which we are what is played.

Debian: ``libportaudio2 pulseaudio pulseaudio-utils libasound2-plugins``.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.microphone import RATE, SOUND, Samples

SINK_RATE = 48_000


class SoundServer:
    """Started anew in the same folder it is the same microphone again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs: list[subprocess.Popen[bytes]] = []
        #: for whoever is to hear it
        self.environment = {"PULSE_SERVER": f"unix:{folder / 'pulse.sock'}", "XDG_RUNTIME_DIR": str(folder)}

    def start(self) -> None:
        modules = (
            f"module-native-protocol-unix socket={self._folder / 'pulse.sock'} auth-anonymous=1",
            f"module-null-sink sink_name=mic rate={SINK_RATE} channels=1",
            "module-remap-source source_name=testmic master=mic.monitor",
        )
        (self._folder / "pulse.sock").unlink(missing_ok=True)
        options = ["--daemonize=no", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no", "--realtime=no"]
        self._begin("pulseaudio", "-n", *options, *(part for module in modules for part in ("-L", module)))
        self._until("set-default-source", "testmic")
        # without somebody who plays all the time the sink works in pieces of two seconds
        quietly = ["--latency-msec=20", f"--rate={RATE}", "--channels=1", "--raw", "/dev/zero"]
        self._begin("pacat", "--device=mic", *quietly)
        self._until("list", "short", "sink-inputs", says=True)

    def play(self, sound: Samples) -> subprocess.Popen[bytes]:
        """16 kHz, from now on; returns at once."""
        file = self._folder / f"{time.monotonic_ns()}.raw"
        file.write_bytes((sound * 32767).astype(SOUND).tobytes())
        command = ["--device=mic", "--latency-msec=50", f"--rate={RATE}", "--channels=1", "--format=s16le", "--raw"]
        return self._begin("pacat", *command, str(file))

    def stop(self) -> None:
        for program in reversed(self._programs):
            program.kill()
        for program in self._programs:
            program.wait()
        self._programs.clear()

    def _until(self, *command: str, says: bool = False) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            asked = subprocess.run(["pactl", *command], env=self._env, capture_output=True, check=False)
            if asked.returncode == 0 and (asked.stdout or not says):
                return
            time.sleep(0.05)
        raise AssertionError("PulseAudio does not start")

    @property
    def _env(self) -> dict[str, str]:
        return os.environ | self.environment

    def _begin(self, *command: str) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        program = subprocess.Popen(command, env=self._env, stdin=quiet, stdout=quiet, stderr=quiet)
        self._programs.append(program)
        return program


@contextmanager
def sound_server() -> Iterator[SoundServer]:
    """Skips the test where it can't be had."""
    missing = [name for name in ("pulseaudio", "pactl", "pacat") if shutil.which(name) is None]
    if missing or ctypes.util.find_library("portaudio") is None:
        pytest.skip(
            "no sound server on this machine (apt-get install libportaudio2 pulseaudio pulseaudio-utils "
            "libasound2-plugins)"
        )
    with ExitStack() as stack:
        # a short name: it holds a socket
        server = SoundServer(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="snd"))))
        stack.callback(server.stop)
        server.start()
        yield server


def loud(pcm: bytes) -> Samples:
    return np.asarray(np.frombuffer(pcm, SOUND) / 32768.0)
