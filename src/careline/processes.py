"""The long-running processes that the composition root puts together: call control, the web, the worker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from careline.bootstrap import Services, addresses, open_services
from careline.calls.alarm import alarming
from careline.calls.askers import LookupAsker, VerifyAsker
from careline.calls.asks import Asker
from careline.calls.callback_tasks import chasing
from careline.calls.control import CallControl
from careline.calls.lines import LineBook
from careline.calls.ports import Switch
from careline.calls.runner import fenced, serve
from careline.calls.voicemail import filing
from careline.demo.callers import serve as call_in
from careline.flows.shelf import Shelves
from careline.kernel.clock import Clock, SystemClock
from careline.kernel.errors import CarelineError
from careline.messages.model import Urgency
from careline.messages.service import MessageService
from careline.patients.keypad import Keypad
from careline.platform import logging as careline_logging
from careline.platform.components import report_component
from careline.platform.db import Database, Tx
from careline.platform.lease import Lease
from careline.platform.metrics import serve as serve_metrics
from careline.platform.settings import Settings
from careline.platform.timers import Handler, TimerWorker
from careline.recordings.rows import begin_with_events
from careline.recordings.service import recordings_folder
from careline.recordings.transcripts import Dangerous, VoicemailTranscriber
from careline.reporting.alarms import raise_alarm
from careline.security import housekeeping
from careline.security.actor import system_actor
from careline.security.keys import Keyring
from careline.speech.asr import Transcriber, find_transcriber
from careline.telephony.agent_asker import AgentAsker
from careline.telephony.ears import Ears, VoiceDoor
from careline.telephony.installation import switch_home
from careline.telephony.instance import read_access
from careline.telephony.prompts.book import PromptBook
from careline.telephony.prompts.media import SpokenMenu, media_from
from careline.telephony.prompts.phrases import menu_words
from careline.telephony.prompts.voices import open_book
from careline.telephony.recorder import Door, Recorder
from careline.telephony.recorder_door import RecorderClient, socket_path
from careline.telephony.recordings import pipe_folder
from careline.telephony.switch import AsteriskSwitch
from careline.telephony.voice_door import VoiceLine
from careline.telephony.voice_door import socket_path as voice_socket
from careline.web.server import serve as serve_web

log = logging.getLogger(__name__)

#: How often new names of lines are given to the voice.
_GREETINGS_EVERY = 30.0
#: How often it is said whether callers are listened to.
_LISTENING_EVERY = 3.0
#: How often new and withdrawn desk phones are looked for.
_PHONES_EVERY = 2.0


async def callcontrol() -> int:
    """The process that alone decides about live calls."""
    settings = Settings.load()
    careline_logging.setup(settings.log_level, settings.log_format)
    serve_metrics(settings.callcontrol_metrics_port)
    async with open_services(settings) as services:
        book = open_book(settings.home)
        switch = AsteriskSwitch(
            read_access(switch_home(settings.home)),
            RecorderClient(settings.home),
            voice=VoiceLine(settings.home) if settings.listening_callers else None,
        )
        provision = desk_phones(services.security.keyring)
        lease = Lease(services.addresses.relay, "callcontrol")
        control = CallControl(
            db=services.db,
            switch=switch,
            lines=LineBook(services.organization, SpokenMenu(), Shelves(services.db)),
            media=media_from(book),
            clock=services.clock,
            companions=(
                begin_with_events,
                filing(services.messages),
                chasing(services.messages),
                alarming,
                fenced(lease),
            ),
            provision=provision,
            region=settings.region,
            askers=askers(services, switch),
        )
        beside = [
            asyncio.create_task(_speak_names(services, book)),
            asyncio.create_task(_follow_desk_phones(services, switch, provision)),
            *([asyncio.create_task(_tell_of_listening(services, switch))] if settings.listening_callers else []),
        ]
        try:
            await serve(control, services.db, services.addresses.app, lease)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await switch.close()
    return 0


async def recorder() -> int:
    """The process that encrypts the sound of calls as they are recorded."""
    settings = Settings.load()
    careline_logging.setup(settings.log_level, settings.log_format)
    db = await Database.open(addresses(settings).app, max_size=2)
    keyring = Keyring.load(settings.master_key_path)
    pipes = pipe_folder(switch_home(settings.home))
    writer = Recorder(db, keyring, SystemClock(), recordings_folder(settings.home), pipes)
    door = Door(writer, socket_path(settings.home))
    async with _until_stopped() as stopped:
        await writer.start()
        await door.open()
        tending = asyncio.create_task(writer.tend())
        await stopped.wait()
        tending.cancel()
        await asyncio.gather(tending, return_exceptions=True)
    await door.close()
    writer.close()
    await db.close()
    return 0


async def voice() -> int:
    """The process that listens to callers and carries sound to and from voice agents."""
    settings = Settings.load()
    careline_logging.setup(settings.log_level, settings.log_format)
    models = settings.home / "models"
    ears = Ears(models, recognisers=settings.recognisers, most=settings.listening_callers)
    door = VoiceDoor(ears, voice_socket(settings.home))
    async with _until_stopped() as stopped:
        await door.open()
        await stopped.wait()
    await door.close()
    ears.close()
    return 0


async def web() -> int:
    """The process of pages, JSON API and sockets."""
    settings = Settings.load()
    careline_logging.setup(settings.log_level, settings.log_format)
    async with open_services(settings) as services:
        await serve_web(services, settings)
    return 0


async def worker() -> int:
    """The process of due timers and background jobs."""
    settings = Settings.load()
    careline_logging.setup(settings.log_level, settings.log_format)
    serve_metrics(settings.worker_metrics_port)
    async with open_services(settings) as services, _until_stopped() as stopped:
        timers = TimerWorker(services.db, services.clock, timer_handlers(services))
        tidying = housekeeping.run(services.db, services.clock, services.security.keyring, settings.home)
        transcripts = voicemail_transcriber(services).run()
        tasks = [asyncio.create_task(work) for work in (timers.run(), tidying, transcripts)]
        await stopped.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return 0


def voicemail_transcriber(services: Services) -> VoicemailTranscriber:
    """Writes voicemails down when the speech extra is installed, expecting the names of the practice's clinicians."""
    models = services.settings.home / "models"

    @cache
    def find() -> Transcriber:
        return find_transcriber(models)

    async def clinicians(tenant_id: int) -> list[str]:
        providers = await services.organization.providers(system_actor(tenant_id))
        return [provider.name.split()[-1] for provider in providers][:40]

    dangers = voicemail_dangers(services.messages, services.clock)
    return VoicemailTranscriber(services.db, services.recordings, find, clinicians, dangers)


