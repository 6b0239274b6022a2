"""The room of the joined detector: a detector bundle and a companion that judge a text together."""
