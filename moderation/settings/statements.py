"""The section of the statements of reasons: what is the same in every statement of a platform."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from moderation.settings.sections import Section

Ground = Literal["DECISION_GROUND_INCOMPATIBLE_CONTENT", "DECISION_GROUND_ILLEGAL_CONTENT"]
Category = Literal[
    "STATEMENT_CATEGORY_ANIMAL_WELFARE",
    "STATEMENT_CATEGORY_CONSUMER_INFORMATION",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE",
    "STATEMENT_CATEGORY_CYBER_VIOLENCE_AGAINST_WOMEN",
    "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS",
    "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
    "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS",
    "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
    "STATEMENT_CATEGORY_NOT_SPECIFIED_NOTICE",
    "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
    "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
    "STATEMENT_CATEGORY_RISK_FOR_PUBLIC_SECURITY",
    "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    "STATEMENT_CATEGORY_SELF_HARM",
    "STATEMENT_CATEGORY_UNSAFE_AND_PROHIBITED_PRODUCTS",
    "STATEMENT_CATEGORY_VIOLENCE",
]
Keyword = Literal[
    "KEYWORD_INAUTHENTIC_ACCOUNTS",
    "KEYWORD_INAUTHENTIC_USER_REVIEWS",
    "KEYWORD_MISINFORMATION_DISINFORMATION",
    "KEYWORD_IMPERSONATION_ACCOUNT_HIJACKING",
    "KEYWORD_COORDINATED_HARM",
    "KEYWORD_PHISHING",
]
Visibility = Literal[
    "DECISION_VISIBILITY_CONTENT_REMOVED",
    "DECISION_VISIBILITY_CONTENT_DISABLED",
    "DECISION_VISIBILITY_CONTENT_DEMOTED",
    "DECISION_VISIBILITY_CONTENT_AGE_RESTRICTED",
    "DECISION_VISIBILITY_CONTENT_INTERACTION_RESTRICTED",
    "DECISION_VISIBILITY_CONTENT_LABELLED",
]
Provision = Literal[
    "DECISION_PROVISION_PARTIAL_SUSPENSION",
    "DECISION_PROVISION_TOTAL_SUSPENSION",
    "DECISION_PROVISION_PARTIAL_TERMINATION",
    "DECISION_PROVISION_TOTAL_TERMINATION",
]
AccountRestriction = Literal["DECISION_ACCOUNT_SUSPENDED", "DECISION_ACCOUNT_TERMINATED"]
# fmt: off
Territory = Literal[
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS",
    "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
]
# fmt: on


class StatementSettings(Section):
    """Statements of reasons for the DSA transparency database."""

    ground_text: str = Field(
        "",
        max_length=500,
        description="rule of your terms, or law, that confirmed accounts break; empty: no statements are built",
    )
    explanation: str = Field("", max_length=2_000, description="why such accounts break it")
    decision_ground: Ground = Field("DECISION_GROUND_INCOMPATIBLE_CONTENT", description="terms of service, or law")
    category: Category = Field("STATEMENT_CATEGORY_OTHER_VIOLATION_TC", description="category of the statement")
    keywords: tuple[Keyword, ...] = Field(
        ("KEYWORD_INAUTHENTIC_ACCOUNTS",), description="keywords of the statement (category_specification)"
    )
    visibility: tuple[Visibility, ...] = Field((), description="what your platform does with the content")
    provision: Provision | None = Field(None, description="what it does with the service")
    account: AccountRestriction | None = Field(None, description="what it does with the account")
    territorial_scope: tuple[Territory, ...] = Field((), description="countries where this applies")

    @model_validator(mode="after")
    def _complete(self) -> StatementSettings:
        if not self.ground_text:
            return self
        if not self.explanation:
            raise ValueError("statements.explanation is missing; write why confirmed accounts break the rule")
        if not (self.visibility or self.provision or self.account):
            raise ValueError("a statement needs at least one of statements.visibility, provision and account")
        return self
