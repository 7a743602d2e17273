"""A voicemail becomes a message in somebody's inbox, in the same transaction that ends it: none can be left unheard."""

from __future__ import annotations

import logging

from careline.calls.model import Kind
from careline.calls.store import Batch
from careline.calls.writer import Companion
from careline.messages.service import MessageService
from careline.platform.db import Tx

log = logging.getLogger(__name__)


def filing(messages: MessageService) -> Companion:
    """The writer's companion that files voicemails."""

    async def file(tx: Tx, batch: Batch) -> None:
        for event in batch.events:
            if event.kind is not Kind.VOICEMAIL_ENDED:
                continue
            call = batch.calls[event.call_id]
            filed = await messages.take_voicemail(
                tx,
                call_id=call.id,
                department_id=call.message.department if call.message else None,
                caller=call.caller,
                language=call.language,
                seconds=event.body["seconds"],
                emergency=call.emergency,
            )
            if filed is None:
                # `doctor` names it too: a tenant that takes calls has a department, or nobody gets its messages.
                log.error("a voicemail has no inbox: the tenant has no department", extra={"call_id": str(call.id)})

    return file
