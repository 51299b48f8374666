"""The import table: who may know whom. Rooms are in CONTRIBUTING.md; this is the lock on their doors."""

import ast
import gc
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Layer of each room; the longest matching prefix counts. A module imports its own layer or a lower one,
#: except that adapters never import each other across rooms.
LAYERS = {
    "consent": 0,
    "models": 0,
    "transcribe": 1,  # the package itself: its version
    "transcribe.errors": 1,
    "transcribe.i18n": 1,
    "transcribe.locale": 1,
    "transcribe.settings": 1,
    "transcribe.consult": 1,
    "transcribe.contact": 1,
    "transcribe.video": 1,
    "transcribe.audio": 1,
    "transcribe.audio.pcm": 1,
    "transcribe.asr": 1,
    "transcribe.asr.transcript": 1,
    "transcribe.soep": 2,
    "transcribe.soep.note": 1,
    "transcribe.soep.local_model": 4,
    "transcribe.soep.server_model": 4,
    "transcribe.policy": 2,
    "transcribe.asr.guards": 2,
    "transcribe.ports": 3,
    "transcribe.workflow": 3,
    "transcribe.writer": 3,
    "transcribe.steps": 3,
    "transcribe.follower": 3,
    "transcribe.keeper": 3,
    "transcribe.recorder": 3,
    "transcribe.practice": 3,
    "transcribe.vitals": 1,
    "transcribe.visible": 0,
    "transcribe.logs": 1,
    "transcribe.reading": 1,
    "transcribe.asr.transcribe": 3,
    "transcribe.asr.evaluate": 3,
    "transcribe.soep.bench": 3,
    "transcribe.audio.microphone": 1,
    "transcribe.audio.capture": 4,
    "transcribe.audio.capture_child": 4,
    "transcribe.audio.resample": 4,
    "transcribe.audio.decode": 4,
    "transcribe.audio.decode_child": 4,
    "transcribe.audio.vad": 4,
    "transcribe.asr.whisper": 4,
    "transcribe.asr.pull": 4,
    "transcribe.store": 4,
    "transcribe.testing": 4,
    "transcribe.web": 5,
    "transcribe.app": 6,
    "transcribe.serving": 6,
    "transcribe.status": 6,
    "transcribe.supervisor": 1,
    "transcribe.health": 3,
    "transcribe.run": 6,
    "transcribe.workstation": 3,
    "transcribe.workstation.screen": 6,
    "transcribe.options": 6,
    "transcribe.record_cli": 6,
    "transcribe.batch": 3,
    "transcribe.batch.report": 6,
    "transcribe.batch_cli": 6,
    "transcribe.consent_cli": 6,
    "transcribe.demo": 6,
    "transcribe.doctor": 6,
    "transcribe.backup_cli": 6,
    "transcribe.__main__": 6,
}

