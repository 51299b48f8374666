"""The composition root: settings to adapters to use cases. The only module that knows concrete classes."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from uuid import UUID

from consent import Texts
from transcribe import outbound, policy
from transcribe.asr.transcript import HeardWindow, Speaker, Transcript
from transcribe.audio.pcm import Pcm, Span
from transcribe.consult import Action, Actor, Lane, Space
from transcribe.enrolment import Enrolment
from transcribe.errors import N_, InvalidInput, SetupProblem, StoreUnavailable
from transcribe.follower import Follower
from transcribe.keeper import Keeper
from transcribe.log_reading import LogReading
from transcribe.naming import Naming
from transcribe.oidc import Provider, provider_of
from transcribe.ports import Drafter, Handovers, Listening, Preferences, Transcriber
from transcribe.practice import Practice, Practices
from transcribe.recorder import Recorder
from transcribe.rights import PatientRights
from transcribe.settings import Settings
from transcribe.soep.note import Note
from transcribe.speakers.profile import Profile
from transcribe.staff import STRANGER, Staff, readers
from transcribe.steps import Steps
from transcribe.workflow import Workflow
from transcribe.writer import Writer

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from models.catalog import Installed
    from transcribe.store.postgres import PostgresStore
    from transcribe.web.access import Access
    from transcribe.web.application import DemoInfo

log = logging.getLogger(__name__)

TEND_S = 60.0
#: The file in a data folder that says which kind it is.
KIND = "soort"


class WhenNeeded:
    """A transcriber that is made at the first recording: loading a model takes seconds, starting must not."""

    def __init__(self, make: Callable[[], Transcriber]) -> None:
        self._make = make
        self._made: Transcriber | None = None
        self._lock = Lock()

    def transcribe(
        self,
        pcm: Pcm,
        speakers: Sequence[Speaker],
        *,
        missing: Sequence[Span] = (),
        heard: Sequence[HeardWindow] = (),
        hints: Sequence[str] = (),
        profile: Profile | None = None,
        keep: Callable[[HeardWindow], None] = lambda _: None,
        progress: Callable[[float], None],
    ) -> Transcript:
        return self._transcriber().transcribe(
            pcm, speakers, missing=missing, heard=heard, hints=hints, profile=profile, keep=keep, progress=progress
        )

    def listen(
        self, speakers: Sequence[Speaker], *, heard: Sequence[HeardWindow] = (), hints: Sequence[str] = ()
    ) -> Listening:
        return self._transcriber().listen(speakers, heard=heard, hints=hints)

    def _transcriber(self) -> Transcriber:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


@dataclass(frozen=True, kw_only=True)
class Service:
    """Everything that runs, put together."""

    settings: Settings
    database_url: str
    store: PostgresStore  # the system's
    practice: Practices
    steps: Steps
    follower: Follower | None  # None: no model
    keeper: Keeper
    rights: PatientRights  # of the practice of the settings
    preferences: Preferences  # of the practice of the settings, as are ``workflow`` and ``recorder``
    handovers: Handovers
    accounts: Staff | None  # None: a demonstration
    provider: Provider | None  # None: nobody logs in elsewhere
    model: Installed | None
    space: Callable[[], Space]
    ask_sound: Callable[[], object]  # raises when the store of the sound does not answer
    revive: Callable[[], None]  # starts our own database again when it died
    sound_here: Callable[[], Sequence[UUID]]  # consults with sound in the spool of this machine

    @property
    def workflow(self) -> Workflow:
        return self.practice(self.settings.practice).workflow

    @property
    def recorder(self) -> Recorder:
        return self.practice(self.settings.practice).recorder

    def finish_abandoned(self) -> int:
        """As ``Recorder.finish_abandoned``, for every practice with sound on this machine."""
        names = self.store.practices_of(self.sound_here())
        return sum(self.practice(name).recorder.finish_abandoned() for name in sorted(names))


def no_network() -> None:
    """Libraries that could fetch something are told not to, before they are imported."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["TRANSFORMERS_OFFLINE"] = "1"


def choose_model(settings: Settings) -> Installed | None:
    """The speech model of this installation: the one asked for, else the only fitting one; None when there is none.

    Raises ``DemoModelRefused`` when a demonstration model is asked for outside demo mode, ``SetupProblem`` when the
    one asked for is not installed.
    """
    from models.catalog import installed

    found = installed(settings.data_dir / "models")
    if settings.model:
        named = [model for model in found if model.name == settings.model]
        if not named:
            raise SetupProblem(
                problem=f"spraakmodel “{settings.model}” is niet geïnstalleerd (transcribe models list)."
            )
        policy.check_model(named[0].name, demo_only=named[0].demo_only, demo=settings.demo)
        return named[0]
    fitting = [model for model in found if model.demo_only == settings.demo]
    return fitting[0] if fitting else None


