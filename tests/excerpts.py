"""Pieces of the demo's consults, for tests in which it does not matter how much was said."""

from __future__ import annotations

import io
import wave
from functools import cache

from transcribe.audio.decode import PyAvDecoder
from transcribe.audio.pcm import RATE_HZ, SAMPLE_BYTES
from transcribe.demo import CONSULTS

STEREO = 2  # the huisarts left, the patient right


@cache
def excerpt(name: str, start_s: float, end_s: float) -> bytes:
    """Those seconds of that consult, as a WAV file."""
    with PyAvDecoder().decode(io.BytesIO((CONSULTS / f"{name}.ogg").read_bytes()), max_s=900) as decoding:
        sound = b"".join(decoding)
    first, last = (round(at * RATE_HZ) * SAMPLE_BYTES * STEREO for at in (start_s, end_s))
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((STEREO, SAMPLE_BYTES, RATE_HZ, 0, "NONE", "not compressed"))
        file.writeframes(sound[first:last])
    return made.getvalue()
