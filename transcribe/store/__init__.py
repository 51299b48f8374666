"""State at rest: PostgreSQL (our own small server or yours), sealed content, encrypted sound, the access log."""
