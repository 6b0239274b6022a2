"""The page of features equals the catalogue."""

from __future__ import annotations

from pathlib import Path

from moderation.features import FEATURES
from moderation.features.__main__ import as_markdown


def test_the_page_of_features_is_the_list() -> None:
    page = Path(__file__).parents[3] / "docs" / "features.md"
    assert page.read_text(encoding="utf-8") == as_markdown()


def test_feature_names_are_unique_with_family_prefix() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    assert all(feature.name.startswith(f"{feature.family}_") for feature in FEATURES)
