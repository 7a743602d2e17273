"""Start a coroutine now instead of at the loop's next turn: what it does before its first wait is done on return.

A task of asyncio begins when everything that was ready before it has had its turn. For a command to the telephone
switch that is time a caller waits. (Python 3.12 has eager tasks of its own; 3.11 is still supported.)
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Coroutine, Generator
from typing import Any


def start(work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
    """Run `work` up to its first wait; a future of its end. `work` may not ask for the current task until then."""
    loop = asyncio.get_running_loop()
    try:
        waits_for = work.send(None)
    except StopIteration:
        done: asyncio.Future[None] = loop.create_future()
        done.set_result(None)
        return done
    except Exception as error:
        failed: asyncio.Future[None] = loop.create_future()
        failed.set_exception(error)
        return failed
    return loop.create_task(_rest(work, waits_for))


async def _rest(work: Coroutine[Any, Any, None], waits_for: Any) -> None:
    await _resumed(work, waits_for)


@types.coroutine
def _resumed(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            came = yield waits_for
        except BaseException as error:
            step, given = work.throw, error
        else:
            step, given = work.send, came  # type: ignore[assignment]  # the other way to resume the same coroutine
        try:
            waits_for = step(given)
        except StopIteration:
            return
