"""An order from a person, why it may be refused, and whom and what it is about. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from careline.calls.model import Call, Phase
from careline.calls.step import Step
from careline.calls.talk import WrongMoment
from careline.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from careline.queues.model import Agent

if TYPE_CHECKING:
    from careline.calls.floor import Floor


class PhoneOffline(Conflict):
    """Your telephone is not connected. Check the headset and the connection, then try again."""

    id = "phone-offline"


class WrapUpFirst(Conflict):
    """Choose a reason for the last call first."""

    id = "wrap-up-first"


class AgentUnavailable(Conflict):
    """That person cannot take a call just now."""

    id = "agent-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order. Permissions were checked where it was given; `manage` tells that a supervisor gave it."""

    tenant_id: int
    person_id: UUID
    kind: str
    body: Mapping[str, Any]
    manage: bool = False


def read_id(value: object, what: str) -> UUID:
    """An identifier from an order's body. Raises `InvalidInput`."""
    try:
        return UUID(str(value))
    except ValueError as error:
        raise InvalidInput(f"{what} is not an identifier.") from error


def person_of(floor: Floor, order: Order, person_id: UUID) -> Agent:
    """Somebody of the same tenant who works on this floor. Raises `NotFound`."""
    agent = floor.agents.get(person_id)
    if agent is None or agent.tenant_id != order.tenant_id:
        raise NotFound("That person does not work on this floor.")
    return agent


def call_of(floor: Floor, order: Order) -> Call:
    """The live call an order is about. Raises `WrongMoment`."""
    call = floor.calls.get(read_id(order.body.get("call_id"), "call_id"))
    if call is None or call.tenant_id != order.tenant_id or call.phase is Phase.ENDED:
        raise WrongMoment("The call is over.")
    return call


def must_own(order: Order, s: Step) -> None:
    """Only who talks with the caller may give this order. Raises `Forbidden`."""
    handling = s.call.handling
    if handling is None or handling.agent_id != order.person_id:
        raise Forbidden("This is not your call.")
