"""Speak a consult: fill in the true utterance times in its JSON and write the sound beside it as Opus in Ogg.

    python models/demo-nl/train/render_demo.py transcribe/demo/consults/keelpijn.json

Left is the huisarts, right is everyone else, as in a recorded video call; ``--mono`` puts all voices on one channel
and ``--wav FILE`` also writes uncompressed sound. Needs espeak-ng and the extra ``train``.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile as sf
from speech import CAST, RATE_HZ, speak

BIT_RATE = 48_000
# The utterances of a consult follow each other after a pause drawn from this range, in seconds.
PAUSE_S = (0.15, 0.9)
LEAD_IN_S = 0.3
LEAD_OUT_S = 0.5


def render(consult: dict[str, Any], *, stereo: bool = True, seed: int = 0) -> np.ndarray:
    """Speak all utterances, write ``start`` and ``end`` (seconds) into them, and return float32 [samples, channels]."""
    chance = random.Random(f"{consult['id']}-{seed}")
    position = round(LEAD_IN_S * RATE_HZ)
    spoken: list[tuple[int, int, np.ndarray]] = []
    for utterance in consult["utterances"]:
        samples = speak(utterance["text"], CAST[utterance["speaker"]])
        channel = 1 if stereo and utterance["speaker"] != "huisarts" else 0
        spoken.append((position, channel, samples))
        utterance["start"] = round(position / RATE_HZ, 3)
        utterance["end"] = round((position + samples.size) / RATE_HZ, 3)
        position += samples.size + int(chance.uniform(*PAUSE_S) * RATE_HZ)
    sound = np.zeros((position + round(LEAD_OUT_S * RATE_HZ), 2 if stereo else 1), np.float32)
    for start, channel, samples in spoken:
        sound[start : start + samples.size, channel] += samples
    return np.clip(sound, -1, 1)


def write_opus(sound: np.ndarray, path: Path) -> None:
    """Write float32 [samples, channels] at 16 kHz as Opus in an Ogg file."""
    layout = "stereo" if sound.shape[1] == 2 else "mono"
    with av.open(str(path), "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=RATE_HZ, layout=layout)
        stream.bit_rate = BIT_RATE
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.reshape(1, -1)), format="flt", layout=layout)
        frame.sample_rate = RATE_HZ
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def dump(consult: dict[str, Any]) -> str:
    """The consult as JSON text with one utterance and one note sentence a line, so that a change reads well."""
    parts = []
    for key, value in consult.items():
        if key == "utterances":
            rows = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in value)
            parts.append(f' "utterances": [\n{rows}\n ]')
        elif isinstance(value, dict):
            rows = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items())
            parts.append(f" {json.dumps(key)}: {{\n{rows}\n }}")
        else:
            parts.append(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Render the consults named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("consults", type=Path, nargs="+", metavar="CONSULT.json")
    parser.add_argument("--mono", action="store_true", help="all voices on one channel")
    parser.add_argument("--wav", type=Path, help="also write 16-bit WAV to this file (one consult only)")
    parser.add_argument("--seed", type=int, default=0, help="other pauses between the utterances")
    args = parser.parse_args()
    if args.wav and len(args.consults) > 1:
        parser.error("--wav takes one consult")
    for path in args.consults:
        consult = json.loads(path.read_text(encoding="utf-8"))
        sound = render(consult, stereo=not args.mono, seed=args.seed)
        target = path.with_suffix(".ogg")
        write_opus(sound, target)
        if args.wav:
            sf.write(args.wav, sound, RATE_HZ, subtype="PCM_16")
        path.write_text(dump(consult), encoding="utf-8")
        print(f"{target}: {sound.shape[0] / RATE_HZ:.1f} s, {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
