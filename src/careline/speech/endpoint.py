"""Where speech begins and ends in a stream of telephone audio: cuts what is said into utterances.

An utterance begins a little before its first sound, ends after a pause, and is cut when it grows long, with an overlap,
so that words across the cut are heard whole. That bounds how late anything can be understood.
"""

from __future__ import annotations

import importlib
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

from careline.speech.audio import FRAME, RATE, SILENCE, decode_ulaw, pcm_bytes, rms

#: Bytes of µ-law in 20 ms.
_FRAME_BYTES = FRAME
#: Frames of speech among the last ten that begin an utterance.
_BEGIN, _WINDOW = 6, 10
#: Silence that ends an utterance, what is kept from before it began, and how long it may grow (seconds).
PAUSE, BEFORE, LONGEST, OVERLAP = 0.5, 0.3, 4.0, 1.2
#: Shorter than this is a click, a cough, a key tone.
SHORTEST = 0.24
#: Without the detector of speech: louder than this (RMS) counts as speech.
_LOUD = 300.0


@cache
def speech_detector() -> Callable[[bytes], bool]:
    """Tells whether 20 ms of µ-law is speech: WebRTC's detector, or loudness when it is not installed."""
    if find_spec("webrtcvad") is None:
        return lambda frame: rms(decode_ulaw(frame)) > _LOUD
    module: Any = importlib.import_module("webrtcvad")
    detector = module.Vad(2)

    def judge(frame: bytes) -> bool:
        samples = decode_ulaw(frame)
        return rms(samples) > 60 and bool(detector.is_speech(pcm_bytes(samples), RATE))

    return judge


@dataclass(frozen=True, slots=True)
class Utterance:
    """A stretch of speech in µ-law. `begun`: seconds since the stream began. `whole`: it ended with a pause."""

    sound: bytes
    begun: float
    whole: bool

    @property
    def samples(self) -> array[int]:
        """As samples."""
        return decode_ulaw(self.sound)


@dataclass(slots=True)
class Endpointer:
    """Cuts one stream. `feed` any number of bytes; get the utterances that ended in them."""

    is_speech: Callable[[bytes], bool] = field(default_factory=speech_detector)
    _rest: bytearray = field(default_factory=bytearray)
    _before: deque[bytes] = field(default_factory=lambda: deque(maxlen=round(BEFORE * RATE / FRAME)))
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _said: bytearray = field(default_factory=bytearray)
    _speaking: bool = False
    _voiced: int = 0
    _silent: int = 0
    _frames: int = 0

    @property
    def speaking(self) -> bool:
        """Whether an utterance is under way."""
        return self._speaking

    def feed(self, sound: bytes) -> Iterator[Utterance]:
        """Take sound as it comes."""
        self._rest += sound
        while len(self._rest) >= _FRAME_BYTES:
            frame = bytes(self._rest[:_FRAME_BYTES])
            del self._rest[:_FRAME_BYTES]
            self._frames += 1
            if (done := self._frame(frame)) is not None:
                yield done

    def _frame(self, frame: bytes) -> Utterance | None:
        speech = self.is_speech(frame)
        self._recent.append(speech)
        if not self._speaking:
            self._before.append(frame)
            if sum(self._recent) >= _BEGIN:
                self._speaking, self._voiced, self._silent = True, sum(self._recent), 0
                self._said = bytearray(b"".join(self._before))
                self._before.clear()
            return None
        self._said += frame
        self._voiced += speech
        self._silent = 0 if speech else self._silent + 1
        if self._silent * FRAME >= PAUSE * RATE:
            return self._end()
        if len(self._said) >= LONGEST * RATE:
            return self._cut()
        return None

    def _end(self) -> Utterance | None:
        self._speaking = False
        self._recent.clear()
        return self._made(whole=True) if self._voiced * FRAME >= SHORTEST * RATE else None

    def _cut(self) -> Utterance:
        made = self._made(whole=False)
        self._said = bytearray(self._said[-round(OVERLAP * RATE) :])
        self._voiced = len(self._said) // FRAME
        return made

    def _made(self, *, whole: bool) -> Utterance:
        sound = bytes(self._said)
        return Utterance(sound, self._frames * FRAME / RATE - len(sound) / RATE, whole)


def padded(sound: bytes, seconds: float = 0.2) -> bytes:
    """Sound with a little silence at both ends, as recognisers like it."""
    quiet = SILENCE * round(seconds * RATE)
    return quiet + sound + quiet
