"""The review database: flags, evidence, people's decisions, the ledger and the outbox, on SQLite or PostgreSQL."""
