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
    "transcribe.erasure": 1,
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
    "transcribe.speakers": 2,
    "transcribe.policy": 2,
    "transcribe.accounts": 2,
    "transcribe.asr.guards": 2,
    "transcribe.asr.quality": 2,
    "transcribe.ports": 3,
    "transcribe.workflow": 3,
    "transcribe.staff": 3,
    "transcribe.enrolment": 3,
    "transcribe.oidc": 3,
    "transcribe.writer": 3,
    "transcribe.log_reading": 3,
    "transcribe.naming": 3,
    "transcribe.steps": 3,
    "transcribe.follower": 3,
    "transcribe.keeper": 3,
    "transcribe.recorder": 3,
    "transcribe.practice": 3,
    "transcribe.vitals": 1,
    "transcribe.visible": 0,
    "transcribe.sheet": 1,
    "transcribe.logs": 1,
    "transcribe.reading": 1,
    "transcribe.process": 1,
    "transcribe.outbound": 1,
    "transcribe.outbound_client": 1,
    "transcribe.proof": 6,
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
    "transcribe.testing_accounts": 4,
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
    "transcribe.log_cli": 6,
    "transcribe.keys_cli": 6,
    "transcribe.rights": 3,
    "transcribe.rights_pages": 3,
    "transcribe.rights_cli": 6,
    "transcribe.accounts_cli": 6,
    "transcribe.voice_cli": 6,
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
    "transcribe.asr.echo": {"numpy"},
    "transcribe.asr.quality": {"numpy"},
    "transcribe.asr.transcribe": {"numpy"},
    "transcribe.asr.evaluate": {"numpy"},
    "transcribe.speakers": {"numpy"},
    "transcribe.audio.capture_child": {"sounddevice"},
    "transcribe.audio.resample": {"av", "numpy"},
    "transcribe.audio.decode": {"psutil"},
    "transcribe.audio.decode_child": {"av", "numpy"},
    "transcribe.audio.vad": {"faster_whisper", "numpy"},
    "transcribe.asr.whisper": {"faster_whisper", "ctranslate2", "numpy"},
    "transcribe.outbound_client": {"httpx"},
    "transcribe.asr.pull": {"httpx"},  # its errors and its timeout; the client is ours
    "transcribe.soep.local_model": {"torch", "transformers", "llguidance", "numpy", "bitsandbytes"},
    "transcribe.soep.server_model": {"httpx"},  # the same
    "transcribe.store.crypto": {"cryptography"},
    "transcribe.store.objects": {"obstore"},
    "transcribe.store.keys": {"cryptography"},
    "transcribe.store.key_places": {"keyring"},
    "transcribe.store.vault": {"httpx"},
    "transcribe.store.lasting": {"sqlalchemy"},
    "transcribe.store.rotation": {"sqlalchemy"},
    "transcribe.store.embedded": {"psutil", "psycopg"},
    "transcribe.store.database": {"sqlalchemy", "psycopg", "procrastinate"},
    "transcribe.store.codec": {"pydantic"},
    "transcribe.store.tables": {"sqlalchemy"},
    "transcribe.store.vitals": {"sqlalchemy"},
    "transcribe.store.sessions": {"sqlalchemy"},
    "transcribe.store.handovers": {"sqlalchemy"},
    "transcribe.store.tenancy": {"sqlalchemy"},
    "transcribe.store.accounts": {"sqlalchemy"},
    "transcribe.store.passwords": {"argon2"},
    "transcribe.store.preferences": {"sqlalchemy"},
    "transcribe.store.voice_profiles": {"sqlalchemy"},
    "transcribe.store.jobs": {"sqlalchemy", "procrastinate"},
    "transcribe.store.lease": {"psycopg"},
    "transcribe.store.impatient": {"sqlalchemy", "psycopg"},
    "transcribe.store.worker": {"psycopg", "procrastinate"},
    "transcribe.store.postgres": {"sqlalchemy"},
    "transcribe.store.access_log": {"sqlalchemy"},
    "transcribe.store.copying": {"sqlalchemy", "psycopg"},
    "transcribe.store.key_copies": {"sqlalchemy"},
    "transcribe.store.backup": {"sqlalchemy"},
    "transcribe.store.upgrade": {"psycopg"},
    "transcribe.backup_cli": {"typer", "rich"},
    "transcribe.log_cli": {"typer", "rich"},
    "transcribe.keys_cli": {"typer", "rich"},
    "transcribe.rights_cli": {"typer", "rich"},
    "transcribe.accounts_cli": {"typer", "rich"},
    "transcribe.voice_cli": {"typer", "rich"},
    "transcribe.store.migrations": {"sqlalchemy", "alembic"},
    "transcribe.store.migrate": {"sqlalchemy", "alembic"},
    "transcribe.oidc": {"httpx", "joserfc"},
    "transcribe.web.welcome": {"fastapi", "starlette", "markupsafe", "segno"},
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
    "transcribe.proof": {"jinja2"},
    "transcribe.proof.pipeline": {"psutil", "rich"},
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


