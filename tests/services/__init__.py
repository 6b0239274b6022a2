"""Real servers for the tests: Apache Kafka, PostgreSQL and Redis, started from nothing and gone with the test run."""