def make_transcriber(model: Installed, *, language: str = "nl", device: str = "auto") -> Transcriber:
    """The speech path on one model."""
    no_network()

    from transcribe.asr.transcribe import InTurn, SpeechTranscriber
    from transcribe.asr.whisper import WhisperRecogniser
    from transcribe.audio.vad import SileroDetector

    recogniser = InTurn(WhisperRecogniser(model.path, name=model.label, device=device, hints=model.hints))
    return SpeechTranscriber(SileroDetector(), recogniser, language=language, pack_s=model.pack_s)


class DrafterWhenNeeded:
    """As ``WhenNeeded``: a language model is loaded at the first draft, by the worker that makes it."""

    def __init__(self, make: Callable[[], Drafter]) -> None:
        self._make = make
        self._made: Drafter | None = None

    @property
    def name(self) -> str:
        return self._drafter().name

    def draft(self, transcript: Transcript) -> Note:
        return self._drafter().draft(transcript)

    def _drafter(self) -> Drafter:
        if self._made is None:
            self._made = self._make()
        return self._made


def extractive() -> Drafter:
    from transcribe.soep.extractive import ExtractiveDrafter

    return ExtractiveDrafter()


def make_drafter(settings: Settings) -> Drafter:
    """Raises ``SetupProblem`` for a server that is not on the allow-list, or a model that is not there."""
    if settings.drafter == "extractief":
        return extractive()
    from transcribe.soep.language_model import LanguageModel, ModelDrafter, Unsupported

    model: LanguageModel
    if settings.drafter == "server":
        from transcribe.soep.server_model import ServerModel

        model = ServerModel(
            settings.llm_url,
            settings.llm_model,
            allowed=[host.strip() for host in settings.allowed_hosts.split(",") if host.strip()],
            api_key=settings.llm_key,
            context_tokens=settings.llm_context,
        )
    else:
        from transcribe.soep.local_model import LocalModel

        model = LocalModel(
            Path(settings.llm_model),
            device=settings.device,
            bits=int(settings.llm_bits),
            context_tokens=settings.llm_context,
        )
    return ModelDrafter(model, unsupported=Unsupported(settings.llm_unsupported))


