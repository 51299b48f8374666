"""Versions of the schema (Alembic). Run with ``transcribe.store.postgres.migrate``."""
