"""What whoever records sees in a terminal, and the keys. Both in threads of their own: they hold up no sound."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from transcribe.errors import TranscribeError
from transcribe.workstation.session import Order, Standing, State

REFRESH_S = 0.12
#: Nobody heard for so long: is it the right microphone?
QUIET_S = 5.0
#: Sound that is not on disk yet, before that is said.
BEHIND_S = 2.0
METER = 30  # characters
FLOOR_DB = -60.0

KEYS = {" ": Order.TOGGLE, "b": Order.ASIDE, "q": Order.STOP, "\n": Order.STOP, "\r": Order.STOP}
STYLE = {State.RECORDING: "bold red", State.PAUSED: "bold yellow", State.ASIDE: "bold magenta"}

Say = Callable[[str], str]  # a marked sentence in the reader's language
Explain = Callable[[TranscribeError], str]


@contextmanager
def shown(out: Console, standing: Callable[[], Standing], _: Say, explain: Explain) -> Iterator[None]:
    """In a terminal a meter and a clock; elsewhere a line for each change."""
    over = threading.Event()
    show = _live if out.is_terminal else _lines
    thread = threading.Thread(target=show, args=(out, standing, _, explain, over), name="screen", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1.0)  # a terminal that stands still does not keep the recording


def _live(out: Console, standing: Callable[[], Standing], _: Say, explain: Explain, over: threading.Event) -> None:
    with suppress(OSError), Live(console=out, auto_refresh=False) as live:
        while not over.wait(REFRESH_S):
            live.update(drawn(standing(), _, explain), refresh=True)


def _lines(out: Console, standing: Callable[[], Standing], _: Say, explain: Explain, over: threading.Event) -> None:
    said: list[str] = []
    with suppress(OSError):
        while not over.wait(REFRESH_S):
            now = standing()
            lines = [_(now.state.value), *warnings(now, _, explain)]
            for line in lines:
                if line not in said:
                    out.print(line, markup=False, soft_wrap=True)
            said = lines


def drawn(standing: Standing, _: Say, explain: Explain) -> RenderableType:
    filled = round(METER * max(0.0, min(1.0, 1 - standing.level_db / FLOOR_DB)))
    line = Text.assemble(
        ("● " if standing.state is State.RECORDING else "  ", "bold red"),
        (_(standing.state.value).ljust(20), STYLE.get(standing.state, "bold")),
        clock(standing.safe_s),
        "  ",
        ("━" * filled, "green"),
        ("━" * (METER - filled), "bright_black"),
        f"  {standing.device}",
    )
    keys = Text(_("spatie: pauze/hervat   b: buiten verslag   q of Enter: stop"), style="bright_black")
    return Group(line, *(Text(one, style="yellow") for one in warnings(standing, _, explain)), keys)


def warnings(standing: Standing, _: Say, explain: Explain) -> list[str]:
    """What whoever records must know now."""
    found = []
    if standing.trouble is not None:
        found.append(explain(standing.trouble))
        if standing.safe_s:
            found.append(
                _(
                    "Wat al is opgenomen is veilig. Zodra de microfoon er weer is gaat de opname verder, met stilte "
                    "ertussen."
                )
            )
    if standing.disk:
        found.append(
            _(
                "De schijf kan nu niets opnemen. Wat u zegt staat alleen in het geheugen. Maak ruimte vrij; de opname "
                "gaat vanzelf verder."
            )
        )
    elif standing.unsafe_s > BEHIND_S and standing.state is State.RECORDING:
        found.append(_("De schijf houdt het niet bij: het laatste geluid is nog niet veilig."))
    if not standing.database:
        found.append(
            _(
                "De database is niet bereikbaar. Het geluid wordt gewoon opgeslagen; pauzeren en afronden worden "
                "vastgelegd zodra zij er weer is."
            )
        )
    if standing.quiet_s >= QUIET_S and standing.state is State.RECORDING:
        found.append(_("Ik hoor niets. Staat de goede microfoon aan?"))
    if standing.missed_s:
        found.append(_("{seconds} s geluid is gemist; daar staat stilte.").format(seconds=round(standing.missed_s)))
    if standing.overflow:
        found.append(
            _("De computer is te druk: er ging {count} keer een stukje geluid verloren.").format(
                count=standing.overflow
            )
        )
    return found


def clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes:02}:{seconds:02}"


@contextmanager
def keys(order: Callable[[Order], None]) -> Iterator[None]:
    """Of the terminal, when there is one."""
    if os.name != "posix" or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    over = threading.Event()
    tty.setcbreak(descriptor)
    thread = threading.Thread(target=_read, args=(descriptor, order, over), name="keys", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1.0)
        with suppress(termios.error):  # the window was closed
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _read(descriptor: int, order: Callable[[Order], None], over: threading.Event) -> None:
    with suppress(OSError):
        while not over.is_set():
            if not select.select([descriptor], [], [], 0.2)[0]:
                continue
            pressed = os.read(descriptor, 64)
            if not pressed:
                return
            for key in pressed.decode("utf-8", "replace"):
                if key.lower() in KEYS:
                    order(KEYS[key.lower()])