@contextmanager
def open_service(settings: Settings) -> Iterator[Service]:
    """Database, keys, sound, model and use cases, for as long as the context lasts. No worker is started."""
    no_network()

    from transcribe.audio.decode import PyAvDecoder
    from transcribe.store import disk
    from transcribe.store.accounts import PostgresAccounts
    from transcribe.store.anchors import write_file
    from transcribe.store.blobs import open_blobs
    from transcribe.store.folders import make_data_dir
    from transcribe.store.handovers import PostgresHandovers
    from transcribe.store.key_copies import KeyCopies
    from transcribe.store.keys import load_master_key
    from transcribe.store.marked import MarkedBlobs
    from transcribe.store.migrate import migrate
    from transcribe.store.passwords import Argon2Passwords
    from transcribe.store.postgres import PostgresStore
    from transcribe.store.preferences import PostgresPreferences
    from transcribe.store.sound import SealedAudioStore
    from transcribe.store.spool import FileSpool
    from transcribe.store.voice_profiles import PostgresVoiceProfiles

    with ExitStack() as stack:
        make_data_dir(settings.data_dir)
        check_mode(settings)
        outbound.GUARD.permit(outbound.named(settings))
        outbound.TALLY.keep_in(settings.data_dir / outbound.TALLY_FILE)
        server = None if settings.database_url else stack.enter_context(embedded_server(settings))
        url = server.url if server else settings.database_url
        try:
            in_use = migrate(url)
        except StoreUnavailable as error:
            raise SetupProblem(
                problem="de database is niet bereikbaar of weigert de toegang. Controleer adres, naam, gebruiker en "
                "wachtwoord (--database-url), en of de server loopt."
            ) from error
        master_key = load_master_key(settings, make=not in_use)
        store = PostgresStore(url, master_key)
        stack.callback(store.close)
        copies = KeyCopies(store, url, store.master_key)
        stack.callback(copies.close)
        preferences = stack.enter_context(PostgresPreferences(url, settings.practice, hashed=store.lasting.fingerprint))
        voices = stack.enter_context(PostgresVoiceProfiles(url, store.master_key, settings.practice))
        handovers = stack.enter_context(PostgresHandovers(url))
        accounts = stack.enter_context(PostgresAccounts(url, store.lasting))
        mark_mode(settings)
        model = choose_model(settings)
        place = open_blobs(settings.blob_store, settings.data_dir / "audio", known=store.has_place())
        blobs = MarkedBlobs(place, store)
        audio = SealedAudioStore(blobs)
        spool = FileSpool(settings.data_dir / "spool")
        decoder = PyAvDecoder()
        writer = Writer(store, need=settings.asr_on)

        def space() -> Space:
            return disk.space(settings.data_dir)

        transcriber = (
            None
            if model is None
            else WhenNeeded(lambda: make_transcriber(model, language=settings.language, device=settings.device))
        )
        steps = Steps(
            store=store,
            audio=audio,
            decoder=decoder,
            transcriber=transcriber,
            drafter=DrafterWhenNeeded(lambda: make_drafter(settings)),
            writer=writer,
            preferences=preferences,
            voices=voices,
            max_minutes=max(settings.max_minutes, settings.max_file_minutes),
            demo=settings.demo,
        )
        # the rules are quick enough to write the note anew every few seconds, whatever writes it in the end
        growing = partial(steps.growing, DrafterWhenNeeded(extractive))

        def practice(name: str) -> Practice:
            own = store.of(name)
            own_writer = Writer(own, need=settings.asr_on)

            return Practice(
                name=name,
                workflow=Workflow(
                    store=own,
                    audio=audio,
                    spool=spool,
                    decoder=decoder,
                    writer=own_writer,
                    space=space,
                    min_free_percent=settings.min_free_percent,
                    max_minutes=settings.max_file_minutes,
                    practice=name,
                    preferences=preferences.of(name),
                    icpc=settings.icpc,
                    consent_line=settings.consent_line,
                    demo=settings.demo,
                    staff=partial(readers, accounts),
                ),
                recorder=Recorder(
                    store=own,
                    audio=audio,
                    spool=spool,
                    writer=own_writer,
                    space=space,
                    min_free_percent=settings.min_free_percent,
                    max_minutes=settings.max_minutes,
                ),
                log_reading=LogReading(own, own_writer),
                naming=Naming(store=own, writer=own_writer),
                preferences=preferences.of(name),
                enrolment=Enrolment(profiles=voices.of(name), decoder=decoder, writer=own_writer),
            )

        own = store.of(settings.practice)
        practices = Practices(practice)

        def log_act(of: str, actor: Actor, action: Action, detail: str, whom: str) -> None:
            practices(of).workflow.log(actor, action, detail, whom)

        def forget_voice(of: str, actor: Actor, owner: str) -> None:
            found = practices(of).enrolment
            assert found is not None
            found.remove(actor, owner)

        yield Service(
            settings=settings,
            database_url=url,
            store=store,
            practice=practices,
            steps=steps,
            follower=None
            if transcriber is None
            else Follower(store=store, spool=spool, transcriber=transcriber, draft=growing, hints=steps.hints),
            keeper=Keeper(
                store=store,
                audio=audio,
                spool=spool,
                writer=writer,
                unverified_days=settings.unverified_days,
                forget_keys=copies.forget,
                forget_voices=partial(copies.forget_voices, store.scrub),
                scrub=store.scrub,
                anchor=lambda: write_file(settings.data_dir, store.log_anchor(), store.master_key),
            ),
            rights=PatientRights(store=own, audio=audio, spool=spool, writer=Writer(own)),
            preferences=preferences,
            handovers=handovers,
            accounts=None
            if settings.demo
            else Staff(
                accounts,
                Argon2Passwords(),
                practice=settings.practice,
                keyed=store.lasting.mark,
                log=log_act,
                forget_voice=forget_voice,
            ),
            provider=None if settings.demo else provider_of(settings, store.lasting.mark),
            model=model,
            space=space,
            # a store may answer and take nothing; a folder is tried by the web, see make_web
            ask_sound=blobs.try_write if "://" in settings.blob_store else blobs.check,
            revive=server.revive if server else lambda: None,
            sound_here=spool.consults,
        )


