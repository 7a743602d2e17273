"""Who may do what: the one matrix of roles and actions. Tested cell by cell; pages and API only ask it."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """One thing a person or a token may be allowed to do."""

    #: Take calls and control one's own call.
    CALL_HANDLE = "call.handle"
    #: Find and open records of calls one did not handle.
    CALL_READ = "call.read"
    #: Find and open records of calls one handled oneself.
    CALL_READ_OWN = "call.read-own"
    #: Play recordings and voicemails of any call in the tenant.
    RECORDING_PLAY = "recording.play"
    #: Play recordings of calls one handled oneself.
    RECORDING_PLAY_OWN = "recording.play-own"
    #: See the supervisor's board.
    BOARD_READ = "board.read"
    #: Change another agent's state; move or end another person's call.
    AGENT_MANAGE = "agent.manage"
    #: Look for a patient, see candidates and verify a caller.
    PATIENT_SEARCH = "patient.search"
    #: Open a patient's card.
    PATIENT_READ = "patient.read"
    #: Write a message for a provider or department.
    MESSAGE_TAKE = "message.take"
    #: Read and act on messages in the inboxes one belongs to.
    MESSAGE_READ = "message.read"
    #: Read and act on messages in every inbox of the tenant.
    MESSAGE_READ_ALL = "message.read-all"
    #: Queues, skills and who serves them.
    QUEUE_MANAGE = "queue.manage"
    #: Lines, numbers, hours, locations, departments, providers, prompts.
    ORGANIZATION_MANAGE = "organization.manage"
    #: Write flows and try them; nothing that callers meet changes by it.
    FLOW_EDIT = "flow.edit"
    #: Put a flow before callers, in part or wholly, and take it back.
    FLOW_PUBLISH = "flow.publish"
    #: Change the tables that flows look into.
    TABLE_EDIT = "table.edit"
    #: Throw the emergency-closure switch.
    CLOSURE_SWITCH = "closure.switch"
    #: People, roles and their sessions.
    PEOPLE_MANAGE = "people.manage"
    #: API tokens.
    TOKEN_MANAGE = "token.manage"  # noqa: S105 (a permission's name, not a secret)
    #: Read the audit log, and who saw a patient.
    AUDIT_READ = "audit.read"
    #: Start and steer synthetic callers (demo systems only).
    DEMO_DRIVE = "demo.drive"


class Role(StrEnum):
    """A job in the call center. A person has one or more."""

    #: Answers patients' calls.
    AGENT = "agent"
    #: Watches the floor, helps agents, answers for the day's figures.
    SUPERVISOR = "supervisor"
    #: Reviews recordings and records for quality.
    QUALITY = "quality"
    #: A clinician or department member who receives messages.
    PROVIDER = "provider"
    #: Runs lines, queues, people of the practice.
    ADMINISTRATOR = "administrator"
    #: Answers for privacy: reads the audit log.
    PRIVACY_OFFICER = "privacy-officer"
    #: Keeps the system running; sees no patient data.
    SYSTEM = "system"


P = Permission
MATRIX: dict[Role, frozenset[Permission]] = {
    Role.AGENT: frozenset(
        {
            P.CALL_HANDLE,
            P.CALL_READ_OWN,
            P.RECORDING_PLAY_OWN,
            P.PATIENT_SEARCH,
            P.PATIENT_READ,
            P.MESSAGE_TAKE,
            P.MESSAGE_READ,
        }
    ),
    Role.SUPERVISOR: frozenset(
        {
            P.CALL_HANDLE,
            P.CALL_READ,
            P.CALL_READ_OWN,
            P.RECORDING_PLAY,
            P.RECORDING_PLAY_OWN,
            P.BOARD_READ,
            P.AGENT_MANAGE,
            P.PATIENT_SEARCH,
            P.PATIENT_READ,
            P.MESSAGE_TAKE,
            P.MESSAGE_READ,
            P.MESSAGE_READ_ALL,
            P.QUEUE_MANAGE,
            P.FLOW_EDIT,
            P.TABLE_EDIT,
            P.CLOSURE_SWITCH,
            P.DEMO_DRIVE,
        }
    ),
    Role.QUALITY: frozenset({P.CALL_READ, P.RECORDING_PLAY, P.BOARD_READ}),
    Role.PROVIDER: frozenset({P.MESSAGE_READ, P.PATIENT_READ}),
    Role.ADMINISTRATOR: frozenset(
        {
            P.BOARD_READ,
            P.QUEUE_MANAGE,
            P.ORGANIZATION_MANAGE,
            P.FLOW_EDIT,
            P.FLOW_PUBLISH,
            P.TABLE_EDIT,
            P.CLOSURE_SWITCH,
            P.PEOPLE_MANAGE,
            P.TOKEN_MANAGE,
            P.DEMO_DRIVE,
        }
    ),
    Role.PRIVACY_OFFICER: frozenset({P.AUDIT_READ, P.CALL_READ}),
    Role.SYSTEM: frozenset({P.BOARD_READ, P.PEOPLE_MANAGE, P.TOKEN_MANAGE, P.DEMO_DRIVE}),
}
