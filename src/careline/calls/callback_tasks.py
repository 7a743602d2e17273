"""A caller who could not be reached becomes somebody's task, in the same transaction that gives the callback up."""

from __future__ import annotations

import logging

from careline.calls.model import Kind
from careline.calls.store import Batch
from careline.calls.writer import Companion
from careline.messages.service import MessageService
from careline.platform.db import Tx

log = logging.getLogger(__name__)


def chasing(messages: MessageService) -> Companion:
    """The writer's companion that files callbacks given up."""

    async def file(tx: Tx, batch: Batch) -> None:
        for event in batch.events:
            if event.kind is not Kind.CALLBACK_MISSED or not event.body.get("last"):
                continue
            call = batch.calls[event.call_id]
            assert call.callback is not None
            filed = await messages.take_missed_callback(
                tx,
                call_id=call.id,
                number=call.callback.number,
                language=call.language,
                attempts=event.body["attempts"],
            )
            if filed is None:
                log.error("a missed callback has no inbox: there is no department", extra={"call_id": str(call.id)})

    return file