def run_worker(settings: Settings, lane: Lane, *, ready: Callable[[], None] = lambda: None) -> int:
    """Do jobs of one lane in this process until SIGTERM; returns its exit status. In the main thread.

    ``EXIT`` (70) asks whoever supervises it to start it again at once: it lost its database, or had to stop hard.
    """
    from transcribe.store.lease import EXIT, Patience
    from transcribe.store.migrate import owns
    from transcribe.store.worker import WorkerProcess

    try:
        with open_service(settings) as service:
            if not owns(service.database_url):
                raise SetupProblem(
                    problem="een worker werkt voor alle praktijken en moet eigenaar van de tabellen zijn. Geef hem de "
                    "gebruiker die de database heeft gemaakt (--database-url); die van het web mag te weinig."
                )
            follower = service.follower if lane is Lane.LIVE else None

            def tend() -> None:
                with service.store.alone("keeper") as ours:
                    if ours:
                        service.keeper.tend()

            return WorkerProcess(
                service.database_url,
                service.steps,
                lane=lane,
                device=device_of(settings),
                model=service.model.name if service.model else "",
                tend=tend,
                follow=follower.run if follower else lambda _: None,
                overdue=follower.overdue if follower else lambda: False,
                patience=Patience(stale_s=settings.stale_s),
            ).run(ready=ready)
    except StoreUnavailable:
        return EXIT


def device_of(settings: Settings) -> str:
    """ "cpu" or "cuda"; "auto" looks whether there is a GPU."""
    if settings.device != "auto":
        return settings.device
    import ctranslate2

    return "cuda" if ctranslate2.get_cuda_device_count() else "cpu"


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """Our own PostgreSQL while it runs."""

    url: str
    revive: Callable[[], None]


@contextmanager
def embedded_server(settings: Settings) -> Iterator[Embedded]:
    from transcribe.store.embedded import EmbeddedPostgres

    server = EmbeddedPostgres(
        settings.data_dir,
        os_user=settings.os_user,
        bin_dir=settings.postgres_bin,
        fallback_user=settings.demo,
    )
    url = server.start()
    try:
        yield Embedded(url=url, revive=server.revive)
    finally:
        server.stop()


def actor_of(settings: Settings) -> Actor:
    """Who a command acts for. Raises ``InvalidInput`` without a name: an approval needs one."""
    behalf = policy.responsible(settings.user_role, settings.practice)
    if settings.demo:
        return Actor(name="Demo-huisarts", role=settings.user_role, responsible=behalf)
    name = " ".join(settings.user_name.split())
    if not name:
        raise InvalidInput(
            problem=N_(
                'Geef aan wie er werkt: --name "Uw naam" (of TRANSCRIBE_USER_NAME); die naam staat bij elk akkoord.'
            )
        )
    return Actor(name=name, role=settings.user_role, responsible=behalf)


def access_key(folder: Path) -> str:
    """The key that opens the screens on this machine: made once, readable for us alone."""
    from transcribe.store.folders import make_data_dir, make_private, write_once

    path = make_private(make_data_dir(folder) / "keys") / "access.key"
    write_once(path, secrets.token_urlsafe(24).encode("ascii"))
    return path.read_text(encoding="ascii").strip()


def his_secret(settings: Settings) -> str:
    """What a HIS signs with; "" when nobody made it."""
    path = _his_secret_file(settings.data_dir)
    return settings.his_secret or (path.read_text(encoding="ascii").strip() if path.is_file() else "")


def make_his_secret(folder: Path, *, anew: bool) -> str:
    """Made once, readable for us alone. ``anew``: another one, and the one before is worth nothing any more."""
    from transcribe.store.folders import make_data_dir, make_private, write_once

    make_private(make_data_dir(folder) / "keys")
    path = _his_secret_file(folder)
    if anew:
        path.unlink(missing_ok=True)
    write_once(path, secrets.token_urlsafe(32).encode("ascii"))
    return path.read_text(encoding="ascii").strip()


def _his_secret_file(folder: Path) -> Path:
    return folder.expanduser() / "keys" / "his.key"


def own_texts_folder(folder: Path) -> Path:
    """Where the practice's own texts for the patient are, in a data folder."""
    return folder.expanduser() / "consent-texts"


def consent_texts(folder: Path) -> Texts:
    """Those for the patient: of this program, and those that the practice added."""
    return Texts(own_texts_folder(folder))


