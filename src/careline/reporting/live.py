"""The board's live topics."""

from __future__ import annotations

from typing import Any

from careline.platform.live import Topic


def topics(services: Any) -> list[Topic]:
    """`board` and `alarms` for those who may see it, `health`, `closures` and `surges` for everybody on the floor."""

    async def board(actor: Any, key: str | None) -> Any:
        del key
        return await services.board.read(actor)

    async def health(actor: Any, key: str | None) -> Any:
        del key
        return await services.board.health(actor)

    async def closures(actor: Any, key: str | None) -> Any:
        del key
        return await services.organization.closures(actor)

    async def surges(actor: Any, key: str | None) -> Any:
        del key
        return await services.queues.surges(actor)

    async def alarms(actor: Any, key: str | None) -> Any:
        del key
        return await services.alarms.list(actor)

    return [
        Topic(name="alarms", snapshot=alarms, streams=frozenset({"emergency"}), shared=True, every=15.0),
        Topic(name="surges", snapshot=surges, streams=frozenset({"surge"}), shared=True, every=60.0),
        Topic(name="closures", snapshot=closures, streams=frozenset({"closure"}), shared=True, every=60.0),
        Topic(name="board", snapshot=board, streams=frozenset({"call", "agent", "queue"}), shared=True, every=5.0),
        Topic(name="health", snapshot=health, streams=frozenset({"component"}), shared=True, every=3.0),
    ]
