"""A statement of reasons of the DSA transparency database: fields, lengths and conditions of its interface.

Source: digital-services-act/transparency-database, StatementStoreRequest (2026-06).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from moderation.settings.statements import (
    AccountRestriction,
    Category,
    Ground,
    Keyword,
    Provision,
    Territory,
    Visibility,
)

ContentDate = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2038, 12, 31))]
ApplicationDate = Annotated[date, Field(ge=date(2020, 1, 1), le=date(2038, 12, 31))]
Short = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Long = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class Statement(BaseModel):
    """One statement. It has no personal data: no id, text, address or word of a person."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    puid: Annotated[str, StringConstraints(pattern="^[a-zA-Z0-9-_]{1,500}$")]
    decision_visibility: tuple[Visibility, ...] = ()
    decision_provision: Provision | None = None
    decision_account: AccountRestriction | None = None
    decision_ground: Ground
    incompatible_content_ground: Short | None = None
    incompatible_content_explanation: Long | None = None
    illegal_content_legal_ground: Short | None = None
    illegal_content_explanation: Long | None = None
    category: Category
    category_specification: tuple[Keyword, ...] = ()
    content_type: tuple[Literal["CONTENT_TYPE_TEXT"], ...] = ("CONTENT_TYPE_TEXT",)
    territorial_scope: tuple[Territory, ...] = ()
    content_date: ContentDate
    application_date: ApplicationDate
    decision_facts: Annotated[str, StringConstraints(min_length=1, max_length=5_000)]
    source_type: Literal["SOURCE_VOLUNTARY"] = "SOURCE_VOLUNTARY"
    automated_detection: Literal["Yes"] = "Yes"
    automated_decision: Literal["AUTOMATED_DECISION_NOT_AUTOMATED"] = "AUTOMATED_DECISION_NOT_AUTOMATED"

    @model_validator(mode="after")
    def _conditions(self) -> Statement:
        if not (self.decision_visibility or self.decision_provision or self.decision_account):
            raise ValueError("a statement needs a restriction of visibility, service or account")
        illegal = (self.illegal_content_legal_ground, self.illegal_content_explanation)
        incompatible = (self.incompatible_content_ground, self.incompatible_content_explanation)
        needed = illegal if self.decision_ground == "DECISION_GROUND_ILLEGAL_CONTENT" else incompatible
        if None in needed:
            raise ValueError(f"{self.decision_ground} needs its ground and its explanation")
        return self