#: Third-party packages a room may import; everything else must do with the standard library.
LIBRARIES = {
    "consent": set(),
    "models": set(),
    "transcribe": set(),
    "transcribe.settings": {"pydantic", "platformdirs"},
    "transcribe.audio.pcm": {"numpy"},
    "transcribe.locale": {"babel"},
    "transcribe.asr.transcribe": {"numpy"},
    "transcribe.asr.evaluate": {"numpy"},
    "transcribe.audio.capture_child": {"sounddevice"},
    "transcribe.audio.resample": {"av", "numpy"},
    "transcribe.audio.decode": {"psutil"},
    "transcribe.audio.decode_child": {"av", "numpy"},
    "transcribe.audio.vad": {"faster_whisper", "numpy"},
    "transcribe.asr.whisper": {"faster_whisper", "ctranslate2", "numpy"},
    "transcribe.asr.pull": {"huggingface_hub"},
    "transcribe.soep.local_model": {"torch", "transformers", "llguidance", "numpy", "bitsandbytes"},
    "transcribe.soep.server_model": {"httpx"},
    "transcribe.store.crypto": {"cryptography"},
    "transcribe.store.objects": {"obstore"},
    "transcribe.store.keys": {"cryptography", "keyring"},
    "transcribe.store.embedded": {"psutil", "psycopg"},
    "transcribe.store.database": {"sqlalchemy", "psycopg", "procrastinate"},
    "transcribe.store.codec": {"pydantic"},
    "transcribe.store.tables": {"sqlalchemy"},
    "transcribe.store.vitals": {"sqlalchemy"},
    "transcribe.store.sessions": {"sqlalchemy"},
    "transcribe.store.handovers": {"sqlalchemy"},
    "transcribe.store.tenancy": {"sqlalchemy"},
    "transcribe.store.preferences": {"sqlalchemy"},
    "transcribe.store.jobs": {"sqlalchemy", "procrastinate"},
    "transcribe.store.lease": {"psycopg"},
    "transcribe.store.impatient": {"sqlalchemy", "psycopg"},
    "transcribe.store.worker": {"psycopg", "procrastinate"},
    "transcribe.store.postgres": {"sqlalchemy"},
    "transcribe.store.copying": {"sqlalchemy", "psycopg"},
    "transcribe.store.key_copies": {"sqlalchemy"},
    "transcribe.store.backup": {"sqlalchemy"},
    "transcribe.store.upgrade": {"psycopg"},
    "transcribe.backup_cli": {"typer", "rich"},
    "transcribe.store.migrations": {"sqlalchemy", "alembic"},
    "transcribe.store.migrate": {"sqlalchemy", "alembic"},
    "transcribe.web.watch": {"fastapi", "starlette", "prometheus_client"},
    "transcribe.web": {"fastapi", "starlette", "jinja2", "markupsafe", "babel", "anyio"},
    "transcribe.app": {"uvicorn", "fastapi", "ctranslate2"},
    "transcribe.run": {"rich"},
    "transcribe.workstation.tape": {"numpy"},
    "transcribe.workstation.screen": {"rich"},
    "transcribe.options": {"typer"},
    "transcribe.record_cli": {"typer", "rich"},
    "transcribe.batch.report": {"rich"},
    "transcribe.batch_cli": {"typer", "rich"},
    "transcribe.consent_cli": {"typer", "rich"},
    "transcribe.status": {"rich"},
    "transcribe.demo": {"rich", "httpx"},
    "transcribe.doctor": {"sqlalchemy", "psutil", "ctranslate2", "av"},
    "transcribe.__main__": {"typer", "rich", "pydantic"},
}

#: Adapter rooms that do not know each other.
ADAPTER_ROOMS = ("transcribe.audio", "transcribe.asr", "transcribe.store", "transcribe.testing")


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in ("consent", "models", "transcribe"):
        for path in sorted((ROOT / top).rglob("*.py")):
            relative = path.relative_to(ROOT).with_suffix("")
            if "demo-nl" in relative.parts:
                continue  # training scripts, not part of the program
            name = ".".join(relative.parts).removesuffix(".__init__")
            found.append((name, path))
    return found


def longest(table, name: str):
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in table:
            return table[".".join(parts[:length])]
    raise AssertionError(f"{name}: no row in the import table")


@cache
def parsed(path: Path) -> ast.Module:
    """CPython 3.11 fails when the garbage collector runs inside ``ast.parse`` (python/cpython#106905)."""
    gc.disable()
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    finally:
        gc.enable()


def imports(path: Path) -> list[str]:
    """Every module imported anywhere in the file, but for typing only."""
    tree = parsed(path)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            # "from transcribe.soep import note" imports a module; "from x import name" does not
            names += [
                f"{base}.{alias.name}" if (ROOT / base.replace(".", "/") / f"{alias.name}.py").is_file() else base
                for alias in node.names
            ]
    return names


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_follow_the_table(name: str, path: Path) -> None:
    layer = longest(LAYERS, name)
    for imported in imports(path):
        top = imported.split(".")[0]
        if top in sys.stdlib_module_names:
            continue
        if top in ("consent", "models", "transcribe"):
            assert longest(LAYERS, imported) <= layer, f"{name} (layer {layer}) imports {imported}"
            if layer == 0:
                assert top == name.split(".")[0], f"{name} stands alone and imports {imported}"
            if layer == 4 and longest(LAYERS, imported) == 4:
                room = [r for r in ADAPTER_ROOMS if name.startswith(r)]
                assert [r for r in ADAPTER_ROOMS if imported.startswith(r)] == room, (
                    f"{name} imports adapter {imported}"
                )
            if layer == 5:
                assert longest(LAYERS, imported) != 4, f"{name} (web) imports adapter {imported}"
        else:
            assert top in longest(LIBRARIES, name), f"{name} imports {top}"


def test_there_is_one_writer() -> None:
    """ADR 3. Whoever else called ``Store.apply`` could forget the transition, the audit row or the job."""
    callers = {
        name
        for name, path in modules()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "apply"
        and "store" in ast.unparse(node.func.value)
    }
    assert callers == {"transcribe.writer"}


def test_nothing_logs_or_prints_what_was_said() -> None:
    """``print`` is a log too; only the command line talks, through rich."""
    for name, path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print" or name in {"models.catalog"}, f"{name}:{node.lineno} prints"
