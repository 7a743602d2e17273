"""What a flow speaks: prompts of the catalogue, the practice's own words, uploaded recordings. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of the catalogue with its values, for example `queue.position` with `number=3`."""

    key: str
    params: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """The practice's own words, by language; `{name}` or `{name:date}` puts a value in."""

    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Recording:
    """Uploaded recordings, by language: their ids."""

    ids: Mapping[str, str]


Spoken = Prompt | Words | Recording
