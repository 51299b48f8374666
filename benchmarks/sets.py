"""The drafter on every set of consults, totals only: nobody reads a line of the held ones.

    python -m benchmarks.sets [--held] [--rates 0 10 20]

``--held`` also scores ``unseen/held``. Look seldom, and write in README.md that you did: each look wears the set out.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.noise import curve
from transcribe.soep.extractive import ExtractiveDrafter

HERE = Path(__file__).parent
#: Folder and the names in it: 2.. were written by who wrote the rules, 3.. and 4.. by others who never saw them.
SETS = {
    "consults": (HERE / "consults", "*"),
    "unseen, development": (HERE / "unseen" / "development", "2*"),
    "unseen, development, by others": (HERE / "unseen" / "development", "[34]*"),
}
HELD = {
    "unseen, held": (HERE / "unseen" / "held", "2*"),
    "unseen, held, by others": (HERE / "unseen" / "held", "4*"),
}
COLUMNS = {
    "net_must": "net_must", "recall_must": "found", "recall_must_S": "S", "recall_must_O": "O", "recall_must_E": "E",
    "recall_must_P": "P", "wrong_section": "wrong section", "forbidden_rate": "forbidden",
    "evidence_precision": "evidence precision", "compression": "length",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", action="store_true")
    parser.add_argument("--rates", type=float, nargs="+", default=[0], help="simulated word errors in per cent")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    print("| set | word errors | " + " | ".join(COLUMNS.values()) + " |\n| --- | --- |" + " --- |" * len(COLUMNS))
    for name, (folder, names) in (SETS | (HELD if args.held else {})).items():
        consults = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob(f"{names}.json"))]
        rates = [rate / 100 for rate in args.rates]
        for rate, found in curve(consults, rates, args.seeds, ExtractiveDrafter()).items():
            cells = (f"{found[key]:.1f}" for key in COLUMNS)
            print(f"| {name} ({len(consults)}) | {100 * rate:g} % | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
