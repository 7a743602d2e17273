"""The callbacks of a floor at hand: by whom they are for, and those whose callers are rung before an agent. Pure."""

from __future__ import annotations

from uuid import UUID

from careline.calls.callback_fold import in_line
from careline.calls.callback_model import CALLER_FIRST
from careline.calls.model import Call, Phase


class CallbackBook:
    """Kept up to date with every call that moves."""

    def __init__(self) -> None:
        self._by_number: dict[tuple[int, str], UUID] = {}
        self._number_of: dict[UUID, tuple[int, str]] = {}
        #: Caller-first callbacks in line: rung ahead of their turn.
        self.ahead: set[UUID] = set()

    def put(self, call: Call) -> None:
        """Take a call's new state."""
        waits = call.phase is Phase.CALLBACK and call.callback is not None
        key = (call.tenant_id, call.callback.number) if waits and call.callback else None
        before = self._number_of.get(call.id)
        if before != key:
            if before is not None:
                del self._number_of[call.id]
                if self._by_number.get(before) == call.id:
                    del self._by_number[before]
            if key is not None:
                self._number_of[call.id] = key
                self._by_number[key] = call.id
        first = waits and call.callback is not None and call.callback.mode == CALLER_FIRST and in_line(call)
        (self.ahead.add if first else self.ahead.discard)(call.id)

    def of(self, tenant_id: int, number: str | None) -> UUID | None:
        """The callback that waits for a number, if there is one."""
        return self._by_number.get((tenant_id, number)) if number else None
