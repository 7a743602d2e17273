"""The people who call the demo, with their recorded voices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml

Habit = Literal["ordinary", "silent", "wrong-keys", "early", "voicemail", "impatient"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One kind of caller."""

    id: str
    language: str
    voice: str
    #: Share of the calls.
    weight: float
    habit: Habit
    #: Mean seconds of waiting before giving up (exponentially distributed).
    patience: float
    keys: tuple[str, ...]
    #: What is said: `opening`, `detail`, `thanks`, `voicemail`.
    lines: Mapping[str, str]

    def sound(self, line: str) -> bytes:
        """A line as µ-law audio."""
        return speech_folder().joinpath(f"{self.id}.{line}.ulaw").read_bytes()


def speech_folder() -> Path:
    """Where the recorded lines are."""
    return Path(str(files("careline.demo").joinpath("speech")))


@cache
def personas() -> Mapping[str, Persona]:
    """Everybody, by id."""
    raw = yaml.safe_load(files("careline.demo").joinpath("personas.yaml").read_text("utf-8"))
    return {name: Persona(id=name, **{**entry, "keys": tuple(entry["keys"])}) for name, entry in raw.items()}
