"""The review database: flags, evidence, decisions, the ledger and the outbox, on SQLite or PostgreSQL."""
