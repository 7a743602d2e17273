"""A caller's ear: hears packet by packet whether it is quiet, whether music plays, and whether a beep sounded."""

from __future__ import annotations

import math
import time
from collections import deque
from operator import mul

from careline.speech.audio import DECODE, FRAME, RATE
from careline.speech.listening import QUIET, flows

#: A beep is at least this many packets of 1,000 Hz in a row.
_BEEP = 12
_SQUARES = tuple(value * value for value in DECODE)
_COS = tuple(math.cos(2 * math.pi * 1000 * n / RATE) for n in range(FRAME))
_SIN = tuple(math.sin(2 * math.pi * 1000 * n / RATE) for n in range(FRAME))
_WINDOW = 100


class Ear:
    """Keeps no sound, only what it makes of it. Cheap enough for dozens of callers in one process."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=_WINDOW)
        self._loud_at = self._began = time.monotonic()
        self._music_at: float | None = None
        self._tone = 0
        self._since_check = 0
        #: Whether a beep (the sign to leave a message) was heard since `forget_beep`.
        self.beeped = False
        #: Whether anything was heard since `turn`.
        self.heard_something = False

    def hear(self, sound: bytes) -> None:
        """One packet."""
        some = sound[::3]
        level = math.sqrt(sum(map(_SQUARES.__getitem__, some)) / max(1, len(some)))
        steady = bool(self._levels) and abs(level - self._levels[-1]) < 0.1 * level
        self._levels.append(level)
        if level <= QUIET:
            self._tone = 0
            return
        self._loud_at = time.monotonic()
        self.heard_something = True
        # Only a tone is as loud as a moment ago, packet after packet: the costly look is for those alone.
        self._tone = self._tone + 1 if steady and len(sound) == FRAME and _is_beep(sound, level) else 0
        if self._tone >= _BEEP:
            self.beeped = True
        self._since_check += 1
        if self._since_check >= 25:
            self._since_check = 0
            if len(self._levels) == _WINDOW and flows(tuple(self._levels)) and not self._tone:
                self._music_at = self._loud_at

    def turn(self) -> None:
        """Listen anew: what was heard before does not count."""
        self.heard_something = False

    @property
    def quiet(self) -> float:
        """Seconds since anything was heard."""
        return time.monotonic() - self._loud_at

    @property
    def music_ever(self) -> bool:
        """Whether waiting music was heard in this call."""
        return self._music_at is not None

    @property
    def since_music(self) -> float:
        """Seconds since music was last heard; long when never."""
        return math.inf if self._music_at is None else time.monotonic() - self._music_at


def _is_beep(sound: bytes, level: float) -> bool:
    """Whether nearly all the power of a packet is at 1,000 Hz."""
    samples = [DECODE[code] for code in sound]
    real = sum(map(mul, samples, _COS))
    imaginary = sum(map(mul, samples, _SIN))
    amplitude = 2 * math.hypot(real, imaginary) / FRAME
    return amplitude > 1.25 * level  # a pure tone's amplitude is 1.41 times its level
