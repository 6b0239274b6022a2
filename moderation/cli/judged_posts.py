"""Opens the review database for the commands that train on it."""

from __future__ import annotations

from moderation.ports import FeatureVersions, JudgedPosts


def read_judged_posts(database: str, platform_id: str, versions: FeatureVersions) -> JudgedPosts:
    """Return the posts of a platform with a verdict of a person.

    Raises SettingsError for an unusable database, and ConnectionLost.
    """
    from moderation.cli.flags import reviews
    from moderation.review.judged_posts import judged_posts

    with reviews(database, None) as engine:
        return judged_posts(engine, platform_id, versions)
