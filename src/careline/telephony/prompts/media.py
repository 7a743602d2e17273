"""The prompt book as call control asks it: which files say this prompt in this language, for this tenant."""

from __future__ import annotations

from careline.calls.step import Media
from careline.telephony.prompts.book import PromptBook
from careline.telephony.prompts.catalogue import catalogue


class SpokenMenu:
    """Which menu reasons the catalogue has words for."""

    def has_option(self, reason: str) -> bool:
        """Whether the catalogue speaks this menu reason."""
        return f"menu.option.{reason}" in catalogue().prompts


def media_from(book: PromptBook) -> Media:
    """The book itself: it never raises for a live call, and speaks a practice's own words from the second call on."""
    return book
