"""The command ``transcribe`` as a person or a script calls it: a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys


def cli(*arguments: object, answers: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """``answers``: what is typed, by line. ``environment``: more variables. Nothing of ours is inherited; a superuser's
    database runs as somebody else.
    """
    base = {name: value for name, value in os.environ.items() if not name.startswith("TRANSCRIBE_")}
    if os.geteuid() == 0:
        base["TRANSCRIBE_OS_USER"] = "nobody"
    return subprocess.run(
        [sys.executable, "-m", "transcribe", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        input=answers,
        env=base | {"COLUMNS": "200", "LANG": "C.UTF-8"} | environment,
    )
