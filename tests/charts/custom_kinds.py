"""Forms of the kinds of other projects: KEDA and the Prometheus operator. Their import takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.prometheus_operator.v1 import PrometheusRule, ServiceMonitor
from pydantic import BaseModel, ValidationError

from tests.charts.rendering import Refused

FORMS: dict[str, type[BaseModel]] = {
    "ScaledObject": ScaledObject,
    "ServiceMonitor": ServiceMonitor,
    "PrometheusRule": PrometheusRule,
}


def validate_custom(manifest: Mapping[str, Any]) -> None:
    """Raise Refused where an object has values of another type, or names that its kind does not have."""
    kind = manifest["kind"]
    try:
        found = FORMS[kind].model_validate(manifest)
    except ValidationError as error:
        raise Refused(f"{kind}: {error}") from None
    known = found.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if known != manifest:
        raise Refused(f"{kind} has names that are unknown: of {manifest}, {known} is known")
