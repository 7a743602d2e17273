"""The long-running processes: command → module, function and purpose. Imports nothing: starting must stay quick."""

from __future__ import annotations

PROCESSES = {
    "web": ("careline.processes", "web", "pages, JSON API and live socket"),
    "callcontrol": ("careline.processes", "callcontrol", "the only writer of live call state"),
    "worker": ("careline.processes", "worker", "due timers and background jobs"),
    "recorder": ("careline.processes", "recorder", "encrypts recordings as they are made"),
    "voice": ("careline.processes", "voice", "listens to callers, and connects voice agents"),
    "callers": ("careline.processes", "callers", "the demo's synthetic callers"),
}

#: Processes whose SIP library does not work on uvloop.
PLAIN_LOOP = frozenset({"callers"})
