"""One run over a batch: what is taken in when, what is watched, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from transcribe.batch.intake import SETTLED, WAITS, WRONG, Intake, Item, State

#: So many recordings are stored ahead of the workers: more would fill the disk twice for nothing.
AHEAD = 8
#: A file that did not change for so long is whole.
STILL_S = 5.0


class Batch:
    """One run. ``step`` does a little and returns; ``items`` is how far everything is."""

    def __init__(
        self,
        intake: Intake,
        *,
        delete_source: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.items: dict[str, Item] = {}
        self._intake = intake
        self._delete_source = delete_source
        self._clock = clock
        self._sizes: dict[str, tuple[int, float, float]] = {}  # by path: size, time of change, since when by our clock

    def plan(self, items: list[Item], *, settled: bool = False) -> None:
        """Rows and files as they are now. What was begun stays; ``settled``: a file that still changes waits."""
        for item in items:
            old = self.items.get(item.name)
            if old is not None and old.consult_id is not None:
                continue
            if settled and item.state is State.READY and not self._still(item):
                continue
            self.items[item.name] = item

    def step(self) -> bool:
        """Look at what is under way and take in one more. False when nothing is left to wait for."""
        for item in list(self._of(State.WAITING, State.BUSY)):
            self._put(self._intake.look(item))
        if self.can_take:
            self._put(self._intake.take(next(self._of(State.READY))))
        return any(item.state not in SETTLED for item in self.items.values())

    @property
    def can_take(self) -> bool:
        """Is there a next recording, and room for it before the workers?"""
        under_way = sum(1 for _ in self._of(State.WAITING, State.BUSY))
        return under_way < AHEAD and next(self._of(State.READY), None) is not None

    def _of(self, *states: State) -> Iterator[Item]:
        return (item for item in self.items.values() if item.state in states)

    def _put(self, item: Item) -> None:
        if self._delete_source and item.state in (State.DONE, State.BEFORE):
            item = self._intake.remove_source(item)
        self.items[item.name] = item

    def _still(self, item: Item) -> bool:
        """Nobody writes it any more, as far as its size and time tell."""
        at_rest = [self._at_rest(path) for path in item.paths]  # each is looked at each time
        return all(at_rest)

    def _at_rest(self, path: Path) -> bool:
        try:
            found = path.stat()
        except OSError:
            return False
        size, changed, since = self._sizes.get(str(path), (-1, 0.0, 0.0))
        now = self._clock()
        if (size, changed) != (found.st_size, found.st_mtime):
            self._sizes[str(path)] = (found.st_size, found.st_mtime, now)
            return False
        return found.st_size > 0 and now - since >= STILL_S


def seconds(items: list[Item]) -> tuple[float, float]:
    """Of speech that was done, and in all; of what was not looked at yet by its size."""
    wanted = [item for item in items if item.consult_id is not None or item.state is State.READY]
    known = [item for item in wanted if item.audio_s]
    size = sum(item.size for item in known)
    pace = sum(item.audio_s or 0.0 for item in known) / size if size else 0.0
    total = sum(item.audio_s or item.size * pace for item in wanted)
    done = sum((item.audio_s or 0.0) if item.state in SETTLED else item.done_s for item in wanted)
    return done, total


def worst(items: list[Item]) -> State | None:
    """What a script should know: something is wrong, or else something waits for consent."""
    for kinds in (WRONG, WAITS):
        for item in items:
            if item.state in kinds:
                return item.state
    return None
