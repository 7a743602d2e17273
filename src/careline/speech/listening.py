"""Telling what telephone audio is: silence, a steady tone, speech or music. Plain arithmetic, no model.

Speech pauses between words and moves in loudness; music as played to waiting callers does neither; a tone puts nearly
all of its power on one or two frequencies and stays there. Good enough to test a call center by ear, and no more.
"""

from __future__ import annotations

import cmath
import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import pairwise

from careline.speech.audio import FRAME, RATE, decode_ulaw, rms

#: Quieter than this is silence (about -46 dBFS).
QUIET = 160.0
_SIZE = 256


class Kind(StrEnum):
    """What is heard."""

    SILENCE = "silence"
    TONE = "tone"
    SPEECH = "speech"
    MUSIC = "music"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of one kind, in seconds from the beginning."""

    kind: Kind
    start: float
    end: float
    #: For a tone: its frequency in Hz.
    hz: int | None = None

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


def segments(heard: bytes) -> list[Segment]:
    """Cut µ-law audio into stretches."""
    samples = decode_ulaw(heard)
    frames = [rms(samples[n : n + FRAME]) for n in range(0, len(samples) - FRAME + 1, FRAME)]
    found: list[Segment] = []
    for start, end, loud in _runs(frames):
        begin, finish = start * FRAME / RATE, end * FRAME / RATE
        if not loud:
            found.append(Segment(Kind.SILENCE, begin, finish))
        else:
            found.extend(_judge(samples[start * FRAME : end * FRAME], frames[start:end], begin))
    return _merge(found)


def _runs(frames: Sequence[float]) -> list[tuple[int, int, bool]]:
    """(first, after last, loud): pauses shorter than 0.7 s belong to the sound around them."""
    loud = [value > QUIET for value in frames]
    runs: list[tuple[int, int, bool]] = []
    for index, value in enumerate(loud):
        if runs and runs[-1][2] == value:
            runs[-1] = (runs[-1][0], index + 1, value)
        else:
            runs.append((index, index + 1, value))
    bridged: list[tuple[int, int, bool]] = []
    for start, end, value in runs:
        inner = bool(bridged) and end < len(loud)
        if bridged and (bridged[-1][2] == value or (not value and inner and end - start < 35)):
            bridged[-1] = (bridged[-1][0], end, bridged[-1][2])
        else:
            bridged.append((start, end, value))
    return bridged


def _judge(samples: array[int], frames: Sequence[float], begin: float) -> list[Segment]:
    """Decide by half seconds inside a loud stretch: first what is a tone, then what lies between tones."""
    step = RATE // 2
    cuts = [*range(0, max(1, len(samples) - step // 2), step), len(samples)]
    pieces = list(pairwise(cuts))
    tones = [steady_tone(samples[first:last]) for first, last in pieces]
    found = []
    for index, (first, last) in enumerate(pieces):
        start, end = begin + first / RATE, begin + last / RATE
        if tones[index] is not None:
            found.append(Segment(Kind.TONE, start, end, tones[index]))
            continue
        # Judged by the two seconds around it, up to the next tone, so that one pause decides nothing.
        left = next((i + 1 for i in range(index - 1, -1, -1) if tones[i] is not None), 0)
        right = next((i for i in range(index + 1, len(pieces)) if tones[i] is not None), len(pieces))
        middle = (first + last) // 2 // FRAME
        low = max(pieces[left][0] // FRAME, middle - 50)
        high = min(pieces[right - 1][1] // FRAME, middle + 50)
        found.append(Segment(Kind.MUSIC if flows(frames[low:high]) else Kind.SPEECH, start, end))
    return _merge(_smooth(found))


def flows(view: Sequence[float]) -> bool:
    """Whether loudness never drops as it does between words, over at least a second."""
    if len(view) < 45:
        return False
    mean = sum(view) / len(view)
    low = sum(value < 0.35 * mean for value in view) / len(view)
    return low < 0.04


def _smooth(found: list[Segment]) -> list[Segment]:
    """A single differing half second between two equal neighbours is taken as one of them (tones excepted)."""
    out = list(found)
    for index in range(1, len(found) - 1):
        before, here, after = out[index - 1], found[index], found[index + 1]
        if before.kind == after.kind != here.kind and Kind.TONE not in (here.kind, before.kind):
            out[index] = Segment(before.kind, here.start, here.end)
    return out


def _merge(found: Sequence[Segment]) -> list[Segment]:
    out: list[Segment] = []
    for segment in found:
        last = out[-1] if out else None
        same = last is not None and last.kind == segment.kind
        if last is not None and same and (last.hz is None or abs(last.hz - (segment.hz or 0)) < 25):
            out[-1] = Segment(last.kind, last.start, segment.end, last.hz)
        else:
            out.append(segment)
    return out


def steady_tone(samples: array[int]) -> int | None:
    """The frequency of a tone that fills these samples, or None. Dual tones give the stronger one."""
    if len(samples) < 2 * _SIZE:
        return None
    step = max(_SIZE, len(samples) // 6)
    spectra = [spectrum(samples[n : n + _SIZE]) for n in range(0, len(samples) - _SIZE + 1, step)]
    peaks = []
    for powers in spectra:
        total = sum(powers)
        if total <= 0 or math.sqrt(total) < QUIET * 20:
            continue
        peak = max(range(1, _SIZE // 2), key=powers.__getitem__)
        if sum(powers[max(0, peak - 2) : peak + 3]) < 0.9 * total:
            return None
        peaks.append(_refine(powers, peak))
    if len(peaks) < max(2, len(spectra) // 2) or max(peaks) - min(peaks) > 12:
        return None
    return round(sum(peaks) / len(peaks))


def dominant(samples: array[int]) -> int | None:
    """The strongest frequency in samples, or None in silence."""
    if rms(samples) < QUIET:
        return None
    total = [0.0] * (_SIZE // 2)
    for n in range(0, len(samples) - _SIZE + 1, _SIZE):
        total = [a + b for a, b in zip(total, spectrum(samples[n : n + _SIZE]), strict=True)]
    peak = max(range(1, _SIZE // 2), key=total.__getitem__)
    return round(_refine(total, peak))


def _refine(powers: Sequence[float], peak: int) -> float:
    """Peak frequency between two bins, by a parabola through the logarithms."""
    if not 0 < peak < len(powers) - 1:
        return peak * RATE / _SIZE
    left, top, right = (math.log(max(powers[peak + k], 1e-9)) for k in (-1, 0, 1))
    bend = left - 2 * top + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    return (peak + shift) * RATE / _SIZE


def spectrum(samples: array[int]) -> list[float]:
    """Power in 128 bins of 31.25 Hz, from 256 samples under a Hann window."""
    window = _hann()
    values = _fft([complex(sample * weight) for sample, weight in zip(samples, window, strict=True)])
    return [abs(value) ** 2 for value in values[: _SIZE // 2]]


@cache
def _hann() -> tuple[float, ...]:
    return tuple(0.5 - 0.5 * math.cos(2 * math.pi * n / _SIZE) for n in range(_SIZE))


@cache
def _twiddles(size: int) -> tuple[complex, ...]:
    return tuple(cmath.exp(-2j * math.pi * k / size) for k in range(size // 2))


def _fft(values: list[complex]) -> list[complex]:
    size = len(values)
    if size == 1:
        return values
    even, odd = _fft(values[::2]), _fft(values[1::2])
    turned = [w * v for w, v in zip(_twiddles(size), odd, strict=True)]
    return [a + b for a, b in zip(even, turned, strict=True)] + [a - b for a, b in zip(even, turned, strict=True)]
