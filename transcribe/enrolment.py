"""A doctor's own voice: agreed to, made, shown, destroyed. The recording is kept nowhere."""

from __future__ import annotations

import io
from typing import BinaryIO

from transcribe import policy
from transcribe.audio.pcm import Pcm, mixed
from transcribe.consult import Action, Actor, AuditEvent
from transcribe.errors import N_, InvalidInput
from transcribe.ports import Decoder, VoiceProfiles
from transcribe.speakers.profile import MOST_S, Enrolled, profile_of
from transcribe.writer import Writer

#: What a doctor agrees to. Other words get another number: consents name it, and so does the access log.
AGREED = "1"
AGREED_TEXT = (
    N_("Van uw stem wordt een profiel gemaakt: getallen over klank en toonhoogte. Dat zijn biometrische gegevens."),
    N_(
        "Het wordt alleen gebruikt om in een opname met één microfoon te zien welke stem de uwe is, in uw eigen "
        "consulten. Niet om in te loggen, niet om u te volgen of te beoordelen."
    ),
    N_(
        "De opname zelf wordt niet bewaard. Het profiel staat versleuteld bij uw praktijk en verlaat haar niet; alleen "
        "in uw eigen reservekopieën gaat het mee."
    ),
    N_(
        "U hoeft dit niet te doen: zonder profiel werkt alles ook, en raadt het programma aan de woorden wie de "
        "huisarts is. U kunt het op elk moment verwijderen; dan wordt de sleutel vernietigd. Het verdwijnt met uw "
        "account."
    ),
)
NOT_AGREED = N_("Zonder uw akkoord met de tekst wordt geen stemprofiel gemaakt.")


class Enrolment:
    """Of one practice. Thread-safe."""

    def __init__(self, *, profiles: VoiceProfiles, decoder: Decoder, writer: Writer) -> None:
        self._profiles = profiles
        self._decoder = decoder
        self._writer = writer

    def find(self, owner: str) -> Enrolled | None:
        """Of the doctor of that name."""
        return self._profiles.find(owner)

    def enrol(self, actor: Actor, source: BinaryIO, *, agreed: str) -> Enrolled:
        """A doctor's own voice, in the place of the profile there was. ``agreed``: to which text, ``AGREED``.

        Raises ``NotAllowed`` for who is no doctor, ``InvalidInput`` without that consent, for too little speech and for
        more voices than one; ``AudioProblem``, ``StoreUnavailable``.
        """
        policy.check_may_approve(actor)
        return self._enrol(actor, actor.name, source, agreed)

    def enrol_for(self, actor: Actor, owner: str, source: BinaryIO, *, agreed: str) -> Enrolled:
        """As ``enrol``, by the owner of the machine for a doctor who agreed; the access log names both."""
        return self._enrol(actor, owner, source, agreed)

    def remove(self, actor: Actor, owner: str = "") -> bool:
        """Destroys its key. ``owner``: when it is somebody else's. False: there was none."""
        return self._profiles.remove(owner or actor.name, self._event(actor, Action.VOICE_REMOVED, owner))

    def _enrol(self, actor: Actor, owner: str, source: BinaryIO, agreed: str) -> Enrolled:
        if agreed != AGREED:
            raise InvalidInput(problem=NOT_AGREED)
        with self._decoder.decode(source, max_s=MOST_S) as decoding:
            pcm = Pcm(io.BytesIO(b"".join(mixed(decoding) if decoding.channels > 1 else decoding)), channels=1)
        profile = profile_of(lambda start_s, end_s: pcm.read(start_s, end_s, 0), pcm.duration_s)
        enrolled = Enrolled(profile=profile, agreed_at=self._writer.clock(), text=agreed)
        whom = "" if owner == actor.name else owner
        self._profiles.keep(owner, enrolled, self._event(actor, Action.VOICE_ENROLLED, whom))
        return enrolled

    def _event(self, actor: Actor, action: Action, whom: str) -> AuditEvent:
        detail = f"versie {AGREED}" if action is Action.VOICE_ENROLLED else ""
        return self._writer.event(actor, action, None, detail, whom)
