"""``transcribe record``: recording at this machine, and the buttons of that for a foot pedal or a hotkey."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from transcribe import logs
from transcribe.errors import N_, InvalidInput, TranscribeError
from transcribe.i18n import preferred_language, translations
from transcribe.options import (
    BlobStore,
    ConsentHow,
    DatabaseUrl,
    DataDir,
    Demo,
    InformedBy,
    Name,
    OsUser,
    OthersInformed,
    Port,
    RefOrNone,
    UserRole,
)
from transcribe.origin import Client, Origin, coming_from

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from consent import Consent
    from transcribe.audio.microphone import Device
    from transcribe.settings import Settings
    from transcribe.workstation.session import Session

_ = translations(preferred_language()).gettext

#: A press that says it was longer ago was not.
OLD_S = 60.0


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What was given between ``record`` and the name of a button."""

    data_dir: Path | None
    demo: bool


def add_commands(
    cli: typer.Typer,
    friendly: Callable[[], AbstractContextManager[None]],
    out: Callable[[], Console],
    translated: Callable[[TranscribeError], str],
) -> None:
    """``friendly`` turns our errors into sentences and exit codes; ``out`` is the console."""
    record = typer.Typer(
        invoke_without_command=True,
        help=_("Neem een consult op met de microfoon van deze machine; pauzeren en stoppen kan ook van buiten af."),
    )
    cli.add_typer(record, name="record")

    @record.callback()
    def make(
        context: typer.Context,
        ref: RefOrNone = None,
        consult: Annotated[
            UUID | None, typer.Option("--consult", help=_("Ga verder met een consult dat er al is (zie zijn adres)."))
        ] = None,
        consent: ConsentHow = None,
        informed_by: InformedBy = None,
        others_informed: OthersInformed = False,
        dictation: Annotated[
            bool,
            typer.Option("--dictation", help=_("Alleen de huisarts spreekt: een dictaat, waarvan niets wegblijft.")),
        ] = False,
        device: Annotated[
            str, typer.Option("--device", help=_("Nummer of naam van de microfoon; leeg: die van het systeem."))
        ] = "",
        devices: Annotated[bool, typer.Option("--devices", help=_("Toon de microfoons van deze machine."))] = False,
        name: Name = None,
        user_role: UserRole = None,
        demo: Demo = False,
        port: Port = None,
        data_dir: DataDir = None,
        database_url: DatabaseUrl = None,
        blob_store: BlobStore = None,
        os_user: OsUser = None,
    ) -> None:
        if context.invoked_subcommand is not None:
            context.obj = _Before(data_dir=data_dir, demo=demo)
            with friendly():
                if any((ref, consult, consent, informed_by, others_informed, dictation, device, devices)):
                    raise InvalidInput(
                        problem=N_(
                            "Deze opdracht geldt voor de opname die nu loopt: patiënt, toestemming en microfoon horen "
                            "daar niet bij. Geef alleen de instellingen van deze dienst mee, zoals --data-dir."
                        )
                    )
            return
        from transcribe.audio.capture import SoundDevices
        from transcribe.settings import Settings

        with friendly():
            logs.configure(level="warning")
            if devices:
                out().print(_table(SoundDevices().devices()))
                return
            if (ref is None) == (consult is None):
                raise InvalidInput(
                    problem=N_(
                        "Noem het patiëntkenmerk (--ref) of een consult dat er al is (--consult), één van beide."
                    )
                )
            settings = Settings.from_env(
                user_name=name,
                user_role=user_role,
                demo=demo or None,
                port=port,
                data_dir=data_dir,
                database_url=database_url,
                blob_store=blob_store,
                os_user=os_user,
            )

            def given() -> Consent:
                from transcribe.run import consent_given

                return consent_given(consent, informed_by, others_informed=others_informed)

            with coming_from(Origin(client=Client.WORKSTATION)):
                _record(settings, ref, consult, given, device, out(), translated, dictation=dictation)

    def button(order: str, help_text: str) -> None:
        @record.command(order, help=help_text)
        def press(context: typer.Context, data_dir: DataDir = None, demo: Demo = False) -> None:
            from transcribe.audio.microphone import clock_s
            from transcribe.settings import Settings
            from transcribe.workstation.screen import clock
            from transcribe.workstation.switch import ask

            before: _Before = context.obj
            with friendly():
                settings = Settings.from_env(data_dir=data_dir or before.data_dir, demo=demo or before.demo or None)
                state, seconds = ask(settings.data_dir, f"{order} {clock_s():.3f}").rsplit(" ", 1)
                out().print(f"{_(state)} ({clock(float(seconds))})", markup=False)

    button("pause", _("Pauzeer de opname die op deze machine loopt."))
    button("resume", _("Hervat de opname."))
    button("toggle", _("Pauzeer of hervat: voor een voetpedaal."))
    button("aside", _("Begin of eindig “buiten verslag”: wat u zegt wordt niet opgenomen."))
    button("stop", _("Stop de opname en rond haar af."))
    button("status", _("Hoe staat de opname ervoor?"))


