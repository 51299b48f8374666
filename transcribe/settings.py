"""Every setting, once, with its meaning. Read from ``TRANSCRIBE_*`` variables and command options."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from transcribe.consult import OFFICE, Role


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Everything the service keeps: database cluster, audio, keys, models.
    data_dir: Path
    #: A PostgreSQL server of your own; empty starts the embedded one under ``data_dir``.
    database_url: str = ""
    #: Where sound is kept: empty is ``audio`` in ``data_dir``; else a folder, or ``s3://bucket/prefix`` on any
    #: S3-compatible server (its address, keys and region: ``AWS_...`` variables, see ``store/objects.py``).
    blob_store: str = ""
    #: Account that runs the embedded PostgreSQL when we are started as root (PostgreSQL refuses root).
    os_user: str = ""
    #: Where the PostgreSQL programs are; empty looks in the bundled wheel, Debian's folders and PATH.
    postgres_bin: str = ""
    #: Master key: "file" (under data_dir/keys, 0600), "keyring", "env" (TRANSCRIBE_MASTER_KEY, base64 of 32 bytes), or
    #: "vault": sealed by the transit engine of a Vault or OpenBao (docs/keys.md).
    master_key: Literal["file", "keyring", "env", "vault"] = "file"
    #: Address of the Vault, without /v1; its host must be among ``allowed_hosts``.
    vault_url: str = ""
    #: Name of the key in its transit engine, and where that engine is mounted.
    vault_key: str = "transcribe"
    vault_mount: str = "transit"
    vault_namespace: str = ""
    #: File with the token, 0600.
    vault_token_file: str = ""
    #: Demo mode: the demo model may be used, and every screen says so.
    demo: bool = False
    #: Name of the speech model (``transcribe models list``); empty takes the one that is installed.
    model: str = ""
    #: "cpu", "cuda" or "auto".
    device: str = "auto"
    #: What writes the draft: rules, a language model in this process, or one on a server (docs/language-models.md).
    drafter: Literal["extractief", "lokaal", "server"] = "extractief"
    #: Folder of the local model, or the model's name on the server.
    llm_model: str = ""
    #: Address of an OpenAI-compatible server, up to and including /v1; its host must be among ``allowed_hosts``.
    llm_url: str = ""
    llm_key: str = Field(default="", repr=False)
    #: Tokens of question and answer together.
    llm_context: int = Field(default=16_384, ge=6_000)
    llm_bits: Literal["16", "8", "4"] = "16"
    #: What happens to a line without a source: marked, or put aside.
    llm_unsupported: Literal["mark", "drop"] = "mark"
    #: Hosts that may be sent to, with commas; empty: nothing leaves.
    allowed_hosts: str = ""
    #: Offer ICPC codes to choose from at the S and E of a report.
    icpc: bool = False
    #: Begin each note with what was recorded of the consent ("Pat. akkoord met opname voor verslaglegging.").
    consent_line: bool = False
    #: Language of the consult, fixed: never guessed.
    language: str = "nl"
    #: Language of the screens and of the command line.
    ui_language: Literal["nl", "en"] = "nl"
    #: The web server listens on loopback only, unless a reverse proxy with TLS stands before it.
    host: str = "127.0.0.1"
    port: int = Field(default=8600, ge=0, le=65535)
    #: The name under which a reverse proxy with TLS makes us known; needed to listen on anything but loopback.
    public_host: str = ""
    #: IP address from which that proxy reaches us, when it is on another machine: it alone is believed about where a
    #: request comes from (the last of X-Forwarded-For). Empty: a proxy on this machine.
    proxy: str = ""
    #: Whose name stands in approvals and in the access log when a command acts (``run``, ``record``). People at the
    #: screens have accounts.
    user_name: str = ""
    user_role: Role = Role.HUISARTS
    #: Name of this practice where several share a database: none sees consults of another, and they take turns.
    practice: str = Field(default="", pattern=r"^[\w .-]{0,60}$")
    #: What a worker must have to transcribe: "" anything, "gpu", or the name of a model.
    asr_on: str = Field(default="", pattern=r"^[\w.-]{0,60}$")
    #: A consult that nobody verifies is erased after so many days without a change, and never less than three days
    #: after the warning.
    unverified_days: int = Field(default=14, ge=1)
    #: Rows of the access log may be removed after so many years (``transcribe log prune``): the law keeps them for at
    #: least five, and for no longer than the record itself, which is twenty.
    log_years: int = Field(default=20, ge=5, le=20)
    #: With less than this part of the disk free no new recording is begun.
    min_free_percent: float = Field(default=5.0, ge=0, le=90)
    #: A worker that gave no sign of life for so long loses its work to another, in seconds.
    stale_s: float = Field(default=15.0, ge=1)
    #: Longest recording that is made here, in minutes.
    max_minutes: int = Field(default=120, ge=1)
    #: Longest recording that is brought in as a file: it takes time and disk, and no more memory than a short one.
    max_file_minutes: int = Field(default=240, ge=1)
    #: Largest file that is accepted, in megabytes.
    max_upload_mb: int = Field(default=4096, ge=1)
    #: Lock the screen after so many minutes without a request.
    idle_minutes: int = Field(default=30, ge=1)
    #: "text" for people, "json" for a log collector.
    log_format: Literal["text", "json"] = "text"
    #: "info" tells what the service does, "warning" only what goes wrong.
    log_level: Literal["info", "warning"] = "info"
    #: What a monitoring system on another machine shows to read ``/metrics`` (Bearer); empty: this machine only.
    metrics_token: str = Field(default="", repr=False, pattern=r"^(\S{20,})?$")

    #: A provider at which people log in (docs/accounts.md): its issuer, https://...; empty: passwords and codes alone.
    #: Its hosts must be among ``allowed_hosts``.
    oidc_issuer: str = ""
    #: As people call it, on the button: Dezi, ZORG-ID.
    oidc_name: str = Field(default="", max_length=40)
    oidc_client_id: str = ""
    oidc_client_secret: str = Field(default="", repr=False)
    oidc_scope: str = "openid"
    #: Which claims say what: "standaard" (sub, acr) or "dezi" (dezi_nummer, loa_dezi, rol_code, abonnee_nummer).
    oidc_claims: Literal["standaard", "dezi"] = "standaard"
    #: Another claim for the number, the level, the role code or the practice than those.
    oidc_claim_person: str = ""
    oidc_claim_level: str = ""
    oidc_claim_role: str = ""
    oidc_claim_practice: str = ""
    #: The level that is asked for, as the provider writes it (http://eidas.europa.eu/LoA/high).
    oidc_level: str = ""
    #: What the claim of the practice must be: the URA.
    oidc_practice: str = ""
    #: A file (PEM) with our private key, for a provider that encrypts what it says.
    oidc_key_file: Path | None = None

    #: What a HIS signs with when it opens a consult (docs/his-link.md); empty: what ``transcribe his-secret`` made.
    his_secret: str = Field(default="", repr=False, pattern=r"^(\S{32,})?$")

    @field_validator("proxy")
    @classmethod
    def _one_address(cls, proxy: str) -> str:
        return str(ipaddress.ip_address(proxy)) if proxy else ""

    @field_validator("user_role")
    @classmethod
    def _a_person(cls, role: Role) -> Role:
        if role is Role.SYSTEEM or role in OFFICE:
            raise ValueError("a command that acts is for people who see patients")
        return role

    @classmethod
    def from_env(cls, **given: object) -> Settings:
        """Options that were given go before ``TRANSCRIBE_*`` variables, those before the defaults."""
        values: dict[str, object] = {}
        for name in cls.model_fields:
            variable = os.environ.get(f"TRANSCRIBE_{name.upper()}")
            # TRANSCRIBE_MASTER_KEY carries the key itself when the provider is "env"
            if name == "master_key":
                variable = os.environ.get("TRANSCRIBE_MASTER_KEY_FROM")
            if variable:
                values[name] = variable
        values.update({name: value for name, value in given.items() if value is not None})
        if "data_dir" not in values:
            demo = cls.model_validate({**values, "data_dir": Path()}).demo  # "0" and "false" are no
            values["data_dir"] = default_data_dir(demo=demo)
        return cls.model_validate(values)


def default_data_dir(*, demo: bool) -> Path:
    """The data folder of this machine: the user's own, or the system's when we are root."""
    name = "transcribe-demo" if demo else "transcribe"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib") / name
    import platformdirs

    return Path(platformdirs.user_data_dir(name, appauthor=False))
