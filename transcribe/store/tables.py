"""The tables, as the newest migration leaves them (a test compares).

No clinical text and no patient reference in clear, in any column: ``patient_sealed`` and ``content.blob`` are sealed
with a data key of the consult, and a data key is there only wrapped by the master key. ``patient_pseudonym`` is keyed
and stays after erasure: without it a patient could not ask who saw what (NEN 7513).

Row-level security holds practices apart (``tenancy``): a new table gets its policy in the migration that makes it, or
a test fails.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData()

consult = Table(
    "consult",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("patient_sealed", LargeBinary),  # with the RECORD key; null when that is destroyed
    Column("patient_pseudonym", LargeBinary),  # HMAC of the reference
    Column("status", Text, nullable=False),
    Column("part", Text, nullable=False),  # of the worklist; follows from status and reason
    Column("reason", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("version", Integer, nullable=False),
    Column("channels", ARRAY(Text), nullable=False),
    Column("upload", Text, nullable=False),
    Column("audio_s", Float),
    Column("missing_s", Float, nullable=False),
    Column("progress_s", Float, nullable=False),
    Column("stumbles", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("lost_s", Float, nullable=False),
    Column("lane", Text, nullable=False),
    Column("practice", Text, nullable=False),
    Column("contact_kind", Text),
    Column("contact_began", DateTime(timezone=True)),
    Column("contact_ended", DateTime(timezone=True)),
    Column("contact_tariff", Text),  # that the doctor chose
    Column("contact_day", Date),
    Column("waits_for", Text, nullable=False, server_default=""),  # names of staff
    Column("passed_by", Text, nullable=False, server_default=""),
    Column("exercise", Boolean, nullable=False),
    Column("readers", ARRAY(Text), nullable=False, server_default="{}"),  # names of staff
    # each practice reads its own part of an index
    Index("consult_newest", "practice", "created_at", "id"),
    Index("consult_part", "practice", "part", "created_at", "id"),
    Index("consult_status", "status"),
    Index("consult_patient", "patient_pseudonym"),
    Index("consult_waits", "practice", "waits_for", "created_at", "id", postgresql_where=text("waits_for <> ''")),
)


def _consult_id() -> Column[object]:
    return Column("consult_id", Uuid, ForeignKey("consult.id"), nullable=False, index=True)


def _seq() -> Column[int]:
    """The order in which rows were added."""
    return Column("seq", BigInteger, Identity(always=True), primary_key=True)


#: One row: which installation this database is, when its keeper last came by, when a place of the sound got its mark.
installation = Table(
    "installation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tended_at", DateTime(timezone=True)),
    Column("marked_at", DateTime(timezone=True)),
)

# One row: the fingerprint of the master key. All that it wraps points here, so that nothing is left of another one.
master_key = Table(
    "master_key",
    metadata,
    Column("one", Boolean, CheckConstraint("one"), primary_key=True, server_default=true()),
    Column("id", Text, nullable=False, unique=True),
)


def _master() -> Column[str]:
    """Fingerprint of the master key that wrapped it."""
    points = ForeignKey("master_key.id", deferrable=True, initially="IMMEDIATE")
    return Column("master", Text, points, nullable=False)


data_key = Table(
    "data_key",
    metadata,
    Column("consult_id", Uuid, ForeignKey("consult.id"), primary_key=True),
    Column("purpose", Text, primary_key=True),
    _master(),
    Column("wrapped", LargeBinary, nullable=False),
    Index("data_key_master", "master"),
)

# Keys that a rotation of the master key does not change, see lasting.py.
lasting_key = Table(
    "lasting_key",
    metadata,
    Column("name", Text, primary_key=True),
    _master(),
    Column("wrapped", LargeBinary, nullable=False),
)

content = Table(
    "content",
    metadata,
    Column("consult_id", Uuid, ForeignKey("consult.id"), primary_key=True),
    # "transcript", "note", "video", "typing": what is not saved yet, "message": to whom the draft waits for
    Column("kind", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("purpose", Text, nullable=False),  # of the key it is sealed with
    Column("blob", LargeBinary),  # null: its key was destroyed
)

consent = Table(
    "consent",
    metadata,
    _seq(),
    Column("id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    _consult_id(),
    Column("document", JSONB, nullable=False),
    UniqueConstraint("id", "version"),
)

approval = Table(
    "approval",
    metadata,
    _seq(),
    Column("id", Uuid, nullable=False, unique=True),
    _consult_id(),
    Column("note_version", Integer, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("approved_at", DateTime(timezone=True), nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    _seq(),
    Column("id", Uuid, nullable=False, unique=True),
    _consult_id(),
    Column("approval_id", Uuid, ForeignKey("approval.id"), nullable=False),
    Column("part", Text, nullable=False),
    Column("delivered_by", Text, nullable=False),
    Column("delivered_at", DateTime(timezone=True), nullable=False),
)

certificate = Table(
    "certificate",
    metadata,
    _seq(),
    Column("id", Uuid, nullable=False, unique=True),
    _consult_id(),
    Column("purpose", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("destroyed_at", DateTime(timezone=True), nullable=False),
)

# A row for each certificate whose files, and copies of the key, are gone too.
clearance = Table(
    "clearance",
    metadata,
    Column("certificate_id", Uuid, ForeignKey("certificate.id"), primary_key=True),
    Column("cleared_at", DateTime(timezone=True), nullable=False),
)

# Finished pieces of a transcription that is not finished, sealed with the SOURCE key. They go with that key, or when
# the transcript is there.
piece = Table(
    "piece",
    metadata,
    Column("consult_id", Uuid, ForeignKey("consult.id"), primary_key=True),
    Column("upload", Text, primary_key=True),  # of which recording
    Column("name", Text, primary_key=True),  # "decoded", or channel and start of a window
    Column("blob", LargeBinary, nullable=False),
)

# Whose turn it is in a lane; see jobs.py. "*": the turn that is being served.
turn = Table(
    "turn",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("practice", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

# Worker processes; the id is in the name of all their database sessions.
worker = Table(
    "worker",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("lane", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("queues", ARRAY(Text), nullable=False),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("beat_at", DateTime(timezone=True), nullable=False),  # the database's clock, not the worker's
)

# Browsers that are logged in; here, so that a restart asks nobody to log in again.
session = Table(
    "session",
    metadata,
    Column("digest", LargeBinary, primary_key=True),  # SHA-256 of the session id
    Column("token", Text, nullable=False),  # against forged requests
    Column("last_seen", DateTime(timezone=True), nullable=False),
    Column("heard", ARRAY(Uuid), nullable=False, server_default="{}"),  # whose listening is in the access log already
    Column("began", DateTime(timezone=True), nullable=False),
    Column("stage", Text, nullable=False),
    Column("account_id", Uuid),
    Column("epoch", Integer, nullable=False),
    Column("recording", Uuid),  # the consult of which sound last came from it, and when
    Column("sounded", DateTime(timezone=True)),
    Index("session_last_seen", "last_seen"),
    Index("session_account", "account_id"),
)

# A practice as people call it.
practice = Table(
    "practice",
    metadata,
    Column("name", Text, primary_key=True),
    Column("title", Text, nullable=False),
)

# Who may log in. The secret of the second step is sealed with a lasting key; of what is as long and as random as a
# key a SHA-256 is kept, of a password an argon2id hash.
account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("practice", Text, nullable=False),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),  # drafts wait for a person by name
    Column("role", Text, nullable=False),
    Column("manages", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("since", DateTime(timezone=True)),
    Column("password", Text, nullable=False),
    Column("secret", LargeBinary),
    Column("last_step", BigInteger, nullable=False),
    Column("recovery", ARRAY(LargeBinary), nullable=False),
    Column("invitation", LargeBinary, unique=True),
    Column("invited_until", DateTime(timezone=True)),
    Column("elsewhere", Text, unique=True),
    UniqueConstraint("practice", "name_key"),
)

# Tries to log in, by a hash of whose or from where.
login_try = Table(
    "login_try",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("last", DateTime(timezone=True), nullable=False),
    Column("closed_until", DateTime(timezone=True)),
)

# Patient references that a HIS handed over, for some minutes; sealed with a secret that only the browser has.
handover = Table(
    "handover",
    metadata,
    Column("signature", LargeBinary, primary_key=True),  # SHA-256 of the HIS's: each is taken in once
    Column("handle", LargeBinary, nullable=False, unique=True),  # SHA-256 of the browser's secret
    Column("sealed", LargeBinary),  # null: it was taken
    Column("until", DateTime(timezone=True), nullable=False),
)

# Places outside the database where a copy of the wrapped data keys lives, see key_copies.py.
key_copy = Table(
    "key_copy",
    metadata,
    Column("id", Uuid, primary_key=True),  # as in the label of the file: two disks may have the same path
    Column("path", Text, nullable=False),
    Column("log_seq", BigInteger, nullable=False),  # newest row of the access log that its writer saw
    Column("certificates", BigInteger, nullable=False),  # how many its writer saw
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("missed_at", DateTime(timezone=True)),  # since when it could not be found
    Column("ours", Boolean, nullable=False),  # false: known from before a restore
)

# What a practice and its doctors set. Nothing of it is about a patient: rules hold words of our own tables, or
# what a doctor typed as a rule.
style = Table(
    "style",
    metadata,
    Column("practice", Text, primary_key=True),
    Column("abbreviations", Boolean, nullable=False),
    Column("line_words", Integer, nullable=False),
    Column("line_order", Text, nullable=False),
)

style_rule = Table(
    "style_rule",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("practice", Text, nullable=False),
    Column("owner", Text, nullable=False),  # the doctor
    Column("said", Text, nullable=False),
    Column("written", Text, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("seen", Integer, nullable=False),  # consults in which the doctor made this change
    UniqueConstraint("practice", "owner", "said", "written"),
)

# A change of words that a doctor made, as keyed hashes: what one consult alone says is not for this table to tell.
style_glimpse = Table(
    "style_glimpse",
    metadata,
    Column("practice", Text, primary_key=True),
    Column("words", LargeBinary, primary_key=True),
    Column("consult", LargeBinary, nullable=False),  # the last one; a change is counted once for each
)

# Names and words that the recogniser should know; those without an owner are the whole practice's.
own_word = Table(
    "own_word",
    metadata,
    Column("practice", Text, primary_key=True),
    Column("owner", Text, primary_key=True),
    Column("word", Text, primary_key=True),
)

# The ICPC table that a practice took in under its own licence.
icpc_code = Table(
    "icpc_code",
    metadata,
    Column("practice", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("title", Text, nullable=False),
)

# Applications for video consults: those of the practice, and the one of "alles in orde" ("": none).
video_preset = Table(
    "video_preset",
    metadata,
    Column("practice", Text, primary_key=True),
    Column("apps", ARRAY(Text), nullable=False),
    Column("app", Text, nullable=False),
)

# Voices of doctors who agreed to that. Each is sealed with a key of its own (``lasting.voice_key``).
voice_profile = Table(
    "voice_profile",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("practice", Text, nullable=False),
    Column("owner", Text, nullable=False),  # the doctor
    Column("sealed", LargeBinary),  # null: its key was destroyed
    Column("removed_seq", BigInteger),  # row of the access log by which; copies of the keys of before may still have it
    Index("voice_profile_owner", "practice", "owner", unique=True, postgresql_where=text("removed_seq IS NULL")),
)

# What finished steps cost; says nothing of which consult.
measurement = Table(
    "measurement",
    metadata,
    _seq(),
    Column("at", DateTime(timezone=True), nullable=False, index=True),
    Column("stage", Text, nullable=False),
    Column("audio_s", Float, nullable=False),
    Column("work_s", Float, nullable=False),
)

# What a person did to a draft before signing it, as counts. Says nothing of which consult.
ledger = Table(
    "ledger",
    metadata,
    _seq(),
    Column("day", Date, nullable=False, index=True),
    Column("practice", Text, nullable=False),
    Column("drafter", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("document", JSONB, nullable=False),  # the counts
)

access_log = Table(
    "access_log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3, ... without a gap
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("consult_id", Uuid),  # no foreign key: also what was asked in vain is logged
    Column("detail", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),  # SHA-256 over the hash before and this row
    Column("practice", Text),  # that acted, or whose consult the system was at; null: of before, or of no practice
    Column("version", SmallInteger, nullable=False),  # of that hash: which columns it covers
    Column("whom", Text, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("responsible", Text, nullable=False),
    Column("allowed_by", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("source", Uuid),  # the installation that wrote it
    Column("patient", LargeBinary),  # pseudonym
    Column("consent_id", Uuid),
    Column("consent_version", Integer),
    Index("access_log_at", "at", "seq"),
    Index("access_log_actor", "actor", "at", "seq"),
    Index("access_log_practice", "practice", "actor"),
    Index("access_log_action", "action", "at", "seq"),
    Index("access_log_consult_id", "consult_id", "at", "seq"),
    Index("access_log_patient", "patient", "at", "seq"),
)

# Where the log begins since old rows were removed: the last of those, under a seal made with the master key.
access_log_start = Table(
    "access_log_start",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    Column("before", DateTime(timezone=True), nullable=False),  # all rows of then and later were kept
    Column("at", DateTime(timezone=True), nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

#: Rows can be added and never changed or removed; a trigger holds it.
APPEND_ONLY = (consent, approval, delivery, certificate, clearance, access_log, access_log_start)
