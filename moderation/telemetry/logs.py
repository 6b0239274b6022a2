"""Log lines on standard error, as JSON for machines or as text for people."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from moderation.text.terminal import visible, visible_lines


class JsonLines(logging.Formatter):
    """One JSON object per log line: time, level, where from, message and any fields of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


class PlainLines(logging.Formatter):
    """One readable line per record with its fields, and its traceback below; nothing in it acts on a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """Return the line with the record's fields as `name=value`; line feeds in a message are escaped."""
        fields: dict[str, object] = getattr(record, "fields", {})
        return visible(
            " ".join([super().formatMessage(record), *(f"{name}={value}" for name, value in fields.items())])
        )

    def format(self, record: logging.LogRecord) -> str:
        """The line and its traceback."""
        return visible_lines(super().format(record))


def set_up_logging(form: Literal["json", "text"], level: int = logging.INFO) -> None:
    """Send log lines to standard error. The broker client's own chatter is let through from warnings upwards."""
    handler = logging.StreamHandler(sys.stderr)
    text = PlainLines("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("moderation", "connectors"):
        logging.getLogger(name).setLevel(level)
