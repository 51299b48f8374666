"""One embedded PostgreSQL for a test run, and a fresh, migrated database for each test that asks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import keyring
import keyring.backend
import pytest
from hypothesis import settings
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from tests.object_server import ObjectServer, run_object_server
from transcribe.store.embedded import EmbeddedPostgres
from transcribe.store.folders import throwaway_data_dir
from transcribe.store.migrate import migrate

# the machine that runs the tests may be busy: slowness is no failure of a property
# the same examples each time: a change that is not to blame must not be stopped. HYPOTHESIS_PROFILE=wild looks further
settings.register_profile("transcribe", deadline=None, derandomize=True)
settings.register_profile("wild", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "transcribe"))

as_root = os.name == "posix" and os.geteuid() == 0


class Server:
    """A server with a migrated template; ``database()`` copies it."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        # nobody misses this server after a power cut
        self._run("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()", "CREATE DATABASE template_transcribe")
        migrate(self._of("template_transcribe"))

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"test_{secrets.token_hex(6)}"
        self._run(f"CREATE DATABASE {name} TEMPLATE template_transcribe")
        yield self._of(name)
        self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _of(self, name: str) -> str:
        return self._url.set(database=name).render_as_string(hide_password=False)

    def _run(self, *statements: str) -> None:
        engine = create_engine(self._url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[str], Server]]:
    """``postgres_server(bin_dir)``: started at the first call, "" for the wheel's."""
    servers: dict[str, Server] = {}
    with ExitStack() as stack:

        def server(bin_dir: str = "") -> Server:
            if bin_dir not in servers:
                data_dir = stack.enter_context(throwaway_data_dir())
                embedded = EmbeddedPostgres(data_dir, bin_dir=bin_dir, fallback_user=as_root)
                servers[bin_dir] = Server(stack.enter_context(embedded))
            return servers[bin_dir]

        yield server


@pytest.fixture
def postgres_url(postgres_server: Callable[[str], Server]) -> Iterator[str]:
    """A fresh, migrated database on the wheel's PostgreSQL."""
    with postgres_server("").database() as url:
        yield url


@pytest.fixture(scope="session")
def object_server() -> Iterator[ObjectServer]:
    with run_object_server() as server:
        yield server


@pytest.fixture
def object_store(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """``s3://...`` of an empty place; its server, keys and region stand in the environment."""
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)
    return object_server.address()


@pytest.fixture
def use_keyring() -> Iterator[Callable[[keyring.backend.KeyringBackend], None]]:
    """Sets the keyring of the operating system, for this test."""
    before = keyring.get_keyring()
    yield keyring.set_keyring
    keyring.set_keyring(before)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", action="store_true", help="write the pictures of the pages to docs/screenshots")
