"""Reads records in event-time order, judges them in batches and commits each batch in one transaction."""
