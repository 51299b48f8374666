"""The scripts of a page as one file: over a slow line each request is a wait, and a page had thirty of them.

The modules stay as they are written, and work by themselves as well. Each becomes a function of its own in the file, so
that their names don't meet, and gives what it exports. Only the forms of import and export that ours have are known:
anything else is an ``AssertionError`` when the service starts, and so is a circle.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

#: By page: its own scripts, after ``EVERY``.
PAGES: dict[str, Sequence[str]] = {
    "plain": (),
    "worklist": ("worklist.js",),
    "new": ("consent.js",),
    "consult": ("upload.js", "consent.js", "record.js", "gate.js", "video.js"),
    "review": ("review.js", "codes.js", "video.js"),
    "approved": ("approved.js",),
    "exercise": ("gate.js",),
    "test-call": ("test-call.js",),
    "batch": ("batch.js",),
    "voice": ("voice.js",),
}
EVERY = ("app.js",)

_IMPORT = re.compile(r'^import (?:\{ (?P<names>\w+(?:, \w+)*) \} from )?"\./(?P<file>[\w.-]+)";.*\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|function|class) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export|await)\b.*", re.MULTILINE)


def file_of(page: str) -> str:
    """Beside the modules: what a script finds by ``import.meta.url`` it finds from here too."""
    return f"{page}.page.js"


def bundle(page: str, read: Callable[[str], str]) -> str:
    """``read``: the text of a module by its name."""
    done: dict[str, str] = {}
    under_way: list[str] = []

    def take(name: str) -> None:
        if name in done:
            return
        assert name not in under_way, f"modules import each other: {', '.join(under_way)}"
        under_way.append(name)
        text = read(name)
        for found in _IMPORT.finditer(text):
            take(found["file"])
        under_way.remove(name)
        done[name] = _function(name, text)

    for name in (*EVERY, *PAGES[page]):
        take(name)
    return "".join(done.values())


def _function(name: str, text: str) -> str:
    body = _IMPORT.sub(_taken, text)
    given = _EXPORT.findall(body)
    body = _EXPORT.sub("", body)
    left = _LEFT.search(body)
    assert left is None, f"{name}: {left and left.group()}"
    gives = f"return {{ {', '.join(given)} }};\n" if given else ""
    return f"// {name}\nconst {_variable(name)} = (() => {{\n{body}{gives}}})();\n"


def _taken(found: re.Match[str]) -> str:
    return f"const {{ {found['names']} }} = {_variable(found['file'])};\n" if found["names"] else ""


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name)
