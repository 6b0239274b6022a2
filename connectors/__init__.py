"""The edges of the sidecar: Kafka, JSON-lines files, the review database, dead letters."""