#: What opens connections: a module, or something of one. Whoever is not here goes through ``outbound_client``.
OPENS = {
    "httpx": {
        "transcribe.outbound_client": {"Client", "HTTPTransport"},
        "transcribe.demo.demo_gp": set(),  # for the types
        "transcribe.soep.server_model": set(),  # errors and the timeout
        "transcribe.asr.pull": set(),
        "transcribe.store.vault": set(),
        "transcribe.oidc": set(),
    },
    "socket": {
        "transcribe.outbound": set(),  # looks up what a named host turns out to be
        "transcribe.outbound_client": set(),  # the same
        "transcribe.app": {"socket"},  # the web listens
        "transcribe.serving": {"socket"},  # hands the listening socket on
        "transcribe.doctor": {"socket"},  # is our own port taken?
        "transcribe.workstation.switch": {"socket"},  # a Unix socket
        "transcribe.store.lease": set(),  # the name of this machine
        "transcribe.proof.isolation": {"socket"},  # shows, without sending anything, that there is no way out
    },
    "http.client": {"transcribe.status": {"HTTPConnection"}},  # does our own web answer?
    "obstore": {"transcribe.store.objects": set()},  # the store of the sound, named by a setting of its own
}
_NOBODY = (
    "aiohttp asyncssh ftplib grpc httpcore httpx2 huggingface_hub imaplib nntplib paramiko poplib pycurl requests "
    "smtplib socketserver ssl telnetlib urllib.request urllib3 websocket websockets xmlrpc"
)
OPENS |= {module: {} for module in _NOBODY.split()}
#: Of a module that is allowed: what makes a connection, and so is named above where it is used.
_MAKES = {
    "httpx": {
        "AsyncClient", "AsyncHTTPTransport", "Client", "HTTPTransport", "delete", "get", "patch", "post", "put",
        "request", "stream",
    },
    "socket": {"create_connection", "socket", "socketpair"},
    "http.client": {"HTTPConnection", "HTTPSConnection"},
    "obstore": set(),
}  # fmt: skip
_LOOP = {"create_connection", "create_datagram_endpoint", "open_connection", "sock_connect", "urlopen"}


def test_there_is_one_way_out() -> None:
    """Promise 6. Whoever else opened a connection would ask no list, and nothing would count it."""
    seen: set[tuple[str, str]] = set()
    for name, path in modules():
        for imported in imports(path):
            parts = imported.split(".")
            for length in range(1, len(parts) + 1):
                opener = ".".join(parts[:length])
                if opener in OPENS:
                    assert name in OPENS[opener], f"{name} imports {opener}: connections are made by outbound_client"
                    seen.add((opener, name))
        for node in ast.walk(parsed(path)):
            # called, or the base of a class; to name the type of something opens nothing
            made = [node.func] if isinstance(node, ast.Call) else node.bases if isinstance(node, ast.ClassDef) else []
            for maker in made:
                if isinstance(maker, ast.Attribute):
                    owner = ast.unparse(maker.value)
                    by_itself = maker.attr in _MAKES.get(owner, ()) and maker.attr not in OPENS[owner].get(name, ())
                    assert not by_itself, f"{name}:{node.lineno} makes a connection by itself"
                    assert maker.attr not in _LOOP, f"{name}:{node.lineno} makes a connection by itself"
    named = {(opener, name) for opener, names in OPENS.items() for name in names}
    assert named - seen <= {("httpx", "transcribe.demo.demo_gp")}, "names that are not needed any more"  # types only
