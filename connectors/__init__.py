"""The connectors of the sidecar: Kafka, files of records, the review database, dead letters."""
