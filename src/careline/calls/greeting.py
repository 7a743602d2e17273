"""Who picked up a telephone, judged by the first sound heard: a person or an answering machine. Pure.

A person says a word or a name and then waits to be answered; a machine speaks on. So the length of the first stretch of
sound decides, and silence after it. The lengths are those of Asterisk's own detector (AMD: a greeting of 1.5 s is a
machine's, 2.5 s of silence end the wait), with twice its greeting: a receptionist's sentence is longer than a
"hello", and whoever is taken for a machine is still asked. Pauses shorter than the switch tells of
(`ports.TALK_PAUSE`) do not end a stretch. That a person is spoken to within two seconds of the greeting's end is the
rule for calls that a machine dials (16 CFR 310.4(b)(4)(iii)).
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

#: How long the first sound is waited for, in seconds.
FIRST_SOUND = 2.5
#: Of a telephone at which an agent listens already: the same, with time for the agent's own greeting.
FIRST_SOUND_WITH_AGENT = 4.0
#: The longest greeting that is waited out before the question is put all the same.
LONGEST = timedelta(seconds=40)


class Verdict(StrEnum):
    """What the first sound says."""

    #: Nothing yet.
    OPEN = "open"
    #: A short word, then silence.
    PERSON = "person"
    #: A long stretch of sound.
    MACHINE = "machine"
    #: Nobody said anything.
    SILENT = "silent"


def judge(
    began: float | None, ended: float | None, now: float, *, machine_after: float, patience: float = FIRST_SOUND
) -> Verdict:
    """The verdict at `now`. All in seconds since the pick-up: when the first stretch of sound began (None: not yet),
    and when it ended (None: it goes on). A stretch of at least `machine_after` is a machine's."""
    if began is None:
        return Verdict.SILENT if now >= patience else Verdict.OPEN
    if (now if ended is None else ended) - began >= machine_after:
        return Verdict.MACHINE
    return Verdict.OPEN if ended is None else Verdict.PERSON
