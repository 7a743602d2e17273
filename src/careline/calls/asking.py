"""Carries out what calls ask outside of the floor: one task an ask, ended when its call goes on without it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from careline.calls.asks import Answer, Ask, Asker
from careline.calls.outcome import Outcome

log = logging.getLogger(__name__)


class Asking:
    """The asks under way."""

    def __init__(self, askers: Mapping[str, Asker], answered: Callable[[Ask, Answer], None]) -> None:
        """`askers`: who carries out asks, by kind. `answered` is called on the event loop, once an ask at most."""
        self._askers = askers
        self._answered = answered
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, outcome: Outcome) -> None:
        """Begin what is asked, and end what is no longer wanted."""
        if not self._tasks and not outcome.asks:
            return
        for call in outcome.calls.values():
            wanted = call.ask.id if call.ask else None
            prefix = f"{call.id}."
            for ask_id in [i for i in self._tasks if i.startswith(prefix) and i != wanted]:
                self._tasks.pop(ask_id).cancel()
        for ask in outcome.asks:
            call = outcome.calls[ask.call_id]
            if call.ask is not None and call.ask.id == ask.id:
                self._tasks[ask.id] = asyncio.create_task(self._carry_out(ask))

    async def _carry_out(self, ask: Ask) -> None:
        asker = self._askers.get(ask.kind)
        try:
            if asker is None:
                log.error("nobody carries out such an ask", extra={"kind": ask.kind})
                answer = Answer(exit="failed")
            else:
                answer = await asker(ask)
        except Exception as error:
            log.warning(
                "an ask failed",
                extra={"kind": ask.kind, "call_id": str(ask.call_id), "error": type(error).__name__},
            )
            answer = Answer(exit="failed")
        if self._tasks.pop(ask.id, None) is not None:
            self._answered(ask, answer)

    async def close(self) -> None:
        """End everything under way."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
