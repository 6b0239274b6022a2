"""Real servers for the tests: a Kafka broker and a PostgreSQL, started for one run and gone with it."""
