"""The demo's three virtual patients, each with a known course."""

from __future__ import annotations

from analytics.compute.stories_bevacizumab import PROGRESSION_ON_BEVACIZUMAB
from analytics.compute.stories_pseudoprogression import PSEUDOPROGRESSION
from analytics.compute.stories_response import RESPONSE
from analytics.compute.stories_shape import Specimen, Story, StoryEvent, StoryVisit

__all__ = ["STORIES", "Specimen", "Story", "StoryEvent", "StoryVisit", "story_of"]

STORIES: tuple[Story, ...] = (RESPONSE, PSEUDOPROGRESSION, PROGRESSION_ON_BEVACIZUMAB)
"""In the order in which the demo shows them."""


def story_of(key: str) -> Story:
    """Return the story of a patient key; KeyError for another key."""
    return {story.key: story for story in STORIES}[key]
