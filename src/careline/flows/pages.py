"""Pages of call flows."""

from __future__ import annotations

from typing import Any

from careline.flows import editor

handlers: list[Any] = [*editor.handlers]
