"""Every prompt a flow may name, with the languages it is spoken in: for the gate that flows pass first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from careline.telephony.prompts.catalogue import catalogue

#: Prompts that are put together from others or spoken by the voice. A `*` stands for anything.
_MADE = (
    "beep", "silence", "text", "recording", "greeting.line", "menu.words", "queue.wait-range", "digits", "value.*",
)  # fmt: skip


@cache
def known_prompts() -> Mapping[str, frozenset[str]]:
    """Prompt -> languages."""
    languages = frozenset(catalogue().languages)
    found = {key: frozenset(prompt.texts) for key, prompt in catalogue().prompts.items()}
    return {**found, **dict.fromkeys(_MADE, languages)}
