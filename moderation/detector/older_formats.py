"""Manifests of older formats, read as if this version had written them."""

from __future__ import annotations

from typing import Any


def in_current_format(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of a manifest of any format up to the current one in the terms of the current one.

    Format 1 has one calibration, which serves every precision, in bands that each begin where the one before ends, the
    last of them for all that is longer. What it lacks altogether (pooling, least_tokens) has defaults that mean what it
    did. Raises LookupError, TypeError or AttributeError for a calibration or precisions of another shape.
    """
    if int(content["format_version"]) > 1:
        return content
    begin = 0
    bands = []
    for band in content["calibration"]["bands"]:
        bands.append({**band, "over_tokens": begin})
        begin = band["up_to_tokens"] or begin
    bands[-1]["up_to_tokens"] = None
    calibration = {**content["calibration"], "bands": bands}
    precisions = {kind: {**entry, "calibration": calibration} for kind, entry in content["precisions"].items()}
    return {**{name: value for name, value in content.items() if name != "calibration"}, "precisions": precisions}
