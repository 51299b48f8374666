"""Generated pages are fresh."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_generated_docs_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/generate_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_answers_without_heavy_imports() -> None:
    """``transcribe --help`` must stay quick: it loads none of the libraries that cost time."""
    code = (
        "import sys, transcribe.__main__\n"
        "heavy = {'numpy', 'av', 'fastapi', 'faster_whisper', 'sqlalchemy', 'pydantic', 'rich', 'torch'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_demo_says_how_well_it_hears() -> None:
    """The pages take the figures from beside the model; without them they would say that nobody measured."""
    figures = tomllib.loads((ROOT / "models" / "demo-nl" / "figures.toml").read_text(encoding="utf-8"))
    assert set(figures) == {"wer_demo", "wer_open"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert figures["wer_open"] in readme
