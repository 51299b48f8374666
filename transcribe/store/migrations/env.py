"""Alembic asks this file how to run; ``migrate`` hands over its connection, so there is one way only."""

from alembic import context

from transcribe.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
