"""Stretches of speech packed into windows for the recogniser, and back from window time to recording time (pure).

Whisper always looks at 30 s, so a window of one short answer costs as much as a full one. Stretches are packed, in
order, with a short silence between; ``docs/asr-windows.md`` has the measurements behind the figures here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from transcribe.audio.pcm import Span

MOST_S = 28.0  # of a window: Whisper's 30 s with room for its last time stamp
GAP_S = 0.4  # silence between two stretches


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of the recording and where it lies in its window."""

    span: Span  # in the recording
    at_s: float  # in the window

    @property
    def end_s(self) -> float:
        """In the window."""
        return self.at_s + self.span.duration_s


@dataclass(frozen=True, kw_only=True)
class Window:
    """What the recogniser gets in one go: pieces in order, silence between. At least one piece."""

    pieces: tuple[Piece, ...]

    @property
    def duration_s(self) -> float:
        return self.pieces[-1].end_s

    def piece(self, moment_s: float) -> int:
        """The index of the piece at this moment of the window; in a silence: the nearest."""
        return min(
            range(len(self.pieces)),
            key=lambda i: max(self.pieces[i].at_s - moment_s, moment_s - self.pieces[i].end_s, 0.0),
        )

    def to_recording(self, moment_s: float, piece: int) -> float:
        """A moment of the window in recording time, kept inside that piece."""
        of = self.pieces[piece]
        return min(of.span.end_s, max(of.span.start_s, of.span.start_s + moment_s - of.at_s))

    def speech_s(self, start_s: float, end_s: float) -> float:
        """How much of this stretch of the window is recording rather than silence put between."""
        return sum(max(0.0, min(end_s, p.end_s) - max(start_s, p.at_s)) for p in self.pieces)


def split(span: Span, quietest: Callable[[Span], float], most_s: float = MOST_S) -> Iterator[Span]:
    """A stretch longer than a window in parts, cut where it is quietest in the second half of each part."""
    while span.duration_s > most_s:
        range_ = Span(start_s=span.start_s + most_s / 2, end_s=span.start_s + most_s)
        cut = min(range_.end_s, max(range_.start_s, quietest(range_)))
        yield Span(start_s=span.start_s, end_s=cut)
        span = Span(start_s=cut, end_s=span.end_s)
    yield span


def pack(spans: Iterable[Span], *, pack_s: float = MOST_S, gap_s: float = GAP_S) -> Iterator[Window]:
    """Stretches, in order, to windows of at most ``pack_s``. A longer one gets a window of its own; 0 packs nothing."""
    pieces: list[Piece] = []
    at = 0.0
    for span in spans:
        if span.duration_s > MOST_S + 1e-6:
            raise ValueError("split long stretches first")
        if pieces and at + gap_s + span.duration_s > pack_s:
            yield Window(pieces=tuple(pieces))
            pieces, at = [], 0.0
        if pieces:
            at += gap_s
        pieces.append(Piece(span=span, at_s=at))
        at += span.duration_s
    if pieces:
        yield Window(pieces=tuple(pieces))
