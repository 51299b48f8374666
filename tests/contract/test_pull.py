"""The downloader, without a network: it says so in Dutch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_offline_is_told(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from transcribe.asr.pull import fetch\n"
        "from transcribe.errors import SetupProblem\n"
        "try: fetch('someone/model', '', pathlib.Path(sys.argv[1]))\n"
        "except SetupProblem as problem: print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert "someone/model kon niet worden opgehaald" in done.stdout
    assert "transcribe models add" in done.stdout
