"""Pictures of pages for docs/screenshots: which there are, and small files of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import av
import numpy as np

from tests.microphone import PHONE, WORKSTATION
from transcribe.web.pages import Pages
from transcribe.web.rights import name_of

if TYPE_CHECKING:
    from fastapi.routing import APIRoute
    from playwright.sync_api import Page

TABLET = {"width": 820, "height": 1180}
#: Of one page: what is added to the name of the file, its size and its colours.
LOOKS: dict[str, tuple[str, dict[str, int], str]] = {
    "workstation": ("", WORKSTATION, "light"),
    "dark": ("-dark", WORKSTATION, "dark"),
    "tablet": ("-tablet", TABLET, "light"),
    "phone": ("-phone", PHONE, "light"),
    "phone, dark": ("-phone-dark", PHONE, "dark"),
}
COLOURS = 256
HEAD = """# What it looks like

Made by `make screenshots`: the browser tests take them, of invented consults and synthetic voices. A page of which
there is no picture fails the test.

"""


@dataclass
class Album:
    """Takes the pictures, and knows of which routes and templates there is one."""

    folder: Path | None  # None: only that each page can be taken, and fits its screen
    routes: set[str] = field(default_factory=set)
    templates: set[str] = field(default_factory=set)
    files: dict[str, dict[str, str]] = field(default_factory=dict)  # by title: file by look
    done: set[str] = field(default_factory=set)  # the tests that took theirs
    sticking_out: list[str] = field(default_factory=list)
    _shown: dict[str, str] = field(default_factory=dict)  # template by path

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Notes which template each path was answered with. For servers in this process."""
        render = Pages.render

        def noting(pages: Pages, request: Any, template: str, **context: Any) -> Any:
            if not template.startswith("_"):
                self._shown[request.url.path] = template
            return render(pages, request, template, **context)

        Pages.render = noting  # type: ignore[method-assign]
        try:
            yield
        finally:
            Pages.render = render  # type: ignore[method-assign]

    def take(self, page: Page, routes: list[APIRoute], name: str, title: str, *looks: str) -> None:
        """``routes``: of the app that the page is from."""
        path = urlsplit(page.url).path
        self.routes |= {name_of(route.endpoint) for route in routes if route.path_regex.fullmatch(path)}
        self.templates.add(self._shown[path])
        for look in looks or ("workstation",):
            ending, size, colours = LOOKS[look]
            file = f"{name}{ending}.png"
            self.files.setdefault(title, {})[look] = file
            if self.folder is None and colours == "dark":
                continue  # what fits its screen by day fits it in the dark
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
            page.wait_for_timeout(400 if self.folder else 50)  # what moves has come to rest
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                self.sticking_out.append(f"{name}{ending}")
            if self.folder:
                (self.folder / file).write_bytes(few_colours(page.screenshot()))
        page.set_viewport_size(WORKSTATION)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")

    def contents(self) -> str:
        """The page that shows them all."""
        rows = [f"| page | {' | '.join(LOOKS)} |", "| --- " * (len(LOOKS) + 1) + "|"]
        for title, files in self.files.items():
            shown = [f"![{title}, {look}]({files[look]})" if look in files else "" for look in LOOKS]
            rows.append(f"| {title} | {' | '.join(shown)} |")
        return HEAD + "\n".join(rows) + "\n"

    @property
    def names(self) -> set[str]:
        return {file for files in self.files.values() for file in files.values()}


def few_colours(png: bytes) -> bytes:
    """The same picture with a palette, half as large: text and areas need no more than some hundred colours."""
    with av.open(io.BytesIO(png)) as container:
        pixels = next(container.decode(video=0)).to_ndarray(format="rgb24")
    height, width, _ = pixels.shape
    flat = pixels.reshape(-1, 3).astype(np.int32)
    # colours that look the same are one; of those the most seen make the palette, the others become the nearest
    alike = (flat >> 2) @ np.array([1 << 12, 1 << 6, 1])
    _, where, count = np.unique(alike, return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(where, flat[:, channel]) for channel in range(3)], axis=1) / count[:, None]
    chosen = np.argsort(-count)[:COLOURS]
    apart = ((mean[:, None, :] - mean[None, chosen, :]) ** 2).sum(axis=2)
    index = apart.argmin(axis=1).astype(np.uint8)[where].reshape(height, width)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), index], axis=1)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", mean[chosen].round().astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
