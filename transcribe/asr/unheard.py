"""Where somebody spoke and the recogniser wrote nothing.

A recogniser can stop after the first sentence of a stretch: what was said behind it is lost, and its figures show
nothing of that. The detector knows how long there was speech. Pure; ``docs/asr-windows.md`` has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from transcribe.asr.foreign import plain
from transcribe.asr.transcript import HeardWindow
from transcribe.audio.pcm import Span

UNHEARD_S = 1.2  # less is mostly attention, whose times are inexact at the edges of a stretch


def unheard(windows: Iterable[HeardWindow]) -> Iterator[Span]:
    """Of one channel, in order: stretches, or their beginnings and ends, without a word. What is marked was written.

    A hole between two segments of a stretch is none of these: attention makes such holes where nothing is lost.
    """
    for heard in windows:
        window = heard.window
        # as everywhere: a lone full stop is nothing that was said
        written = [(one.start_s, one.end_s) for one in heard.segments if plain(one.text)]
        for index, piece in enumerate(window.pieces):
            # times may lie beyond the window: what began in this piece or before it, and did not end before it
            here = [
                (window.to_recording(start_s, index), window.to_recording(end_s, index))
                for start_s, end_s in written
                if window.piece(start_s) <= index <= window.piece(end_s)
            ]
            begun_s = min((start_s for start_s, _ in here), default=piece.span.end_s)
            ended_s = max((end_s for _, end_s in here), default=piece.span.end_s)
            for start_s, end_s in ((piece.span.start_s, begun_s), (ended_s, piece.span.end_s)):
                if end_s - start_s >= UNHEARD_S:
                    yield Span(start_s=start_s, end_s=end_s)
