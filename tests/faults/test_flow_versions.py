"""A call finishes on the version of the flow it began with, also when call control is killed meanwhile."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from careline.organization.model import FlowChoice
from careline.security.actor import system_actor
from careline.security.permissions import Role
from careline.testing.callcenter import NUMBER, until
from careline.testing.sip_peer import SipPeers
from careline.testing.system import System, registered, running_system

pytestmark = pytest.mark.faults

FLOW = """
careline: flow/1
languages: [en]
start: menu
nodes:
  menu:
    kind: menu
    prompts: [menu.intro]
    options: {"1": message}
    seconds: 60
    exits: {no_input: bye, no_match: bye}
  message: {kind: voicemail}
  bye: {kind: end}
"""


async def test_q3_a_call_keeps_its_version_over_kill_9() -> None:
    async with running_system() as system, SipPeers() as peers:
        actor, services = system_actor(system.tenant_id), system.services
        flow = await services.flows.create(actor, "Front", FLOW)
        await services.flows.publish(actor, flow.id)
        line = await services.organization.line(actor, system.practice.line_id)
        config = replace(line.config, direct=False, flows=(FlowChoice(flow_id=flow.id),))
        await services.organization.configure_line(actor, system.practice.line_id, config)
        ana = await system.person("Ana Ruiz", Role.AGENT)
        phone = await registered(peers, *await system.desk_phone(ana), system, hz=440.0)

        async def version_of(call_id: UUID) -> str | None:
            query = "SELECT body FROM event WHERE stream_id = %s AND kind = 'arrived'"
            pin = (await system.row(query, call_id))["body"]["flow"]
            return pin["version"] if pin else None

        # The line's new configuration reaches call control within seconds; until then the line is as it was.
        first = {version.number: version for version in await services.flows.versions(actor, flow.id)}[1]
        while True:
            call = await phone.dial(NUMBER)
            call_id = await newest(system)
            if await version_of(call_id) == str(first.id):
                break
            await call.hang_up()

        draft = await services.flows.draft(actor, flow.id)
        other = FLOW.replace('"1": message', '"2": message')
        await services.flows.save_draft(actor, flow.id, other, based_on=draft.revision)
        await services.flows.publish(actor, flow.id)
        old = system.kill("callcontrol")
        await system.restarted("callcontrol", old)

        async def recovered() -> bool:
            return "recovered" in await system.events(call_id)

        await until(recovered, 30)
        await call.press("1")

        async def leaves_a_message() -> bool:
            return bool((await system.row("SELECT phase FROM call WHERE id = %s", call_id))["phase"] == "voicemail")

        await until(leaves_a_message, 30)
        await call.hang_up()


async def newest(system: System) -> UUID:
    """The call that came last."""

    async def there() -> bool:
        return bool(await system.rows("SELECT id FROM call WHERE phase IN ('flow', 'waiting')"))

    await until(there, 30)
    rows = await system.rows("SELECT id FROM call ORDER BY id DESC LIMIT 1")
    return UUID(str(rows[0]["id"]))
