"""The prompt book as call control asks it: which files say this prompt in this language, for this tenant."""

from __future__ import annotations

from typing import Any

from careline.calls.step import Media
from careline.telephony.prompts.book import PromptBook
from careline.telephony.prompts.catalogue import catalogue


class SpokenMenu:
    """Which menu reasons the catalogue has words for."""

    def has_option(self, reason: str) -> bool:
        """Whether the catalogue speaks this menu reason."""
        return f"menu.option.{reason}" in catalogue().prompts


def media_from(book: PromptBook) -> Media:
    """A practice's own menu words are spoken as free text where the catalogue has none for them."""

    def media(tenant_id: int, language: str, key: str, **params: Any) -> tuple[str, ...]:
        if key != "menu.words":
            return book.media(language, key, tenant=tenant_id, **params)
        words = params.get(language) or params.get("en") or next(iter(v for k, v in params.items() if k != "digit"))
        spoken = book.media(language, "text", text=words)
        return (*spoken, *book.media(language, "menu.press", tenant=tenant_id, number=params["digit"]))

    return media
