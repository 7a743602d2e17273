"""The composition root: the one place where capabilities, the database and the outside are put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from careline.calls.callback_service import CallbackService
from careline.calls.commands import CallCommands
from careline.calls.desk import DeskService
from careline.calls.service import CallService
from careline.flows.service import FlowService
from careline.flows.table_service import TableService
from careline.kernel.clock import Clock, SystemClock
from careline.kernel.errors import Unavailable
from careline.lookups.client import LookupClient
from careline.lookups.service import LookupService
from careline.messages.service import MessageService
from careline.organization.service import OrganizationService
from careline.patients.service import PatientService
from careline.platform import postgres
from careline.platform.db import Database
from careline.platform.settings import Settings
from careline.queues.service import QueueService
from careline.recordings.service import RecordingService, recordings_folder
from careline.reporting.alarms import AlarmService
from careline.reporting.service import BoardService
from careline.security.first_run import setup_code
from careline.security.keys import Keyring
from careline.security.model import SecurityConfig
from careline.security.service import Security
from careline.security.service import build as build_security
from careline.telephony.agent_probe import AgentProbe
from careline.telephony.grants import TelephoneGrants
from careline.telephony.prompts.known import known_prompts
from careline.voice_agents.service import VoiceAgentService


class NoDatabase(Unavailable):
    """Careline's PostgreSQL is not running; start it with `careline up` or `careline demo`."""

    id = "database-not-running"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the database answers, for each of our roles."""

    admin: str
    owner: str
    app: str
    relay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What pages, API and processes work with: one attribute a capability."""

    settings: Settings
    clock: Clock
    addresses: Addresses
    db: Database
    security: Security
    organization: OrganizationService
    patients: PatientService
    lookups: LookupService
    voice_agents: VoiceAgentService
    messages: MessageService
    calls: CallService
    commands: CallCommands
    telephony_grant: TelephoneGrants
    callbacks: CallbackService
    desk: DeskService
    queues: QueueService
    flows: FlowService
    tables: TableService
    board: BoardService
    alarms: AlarmService
    recordings: RecordingService


def server(settings: Settings) -> postgres.Server:
    """The database server of this installation: the external one by URL, else our own, which must be running."""
    if settings.database_url:
        return postgres.external(settings.database_url)
    found = postgres.attach(settings.home)
    if found is None:
        raise NoDatabase
    return found


def addresses(settings: Settings) -> Addresses:
    """Each role's address; what the settings name explicitly wins."""
    if settings.database_app_url and settings.database_relay_url and not settings.database_url:
        # A process that only works with the application's own roles needs no administrator's address.
        app, relay = settings.database_app_url, settings.database_relay_url
        return Addresses(admin="", owner=settings.database_owner_url, app=app, relay=relay)
    found = server(settings)
    return Addresses(
        admin=found.admin_url,
        owner=settings.database_owner_url or found.owner_url,
        app=settings.database_app_url or found.app_url,
        relay=settings.database_relay_url or found.relay_url,
    )


def security_config(settings: Settings) -> SecurityConfig:
    """Sign-in rules. A second factor is demanded everywhere but in the demo, whose sign-ins are public anyway."""
    return SecurityConfig(
        mfa_required=not settings.demo,
        idle_lock=timedelta(minutes=settings.idle_lock_minutes),
        session_life=timedelta(hours=settings.session_hours),
    )


def build(settings: Settings, clock: Clock, db: Database, where: Addresses) -> Services:
    """Put the services together on an open database."""
    security = build_security(
        db,
        clock,
        config=security_config(settings),
        keyring=Keyring.load(settings.master_key_path),
        home=settings.home,
        setup_code=None if settings.demo else setup_code(settings.home),
    )
    commands = CallCommands(db)
    return Services(
        settings=settings,
        clock=clock,
        addresses=where,
        db=db,
        security=security,
        organization=OrganizationService(db, clock),
        patients=PatientService(db, clock),
        voice_agents=VoiceAgentService(db, clock, security.keyring, AgentProbe(settings.lookup_hosts)),
        lookups=LookupService(db, clock, security.keyring, LookupClient(settings.lookup_hosts)),
        messages=MessageService(db, clock),
        calls=CallService(db, clock),
        commands=commands,
        telephony_grant=TelephoneGrants(settings.home, commands),
        callbacks=CallbackService(db, clock, commands),
        desk=DeskService(db, clock),
        queues=QueueService(db, clock, security.keyring),
        flows=FlowService(db, clock, known_prompts()),
        tables=TableService(db, clock),
        board=BoardService(db, clock),
        alarms=AlarmService(db, clock),
        recordings=RecordingService(db, clock, security.keyring, recordings_folder(settings.home)),
    )


@asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """Everything a process needs, closed again at the end. Raises `NoDatabase`."""
    where = addresses(settings)
    db = await Database.open(where.app, max_size=settings.database_pool)
    services = build(settings, clock or SystemClock(), db, where)
    try:
        yield services
    finally:
        await services.telephony_grant.close()
        await services.lookups.client.close()
        await db.close()
