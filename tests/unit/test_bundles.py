"""All scripts of a page in one file: in the order in which a browser would run the modules, each once."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from transcribe.web import bundles

STATIC = Path(bundles.__file__).parent / "static"
#: Of a page that loads ``app.js`` and ``worklist.js``.
OURS = {
    "app.js": 'import "./said.js";\nimport { one } from "./first.js"; // the first\nlog(`app ${one}`);\n',
    "said.js": 'import { one, two } from "./first.js";\nconst mine = "said";\nlog(`${mine} ${one} ${two()}`);\n',
    "first.js": 'export const one = 1;\nconst mine = 2;\nexport function two() {\n  return mine;\n}\nlog("first");\n',
    "worklist.js": 'import { two } from "./first.js";\nexport class Three {}\nlog(`worklist ${two()}`);\n',
}


def read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


def test_each_module_runs_once_after_what_it_imports() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no JavaScript without a browser on this machine (apt-get install nodejs)")
    text = "const log = (text) => console.log(text);\n" + bundles.bundle("worklist", OURS.__getitem__)
    done = subprocess.run([node, "--input-type=module"], input=text, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["first", "said 1 2", "app 1", "worklist 2"]


@pytest.mark.parametrize("page", bundles.PAGES)
def test_a_page_has_all_that_its_scripts_import(page: str) -> None:
    text = bundles.bundle(page, read)
    there = re.findall(r"^// ([\w-]+\.js)$", text, re.MULTILINE)
    wanted = [*bundles.EVERY, *bundles.PAGES[page]]
    for name in wanted:
        wanted += [
            one for one in re.findall(r'^import [^"]*"\./([^"]+)"', read(name), re.MULTILINE) if one not in wanted
        ]
    assert sorted(there) == sorted(wanted)
    for name in there:
        rows = [row for row in read(name).splitlines() if not row.startswith(("import", "export"))]
        assert all(row in text for row in rows), name


@pytest.mark.parametrize(
    "text",
    [
        'import * as all from "./first.js";\n',
        'import { one as two } from "./first.js";\n',
        "export default 1;\n",
        "export { one };\n",
        'await import("./first.js");\n',
        'import "./app.js";\n',
    ],
)
def test_what_is_not_understood_stops_the_start(text: str) -> None:
    with pytest.raises(AssertionError):
        bundles.bundle("plain", {**OURS, "app.js": text}.__getitem__)


def test_every_template_asks_for_a_bundle_that_is_made() -> None:
    templates = STATIC.parent / "templates"
    asked = {
        name
        for path in templates.glob("*.html")
        for name in re.findall(r"scripts\('([^']+)'\)", path.read_text(encoding="utf-8"))
    }
    assert asked == set(bundles.PAGES)