def voicemail_dangers(messages: MessageService, clock: Clock) -> Dangerous:
    """Marks the message of a voicemail whose words may mean danger; the gravest also stand on the board."""

    async def dangerous(tx: Tx, call_id: UUID, rule: str, *, emergency: bool) -> None:
        urgency = Urgency.CRITICAL if emergency else Urgency.URGENT
        if await messages.flag_voicemail(tx, call_id=call_id, rule=rule, urgency=urgency) and emergency:
            await raise_alarm(tx, call_id, "voicemail", clock.now())

    return dangerous


async def callers() -> int:
    """The process of the demo's synthetic callers."""
    settings = Settings.load()
    careline_logging.setup(settings.log_level, settings.log_format)
    async with open_services(settings) as services, _until_stopped() as stopped:
        await call_in(settings, services.db, stopped)
    return 0


def timer_handlers(services: Services) -> dict[str, Handler]:
    """Every kind of timer, and the capability that deals with it."""
    return dict(services.messages.timer_handlers())


def askers(services: Services, switch: AsteriskSwitch) -> dict[str, Asker]:
    """Who carries out what flows ask, by kind."""
    return {
        "lookup": LookupAsker(services.lookups),
        "verify": VerifyAsker(Keypad(services.patients)),
        "agent": AgentAsker(services.voice_agents, switch, services.settings.url, services.settings.lookup_hosts),
    }


def desk_phones(keyring: Keyring) -> Callable[[Switch, Database, int], Awaitable[None]]:
    """Gives a switch every desk phone of a tenant, and takes the revoked ones away."""

    async def provision(switch: Switch, db: Database, tenant_id: int) -> None:
        async with db.tenant(tenant_id) as tx:
            rows = await tx.all("SELECT username, password, revoked_at IS NULL AS valid FROM desk_phone")
            phones = [
                (row["username"], await keyring.open(tx, row["password"], f"desk-phone {row['username']}"))
                for row in rows
                if row["valid"]
            ]
        for row in rows:
            if not row["valid"]:
                await switch.revoke_softphone(row["username"])
        for username, password in phones:
            await switch.grant_softphone(username, password.decode(), kind="desk")

    return provision


async def _follow_desk_phones(
    services: Services, switch: Switch, provision: Callable[[Switch, Database, int], Awaitable[None]]
) -> None:
    """A desk phone added or withdrawn on a page works, or no longer works, within seconds.

    Asked for and not followed: reading every event of every call for this would cost more than the asking.
    """
    known: dict[int, object] = {}
    while True:
        try:
            async with services.db.system() as tx:
                tenants = [row["id"] for row in await tx.all("SELECT id FROM tenant")]
            for tenant_id in tenants:
                async with services.db.tenant(tenant_id) as tx:
                    seen = await tx.one("SELECT count(*) AS given, count(revoked_at) AS revoked FROM desk_phone")
                if known.get(tenant_id) != seen:
                    await provision(switch, services.db, tenant_id)
                    known[tenant_id] = seen
        except (CarelineError, psycopg.Error, PoolTimeout) as error:
            # The switch or the database is away: when the switch is back, everything is given to it anew.
            log.warning("desk phones wait", extra={"error": type(error).__name__})
        await asyncio.sleep(_PHONES_EVERY)


async def _tell_of_listening(services: Services, switch: AsteriskSwitch) -> None:
    """The board and `careline doctor` say when callers are not listened to: never in silence."""
    while True:
        with contextlib.suppress(psycopg.Error, PoolTimeout):
            state, detail = switch.listening
            await report_component(services.db, "voice", state, detail, services.clock.now())
        await asyncio.sleep(_LISTENING_EVERY)


async def _speak_names(services: Services, book: PromptBook) -> None:
    """Have the lines' names spoken before somebody calls: a greeting is a file by then."""
    while True:
        with contextlib.suppress(CarelineError, psycopg.Error, PoolTimeout):
            async with services.db.system() as tx:
                tenants = [row["id"] for row in await tx.all("SELECT id FROM tenant")]
            for tenant_id in tenants:
                lines = await services.organization.lines(system_actor(tenant_id))
                await book.prepare_greetings({line.label for line in lines})
                for greeting in {g for line in lines for g in line.config.greeting.items()}:
                    await book.prepare(*greeting)
                for words in {w for line in lines for choice in line.config.menu for w in choice.labels.items()}:
                    await book.prepare(words[0], menu_words(*words))
                    # Read back when a caller says it.
                    await book.prepare(*words)
                for words in await services.flows.spoken_words(system_actor(tenant_id)):
                    await book.prepare(*words)
        await asyncio.sleep(_GREETINGS_EVERY)


@asynccontextmanager
async def _until_stopped() -> AsyncIterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    yield stopped
