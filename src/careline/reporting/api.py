"""The public API of the board."""

from __future__ import annotations

from typing import Any

from litestar import Controller, get

from careline.reporting.views import BoardSnapshot, Health
from careline.security.actor import Actor


class BoardController(Controller):
    """The floor and today's figures."""

    path = "/api/v1/board"
    tags = ["Board"]  # noqa: RUF012 (Litestar reads it from the class)

    @get("/", operation_id="getBoard", summary="Queues, calls, agents and today's figures")
    async def board(self, services: Any, actor: Actor) -> BoardSnapshot:
        """Each percentage is of the variant that the answer names."""
        snapshot: BoardSnapshot = await services.board.read(actor)
        return snapshot

    @get("/health", operation_id="getHealth", summary="Whether calls can be taken just now")
    async def health(self, services: Any, actor: Actor) -> Health:
        """Each part of the installation and how it is, in plain words."""
        health: Health = await services.board.health(actor)
        return health


handlers: list[Any] = [BoardController]
