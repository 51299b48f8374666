"""The English figures: section headers of MTS-Dialog, and the draft of ACI-Bench.

    python -m benchmarks.english.bench --data FOLDER [--split valid] [--out build/english]

``FOLDER`` holds ``mts-dialog/`` and ``aci-bench/`` as JSON lines (see README.md); beside it, or named with
``--scorer``, stands ``tools/score_english.py``. Predictions are written to ``--out``; the scorer's lines are the
figures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.english import aci
from benchmarks.english.headers import Headers
from transcribe.soep.extractive import ExtractiveDrafter

ROOT = Path(__file__).resolve().parents[2]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def write(path: Path, predictions: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in predictions), encoding="utf-8")
    return path


def predicted_headers(gold: list[dict[str, Any]]) -> list[dict[str, str]]:
    model = Headers.load()
    return [{"id": row["id"], "header": model.header(row["dialogue"])} for row in gold]


def drafted(gold: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """The draft of each encounter as text, whole ("") and for each division of the authors."""
    drafter = ExtractiveDrafter()
    notes = [(row["id"], drafter.draft(aci.transcript(row))) for row in gold]
    whole = [{"id": name, "text": aci.as_text(note)} for name, note in notes]
    return {"": whole} | {
        division: [{"id": name, "text": aci.as_text(note, sections)} for name, note in notes]
        for division, sections in aci.DIVISIONS.items()
    }


def scored(scorer: Path, kind: str, gold: Path, predictions: Path, *more: str) -> str:
    """The figures of one file: the scorer's last line, which is JSON."""
    command = [sys.executable, str(scorer), kind, "--gold", str(gold), "--pred", str(predictions), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--split", default="valid")
    parser.add_argument("--scorer", type=Path, help="default: FOLDER/../tools/score_english.py")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "english")
    arguments = parser.parse_args()
    scorer = arguments.scorer or arguments.data.parent / "tools" / "score_english.py"
    mts, encounters = (arguments.data / name / f"{arguments.split}.jsonl" for name in ("mts-dialog", "aci-bench"))
    for needed in (scorer, mts, encounters):
        if not needed.is_file():
            parser.error(f"{needed} is not there; README.md says what the folder must hold")
    arguments.out.mkdir(parents=True, exist_ok=True)
    predictions = write(arguments.out / "headers.jsonl", predicted_headers(rows(mts)))
    print("MTS-Dialog, section header:", scored(scorer, "header", mts, predictions))
    gold = rows(encounters)
    drafts = drafted(gold)
    for division, texts in drafts.items():
        predictions = write(arguments.out / f"{division or 'note'}.jsonl", texts)
        more = ("--division", division, "--no-lsum") if division else ()
        print(f"ACI-Bench, {division or 'whole note'}:", scored(scorer, "note", encounters, predictions, *more))
    said = sum(len(row["dialogue"].split()) for row in gold)
    ours = sum(len(row["text"].split()) for row in drafts[""])
    theirs = sum(len(row["note"].split()) for row in gold)
    print(f"Words over words of the talk: {100 * ours / said:.1f} % in drafts, {100 * theirs / said:.1f} % in notes")


if __name__ == "__main__":
    main()
