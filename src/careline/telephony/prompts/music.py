"""The waiting music: a calm piece composed here, note by note, so that nobody's licence has to be asked.

A soft electric piano over long chords, 72 seconds, whose last notes ring into its beginning: it loops without a seam.
The range is a telephone's own (everything between 150 and 2,000 Hz), and nothing in it resembles a ring or a beep.
"""

from __future__ import annotations

import math
from array import array
from random import Random

from careline.speech.audio import RATE

_BEAT = 0.75
_BEATS_A_BAR = 4
#: Two bars each: root, then the tones that the right hand wanders over (MIDI numbers).
_CHORDS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (48, (64, 67, 71, 74)),  # C major 9
    (45, (64, 67, 69, 72)),  # A minor 7
    (53, (64, 65, 69, 72)),  # F major 7
    (55, (62, 65, 69, 71)),  # G 9
    (52, (64, 67, 71, 74)),  # E minor 7
    (57, (60, 64, 67, 71)),  # A minor 9
    (50, (60, 65, 69, 74)),  # D minor 7
    (55, (62, 65, 67, 71)),  # G 7
    (48, (64, 67, 72, 76)),  # C major
    (53, (65, 69, 72, 76)),  # F major 7
    (50, (62, 65, 69, 72)),  # D minor 7
    (55, (62, 65, 69, 74)),  # G 9
)


def compose(seed: int = 11) -> array[int]:
    """The whole piece as 8 kHz samples."""
    dice = Random(seed)
    total = round(len(_CHORDS) * 2 * _BEATS_A_BAR * _BEAT * RATE)
    mix = [0.0] * total
    for index, (root, tones) in enumerate(_CHORDS):
        start = index * 2 * _BEATS_A_BAR * _BEAT
        for pitch in (root + 12, tones[0], tones[1]):
            _pad(mix, start, pitch)
        _note(mix, start, root, 0.5)
        _note(mix, start + 4 * _BEAT, root + 7, 0.32)
        for beat in range(8):
            if beat and dice.random() < 0.25:
                continue  # a rest: silence is part of the tune
            pitch = tones[(beat * 2 + dice.randrange(2)) % len(tones)]
            _note(mix, start + beat * _BEAT + dice.uniform(0, 0.015), pitch, dice.uniform(0.3, 0.45))
    peak = max(map(abs, mix))
    return array("h", (round(9000 * value / peak) for value in mix))


def _hz(pitch: int) -> float:
    return 440.0 * math.exp2((pitch - 69) / 12)


def _note(mix: list[float], at: float, pitch: int, loud: float) -> None:
    """A struck note: a fundamental and two quieter, faster-dying partials."""
    count, first, total = round(3.0 * RATE), round(at * RATE), len(mix)
    for partial, share, life in ((1, 1.0, 1.1), (2, 0.28, 0.6), (3, 0.09, 0.3)):
        step = 2 * math.pi * _hz(pitch) * partial / RATE
        if step > math.pi * 0.8:
            continue
        decay, value = math.exp(-1 / (life * RATE)), loud * share
        for n in range(count):
            mix[(first + n) % total] += value * min(1.0, n / 120) * math.sin(step * n)
            value *= decay


def _pad(mix: list[float], at: float, pitch: int) -> None:
    """A held tone that swells and fades over its two bars, with a very slow beat in it."""
    count, first, total = round(7.0 * RATE), round(at * RATE), len(mix)
    step = 2 * math.pi * _hz(pitch) / RATE
    for n in range(count):
        swell = math.sin(math.pi * n / count) ** 0.7
        mix[(first + n) % total] += 0.10 * swell * (math.sin(step * n) + 0.6 * math.sin(step * 1.003 * n))
