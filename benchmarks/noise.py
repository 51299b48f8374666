"""How much a draft loses when the recogniser mishears: the benchmark with 0, 5, 10 and 20 % simulated word errors.

    python -m benchmarks.noise [--consults DIR] [--rates 0 5 10 20] [--seeds N]

A third of the errors each: a word left out, exchanged for another word of the same consult, cut short. Question marks
and full stops go and come with their word. The drafts are scored against the untouched consults.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

from benchmarks import score
from transcribe.ports import Drafter
from transcribe.soep.bench import as_consult, as_draft
from transcribe.soep.extractive import ExtractiveDrafter

CONSULTS = Path(__file__).parent / "consults"
COLUMNS = {
    "net_must": "net_must", "recall_must": "found", "forbidden_rate": "forbidden", "wrong_section": "wrong section",
    "evidence_precision": "evidence precision", "compression": "length",
}  # fmt: skip


def misheard(text: str, rate: float, pool: list[str], chance: random.Random) -> str:
    """A text with a share of its words dropped, exchanged or cut."""
    words = []
    for word in text.split():
        drawn = chance.random()
        if drawn >= rate:
            words.append(word)
        elif drawn >= 2 * rate / 3:
            words.append(word[:-1] if len(word) > 3 else word + word[-1:])
        elif drawn >= rate / 3:
            words.append(chance.choice(pool))
    return " ".join(words) or "..."


def noisy(consult: dict[str, Any], rate: float, seed: int) -> dict[str, Any]:
    """The consult as a recogniser with that word error rate (0..1) could have heard it."""
    chance = random.Random(f"{consult['id']}-{rate}-{seed}")
    pool = [word for utterance in consult["utterances"] for word in utterance["text"].split()]
    said = [{**u, "text": misheard(u["text"], rate, pool, chance)} for u in consult["utterances"]]
    return {**consult, "utterances": said}


def curve(
    consults: list[dict[str, Any]], rates: list[float], seeds: int, drafter: Drafter
) -> dict[float, dict[str, float]]:
    """The scorer's figures at each rate, over all seeds together."""
    result = {}
    for rate in rates:
        rows = []
        for seed in range(seeds if rate else 1):
            for consult in consults:
                _, heard = as_consult(noisy(consult, rate, seed))
                rows.append(score.score_one(consult, score.norm_draft(as_draft(drafter.draft(heard))), 2))
        result[rate] = score.summarise(rows)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--consults", type=Path, default=CONSULTS)
    parser.add_argument("--rates", type=float, nargs="+", default=[0, 5, 10, 20], help="word errors in per cent")
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    consults = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(args.consults.glob("*.json"))]
    figures = curve(consults, [rate / 100 for rate in args.rates], args.seeds, ExtractiveDrafter())
    print("| word errors | " + " | ".join(COLUMNS.values()) + " |\n| --- |" + " --- |" * len(COLUMNS))
    for rate, found in figures.items():
        print(f"| {100 * rate:g} % | " + " | ".join(f"{found[key]:.1f} %" for key in COLUMNS) + " |")


if __name__ == "__main__":
    main()