def make_web(service: Service, access: Access) -> FastAPI:
    from transcribe import __version__
    from transcribe.demo import exercises
    from transcribe.store import disk
    from transcribe.store.blobs import folder_of
    from transcribe.web.application import create_app
    from transcribe.web.watch import Watch

    settings = service.settings

    def ask_sound() -> None:
        service.ask_sound()
        if "://" not in settings.blob_store:
            disk.try_write(folder_of(settings.blob_store, settings.data_dir / "audio"))

    return create_app(
        practices=service.practice,
        practice=settings.practice,
        handovers=service.handovers,
        his_secret=his_secret(settings),
        actor=actor_of(settings) if settings.demo else STRANGER,
        accounts=service.accounts,
        provider=service.provider,
        access=access,
        demo=demo_info(service.model) if settings.demo else None,
        ui_language=settings.ui_language,
        max_upload_mb=settings.max_upload_mb,
        idle_minutes=settings.idle_minutes,
        space=service.space,
        min_free_percent=settings.min_free_percent,
        version=__version__,
        hosts=frozenset({settings.public_host} if settings.public_host else ()),
        proxy=settings.proxy,
        watched=Watch(
            vitals=service.store.vitals,
            space=service.space,
            min_free_percent=settings.min_free_percent,
            check_key=service.store.check_master_key,
            ask_sound=ask_sound,
            try_disk=lambda: disk.try_write(settings.data_dir / "spool"),
            metrics_token=settings.metrics_token,
        ),
        unverified_days=settings.unverified_days,
        recordings=exercises() if settings.demo else (),
        texts=consent_texts(settings.data_dir),
    )


def demo_info(model: Installed | None) -> DemoInfo:
    """What the demo says of itself. The figures are measured and written beside the model by ``scripts/bench.py``."""
    from transcribe.web.application import DemoInfo

    file = model.path / "figures.toml" if model else None
    figures = tomllib.loads(file.read_text(encoding="utf-8")) if file and file.is_file() else {}
    return DemoInfo(
        model=model.label if model else "",
        wer_demo=str(figures.get("wer_demo", "")),
        wer_open=str(figures.get("wer_open", "")),
    )


def listen(host: str, port: int, *, or_any: bool = False) -> socket.socket:
    """A listening socket. A busy port raises ``SetupProblem``, or becomes any free one with ``or_any``."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        if not or_any:
            found.close()
            busy = error.errno == errno.EADDRINUSE
            raise SetupProblem(
                problem=f"poort {port} is niet vrij. Loopt transcribe al? Kies anders --port."
                if busy
                else f"op {host}:{port} kan niet worden geluisterd ({error.strerror}). Controleer --host en --port."
            ) from error
        found.bind((host, 0))
    found.listen(128)
    return found


def check_host(settings: Settings) -> None:
    """Patient text never goes over a network in clear: anything but loopback needs a proxy with TLS before it."""
    try:
        loopback = ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        loopback = settings.host == "localhost"
    if not loopback and not settings.public_host:
        raise SetupProblem(
            problem=f"{settings.host} is van buiten bereikbaar, zonder versleuteling. Laat --host weg, of zet er een "
            "proxy met TLS voor en noem diens naam: TRANSCRIBE_PUBLIC_HOST."
        )


def check_mode(settings: Settings) -> None:
    """A data folder is for the demonstration or for real consults, from its first start on, never for both."""
    path = settings.data_dir / KIND
    if not path.is_file():
        return
    found = path.read_text(encoding="ascii", errors="replace")
    if found not in ("demo", "echt"):
        raise SetupProblem(problem=f"het bestand {path} is beschadigd; er hoort “demo” of “echt” in te staan.")
    if found != _kind(settings):
        raise SetupProblem(
            problem=f"de map {settings.data_dir} is van een {'demonstratie' if found == 'demo' else 'echte praktijk'}; "
            "kies een andere map met --data-dir."
        )


def mark_mode(settings: Settings) -> None:
    """From now on this folder is of one kind. Only once everything in it has started well."""
    from transcribe.store.folders import write_once

    write_once(settings.data_dir / KIND, _kind(settings).encode("ascii"))
    check_mode(settings)  # somebody else may have been first


def _kind(settings: Settings) -> str:
    return "demo" if settings.demo else "echt"


def web_config(app: FastAPI) -> uvicorn.Config:
    """No access log: addresses of pages hold consult ids."""
    import uvicorn

    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # it would believe any process of this machine about where a request comes from: web/guard.py decides that
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,  # sound does not compress, and it costs memory for each stream
    )


def serve(
    app: FastAPI,
    listener: socket.socket,
    *,
    ready: Callable[[], None] = lambda: None,
    tend: Callable[[], object] = lambda: None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    ``tend`` is called every minute: what only this process can do, because it has the recordings that are being made.
    """
    import uvicorn

    # uvicorn hands a signal on when it has shut down; without a handler of ours SIGTERM would then end the process
    # before the worker and the database are stopped
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    config = web_config(app)
    stopping = threading.Event()

    def keep() -> None:
        while not stopping.wait(TEND_S):
            try:
                tend()
            except Exception as error:  # noqa: BLE001  (whatever it is, the next round tries again)
                log.error("keeping failed (%s)", type(error).__name__)

    threading.Thread(target=keep, name="keeper", daemon=True).start()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

    try:
        Server(config).run(sockets=[listener])
    finally:
        stopping.set()
