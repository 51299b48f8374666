"""Alembic asks this file how to run; ``migrate`` hands over its connection, so there is one way only."""

from alembic import context

from transcribe.store.tables import metadata


def ours(name: str | None, kind: str, _: object) -> bool:
    """Tables of the queue are its library's; see migration 0002."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, include_name=ours)
with context.begin_transaction():
    context.run_migrations()