def _table(devices: list[Device]) -> Table:
    from rich.table import Table

    table = Table(_("nummer"), _("microfoon"), _("kanalen"), _("standaard"))
    for one in devices:
        table.add_row(str(one.index), one.name, str(one.channels), "✓" if one.default else "")
    return table


def _record(
    settings: Settings,
    ref: str | None,
    consult_id: UUID | None,
    given: Callable[[], Consent],
    device: str,
    out: Console,
    translated: Callable[[TranscribeError], str],
    *,
    dictation: bool,
) -> None:
    from transcribe.app import actor_of, open_service
    from transcribe.audio.capture import SoundDevices
    from transcribe.policy import LIKE_BSN, like_bsn
    from transcribe.recorder import NothingRecorded
    from transcribe.serving import address_of
    from transcribe.store.folders import make_data_dir
    from transcribe.workstation.begin import NothingHere, begun
    from transcribe.workstation.screen import clock, keys, shown
    from transcribe.workstation.session import Session
    from transcribe.workstation.switch import Switch

    actor = actor_of(settings)
    if ref is not None and not ref.strip():
        raise InvalidInput(problem=N_("Vul een patiëntkenmerk in, bijvoorbeeld het nummer uit uw HIS."))
    if ref is not None and like_bsn(ref):
        out.print(_(LIKE_BSN))
    microphone = SoundDevices()
    microphone.open(device).close()  # before there is anything to record: what is wrong with it is said now
    switch = Switch(make_data_dir(settings.data_dir))
    try:
        with open_service(settings) as service:
            consult, ours = begun(
                service.workflow,
                service.recorder,
                actor,
                ref=ref,
                consult_id=consult_id,
                given=given,
                dictation=dictation,
            )
            if ref is not None and not ours:
                began = consult.created_at.astimezone().strftime("%d-%m-%Y %H:%M")
                out.print(
                    _("Van deze patiënt liep nog een opname, begonnen op {when}: die gaat verder.").format(when=began)
                )
            page = f"{address_of(settings, port=settings.port)}/consult/{consult.id}"
            out.print(_("Consult: {page}").format(page=page), markup=False, soft_wrap=True)
            session = Session(
                recorder=service.recorder,
                look=service.workflow.consult,
                microphone=microphone,
                actor=actor,
                consult=consult,
                device=device,
                revive=service.revive,
                tick=lambda: switch.answer(lambda question: _reply(session, question)),
            )
            try:
                with _signals(session), keys(session.order), shown(out, lambda: session.standing, _, translated):
                    done = session.run()
            except NothingRecorded:
                if ours:
                    with suppress(TranscribeError):
                        service.workflow.discard(actor, consult.id)
                    raise NothingHere from None
                raise
            out.print(
                _("Opgenomen: {time}. Het concept komt op {page} (de dienst moet lopen: transcribe serve).").format(
                    time=clock(done.audio_s or 0.0), page=page
                ),
                markup=False,
                soft_wrap=True,
            )
    finally:
        switch.close()


def _reply(session: Session, question: str) -> str:
    """To one of the buttons, with the moment at which it was pressed: the state, and how much is safe."""
    from transcribe.audio.microphone import clock_s
    from transcribe.workstation.session import Order

    order, _blank, pressed = question.partition(" ")
    now_s = clock_s()
    if order in set(Order):
        with suppress(ValueError):
            at_s = float(pressed)
            session.press(Order(order), at_s if now_s - OLD_S < at_s < now_s else now_s)
    return f"{session.standing.state.value} {session.standing.safe_s:.1f}"


@contextmanager
def _signals(session: Session) -> Iterator[None]:
    """For whatever can send one: SIGINT, SIGTERM and SIGHUP stop, SIGUSR1 pauses or resumes, SIGUSR2 is an aside."""
    from transcribe.workstation.session import Order

    wanted = {
        "SIGINT": Order.STOP,
        "SIGTERM": Order.STOP,
        "SIGHUP": Order.STOP,
        "SIGUSR1": Order.TOGGLE,
        "SIGUSR2": Order.ASIDE,
    }
    orders = {getattr(signal, name): order for name, order in wanted.items() if hasattr(signal, name)}
    before = {
        number: signal.signal(number, lambda found, _frame: session.order(orders[signal.Signals(found)]))
        for number in orders
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
