"""What a place for sealed sound promises (``store.blobs.Blobs``): a folder, and a real S3 server."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from obstore.store import S3Store

from tests.object_server import ObjectServer, run_object_server
from transcribe.doctor import Level, _sound
from transcribe.errors import NotFound, SetupProblem
from transcribe.settings import Settings
from transcribe.store.blobs import Blobs, BlobsUnavailable, open_blobs
from transcribe.store.objects import PART_BYTES, WINDOW_BYTES
from transcribe.store.sound import SealedAudioStore

CONSULT, OTHER = uuid4(), uuid4()
SECRET = "geheim-van-de-proef"


def put(blobs: Blobs, content: bytes, consult: UUID = CONSULT, name: str = "upload") -> None:
    with blobs.write(consult, name) as target:
        target.write(content)


def got(blobs: Blobs, consult: UUID = CONSULT, name: str = "upload") -> bytes:
    with blobs.open(consult, name) as file:
        return file.read()


@pytest.mark.parametrize("size", [0, 1, WINDOW_BYTES, WINDOW_BYTES + 1, 2 * PART_BYTES + 3])
def test_what_was_written_comes_back(blobs: Blobs, size: int) -> None:
    content = os.urandom(size)
    with blobs.write(CONSULT, "upload") as target:
        for start in range(0, size, 1_000_000):
            target.write(content[start : start + 1_000_000])
    assert got(blobs) == content
    with blobs.open(CONSULT, "upload") as file:
        assert file.seek(0, os.SEEK_END) == size
        assert file.read() == b""
        assert file.seek(-(size // 2), os.SEEK_END) == size - size // 2
        assert file.read() == content[size - size // 2 :]


def test_what_is_there_is_listed(blobs: Blobs) -> None:
    assert blobs.consults() == []
    assert blobs.names(CONSULT) == []
    for consult, name in ((CONSULT, "upload-1"), (CONSULT, "pcm"), (OTHER, "pcm")):
        put(blobs, b"a", consult, name)
    assert sorted(blobs.consults()) == sorted([CONSULT, OTHER])
    assert blobs.names(CONSULT) == ["pcm", "upload-1"]
    blobs.delete(CONSULT)
    assert blobs.consults() == [OTHER]
    assert blobs.names(CONSULT) == []


def test_only_what_is_whole_is_listed(blobs: Blobs) -> None:
    with blobs.write(CONSULT, "upload") as target:
        target.write(bytes(PART_BYTES + 1))
        assert blobs.names(CONSULT) == []
    assert blobs.names(CONSULT) == ["upload"]


def test_what_is_not_ours_is_left_alone(location: str, tmp_path: Path) -> None:
    outer = open_blobs(location.rpartition("/")[0], tmp_path)  # the place of ``location`` is a folder in it
    put(open_blobs(location, tmp_path), b"a")
    assert outer.consults() == []
    assert outer.names(CONSULT) == []


def test_a_block_that_ends_badly_leaves_what_was_there(blobs: Blobs) -> None:
    put(blobs, b"oud")
    with suppress(ZeroDivisionError), blobs.write(CONSULT, "upload") as target:
        target.write(bytes(3 * PART_BYTES))
        raise ZeroDivisionError
    assert got(blobs) == b"oud"


def test_an_examination_writes_reads_and_leaves_nothing(location: str, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, blob_store=location)
    (finding,) = _sound(settings)
    assert finding.level is Level.GOOD
    assert location in finding.found
    assert open_blobs(location, tmp_path).consults() == []


# -- addresses -----------------------------------------------------------------------------------------------------


def test_no_address_is_the_folder_beside_the_data(tmp_path: Path) -> None:
    put(open_blobs("", tmp_path / "audio"), b"a")
    assert (tmp_path / "audio" / str(CONSULT) / "upload").read_bytes() == b"a"


@pytest.mark.parametrize(
    "address",
    [
        "s3://",
        "s3:geluid",
        "s3://ab",
        "s3://geluid/a//b",
        "s3://geluid/../b",
        f"s3://ik:{SECRET}@geluid/map",
        f"s3://geluid/map?secret_access_key={SECRET}",
        f"https://ik:{SECRET}@s3.praktijk.example/geluid",
        "gs://geluid",
    ],
)
@pytest.mark.usefixtures("object_store")
def test_a_wrong_address_is_refused_and_not_repeated(address: str, tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match="--blob-store") as caught:
        open_blobs(address, tmp_path)
    assert SECRET not in str(caught.value)
    (finding,) = _sound(Settings(data_dir=tmp_path, blob_store=address))
    assert finding.level is Level.WRONG
    assert SECRET not in f"{finding.found} {finding.advice}"


@pytest.mark.usefixtures("object_store")
@pytest.mark.parametrize("address", ["s3://geluid", "s3://geluid/", "s3://geluid/een/twee/"])
def test_a_bucket_may_be_used_from_its_root_or_from_a_folder_in_it(address: str, tmp_path: Path) -> None:
    consult = uuid4()
    blobs = open_blobs(address, tmp_path)
    put(blobs, b"a", consult)
    assert blobs.consults() == [consult]
    assert got(open_blobs(address.rstrip("/"), tmp_path), consult) == b"a"
    blobs.delete(consult)


def test_a_folder_that_can_not_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "bestand").write_text("x")
    for place in ("nergens/geluid", "bestand"):
        with pytest.raises(SetupProblem, match=f"{place} voor het geluid is niet te maken"):
            open_blobs(str(tmp_path / place), tmp_path)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": ""}, "horen sleutels"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "horen sleutels"),
        ({"AWS_ENDPOINT_URL": "", "AWS_REGION": ""}, "hoort de server"),
        ({"AWS_ALLOW_HTTP": ""}, "zonder versleuteling"),
        ({"AWS_ALLOW_HTTP": "false"}, "zonder versleuteling"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "niet bereikbaar"),
        ({"AWS_ENDPOINT_URL": "minio:9000"}, "geen adres van een server"),
        ({"AWS_ENDPOINT_URL": "waar dan ook"}, "geen adres van een server"),
        ({"AWS_ENDPOINT_URL": "https://s3.praktijk.example:99999"}, "geen adres van een server"),
        ({"AWS_ENDPOINT_URL": "https://s3|praktijk.example"}, "geen adres van een server"),
        ({"AWS_ENDPOINT_URL": f"https://ik:{SECRET}@s3.praktijk.example"}, "geen adres van een server"),
        ({"AWS_ENDPOINT_URL_S3": "https://"}, "geen adres van een server"),
        ({"AWS_ENDPOINT_URL": f"http://[{SECRET}"}, "geen adres van een server"),
    ],
)
def test_what_is_missing_in_the_environment_is_named(
    object_store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SetupProblem, match=said) as caught:
        open_blobs(object_store, tmp_path, check=True)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.usefixtures("object_store")
def test_a_bucket_that_is_not_there_is_said_to_who_asks(tmp_path: Path) -> None:
    with pytest.raises(SetupProblem, match=r"niet bereikbaar \(NoSuchBucket\)"):
        open_blobs("s3://bestaat-niet", tmp_path, check=True)


def test_a_server_that_is_away_keeps_nothing_from_starting(
    object_store: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    blobs = open_blobs(object_store, tmp_path)
    with pytest.raises(BlobsUnavailable):
        blobs.consults()


def test_a_server_that_refuses_our_keys_is_said_to_who_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with run_object_server(INITIAL_NO_AUTH_ACTION_COUNT="1") as server:  # the one that makes the bucket
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(SetupProblem, match=r"weigert de toegang \(InvalidAccessKeyId\)"):
            open_blobs(server.address(), tmp_path, check=True)


# -- in an object store --------------------------------------------------------------------------------------------


@pytest.fixture
def objects(object_store: str, tmp_path: Path) -> Blobs:
    return open_blobs(object_store, tmp_path)


def test_an_upload_that_breaks_off_is_aborted(objects: Blobs, object_server: ObjectServer, object_store: str) -> None:
    def uploads() -> int:
        listing = object_server.ask("?uploads")
        return len(re.findall(f"<Key>{object_store.removeprefix('s3://geluid/')}/{CONSULT}/", listing))

    with suppress(ZeroDivisionError), objects.write(CONSULT, "upload") as target:
        target.write(bytes(3 * PART_BYTES))
        assert uploads() == 1
        raise ZeroDivisionError
    assert uploads() == 0
    assert objects.consults() == []


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_no_reader_gets_half_of_one_object_and_half_of_another(objects: Blobs, change: str) -> None:
    size = 3 * WINDOW_BYTES
    put(objects, b"a" * size)
    with objects.open(CONSULT, "upload") as file:
        assert file.read(10) == b"a" * 10
        if change == "replaced":
            put(objects, b"b" * size)
        else:
            objects.delete(CONSULT)
        file.seek(2 * WINDOW_BYTES)
        with pytest.raises(NotFound):
            file.read(10)


def test_reading_on_costs_one_request_for_each_window(objects: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    key, size = bytes(32), 5 * WINDOW_BYTES
    store = SealedAudioStore(objects)
    store.write(CONSULT, "upload", key, [bytes(size)])
    asked: list[Any] = []
    get = S3Store.get

    def counted(self: S3Store, path: str, *, options: Any = None) -> Any:
        asked.append(options["range"])
        return get(self, path, options=options)

    monkeypatch.setattr(S3Store, "get", counted)
    with store.open(CONSULT, "upload", key) as file:
        while file.read(10_000):
            pass
    # a sealed file is a little longer than what is in it; opening also looks at its end
    assert len(set(asked)) == 6
    assert len(asked) <= 6 + 2


def test_a_server_that_is_away_is_said_in_words_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with run_object_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        blobs = open_blobs(server.address(), tmp_path)
        put(blobs, bytes(2 * WINDOW_BYTES))
        file = blobs.open(CONSULT, "upload")
        server.process.kill()
        server.process.wait()

        def upload(size: int) -> Callable[[], None]:
            return lambda: put(blobs, bytes(size), name="pcm")

        for call in (
            upload(1),
            upload(3 * PART_BYTES),
            lambda: blobs.open(CONSULT, "upload"),
            lambda: file.read(10),
            lambda: blobs.delete(CONSULT),
            lambda: blobs.delete(CONSULT, "upload"),
            lambda: blobs.names(CONSULT),
            blobs.consults,
        ):
            with pytest.raises(BlobsUnavailable, match="opslag van het geluid is niet bereikbaar") as caught:
                call()
            told = "".join(traceback.format_exception(caught.value)) + repr(blobs) + caplog.text
            assert SECRET not in told
            assert str(CONSULT) not in told
        file.close()


LONG_STREAM = """
import resource, sys, uuid
from pathlib import Path
from transcribe.store.blobs import open_blobs
from transcribe.store.sound import SealedAudioStore

store, consult, key = SealedAudioStore(open_blobs(sys.argv[1], Path())), uuid.UUID(sys.argv[2]), bytes(32)

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # kB on Linux

def there_and_back(megabytes):
    store.write(consult, "upload", key, (bytes([number % 251]) * (1 << 20) for number in range(megabytes)))
    with store.open(consult, "upload", key) as file:
        for number in range(0, megabytes, 10):  # not all: for each request moto copies the whole object
            file.seek(number << 20)
            assert file.read(1 << 20) == bytes([number % 251]) * (1 << 20)
    return peak()

print(there_and_back(40), there_and_back(300))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_length_costs_no_memory(location: str, blobs: Blobs) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONG_STREAM, location, str(CONSULT)], capture_output=True, text=True, check=True
    )
    short, long = map(int, done.stdout.split())
    assert long - short < 40, f"peak {short} MB for 40 MB, {long} MB for 300 MB"
    blobs.delete(CONSULT)
