"""Speak the consults with espeak-ng: sound as Opus in Ogg, and the consult with the true times of its utterances.

    python benchmarks/render.py --out FOLDER [--consults DIR] [--mono] [--noise DB] [--seed N]

The voices and pauses are those of the demo recordings (models/demo-nl/train/render_demo.py): left the huisarts, right
everyone else; ``--mono`` puts all on one channel. ``--noise`` adds white noise at that signal-to-noise ratio in dB.
Consults in English are left out: the voices are Dutch. Needs espeak-ng and the extra ``train``.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "models" / "demo-nl" / "train"))

from render_demo import dump, render, write_opus  # noqa: E402  (a script beside its model, not a package)


def with_noise(sound: np.ndarray, ratio_db: float, seed: int) -> np.ndarray:
    """White noise at a signal-to-noise ratio counted over what is spoken, silences left out."""
    power = float(np.mean(sound[np.abs(sound) > 0.01] ** 2))
    hiss = np.random.default_rng(seed).normal(0, np.sqrt(power / 10 ** (ratio_db / 10)), sound.shape)
    return np.clip(sound + hiss, -1, 1).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--consults", type=Path, default=HERE / "consults")
    parser.add_argument("--mono", action="store_true")
    parser.add_argument("--noise", type=float, metavar="DB")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(args.consults.glob("*.json")):
        consult = json.loads(path.read_text(encoding="utf-8"))
        if consult["language"] != "nl":
            continue
        sound = render(consult, stereo=not args.mono, seed=args.seed)
        if args.noise is not None:
            sound = with_noise(sound, args.noise, args.seed)
        write_opus(sound, args.out / f"{path.stem}.ogg")
        (args.out / path.name).write_text(dump(consult), encoding="utf-8")
        print(f"{path.stem}: {len(sound) / 16_000:.0f} s")


if __name__ == "__main__":
    main()
