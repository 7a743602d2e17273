"""Telephone audio in plain Python: G.711 µ-law, WAV files, resampling, loudness. No native package is needed.

Samples are signed 16-bit numbers in an `array('h')`; 8,000 of them a second unless said otherwise.
"""

from __future__ import annotations

import math
import sys
import wave
from array import array
from functools import cache
from operator import mul
from pathlib import Path

#: Samples a second of telephone audio.
RATE = 8000
#: Samples in one 20 ms packet.
FRAME = 160
#: µ-law silence.
SILENCE = b"\xff"

_BIAS = 0x84
_CLIP = 32635


def _decode_byte(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 0x0F) << 3) + _BIAS << ((code & 0x70) >> 4)) - _BIAS
    return -value if code & 0x80 else value


def _encode_sample(sample: int) -> int:
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | magnitude >> exponent + 3 & 0x0F) & 0xFF


#: Linear value of each µ-law byte (ITU-T G.711).
DECODE: tuple[int, ...] = tuple(_decode_byte(code) for code in range(256))


@cache
def _encode_table() -> bytes:
    """µ-law byte for every 16-bit sample, indexed by the sample's unsigned bits."""
    return bytes(_encode_sample(value if value < 0x8000 else value - 0x10000) for value in range(0x10000))


def decode_ulaw(data: bytes) -> array[int]:
    """µ-law bytes to samples."""
    return array("h", map(DECODE.__getitem__, data))


def encode_ulaw(samples: array[int]) -> bytes:
    """Samples to µ-law bytes."""
    table = _encode_table()
    return bytes([table[sample & 0xFFFF] for sample in samples])


def read_wav(path: Path) -> tuple[array[int], int]:
    """The first channel of a 16-bit WAV file and its rate. Raises `ValueError` on any other kind of file."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise ValueError("Only 16-bit PCM WAV files can be used.")
            samples = _native(file.readframes(file.getnframes()))
            return samples[:: file.getnchannels()], file.getframerate()
    except (wave.Error, EOFError) as error:
        raise ValueError("This is not a WAV file.") from error


def write_wav(path: Path, samples: array[int], rate: int = RATE) -> None:
    """Write a mono 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm_bytes(samples))


def pcm_bytes(samples: array[int]) -> bytes:
    """Samples as little-endian bytes."""
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()


def from_pcm_bytes(data: bytes) -> array[int]:
    """Little-endian bytes as samples; an odd last byte is dropped."""
    return _native(data[: len(data) & ~1])


def _native(data: bytes) -> array[int]:
    samples = array("h", data)
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def resample(samples: array[int], rate: int, to: int = RATE) -> array[int]:
    """Change the sample rate with a windowed-sinc low-pass (polyphase), so that nothing folds into the voice band."""
    if rate == to or not samples:
        return samples[:]
    divisor = math.gcd(rate, to)
    up, down = to // divisor, rate // divisor
    cutoff = min(1.0, to / rate) * 0.94
    half = math.ceil(14 / cutoff)
    phases = [_taps(phase / up, half, cutoff) for phase in range(up)]
    padded = array("h", bytes(2 * half)) + samples + array("h", bytes(2 * (half + 2)))
    width = 2 * half + 1
    out = array("h")
    for index in range(len(samples) * up // down):
        whole, phase = divmod(index * down, up)
        value = round(sum(map(mul, phases[phase], padded[whole : whole + width])))
        out.append(max(-32768, min(32767, value)))
    return out


def _taps(offset: float, half: int, cutoff: float) -> list[float]:
    taps = []
    for index in range(-half, half + 1):
        x = index - offset
        window = 0.5 + 0.5 * math.cos(math.pi * x / (half + 1)) if abs(x) <= half + 1 else 0.0
        taps.append(window * (cutoff if x == 0 else math.sin(math.pi * x * cutoff) / (math.pi * x)))
    total = sum(taps)
    return [tap / total for tap in taps]


def rms(samples: array[int]) -> float:
    """Root mean square of samples; 0 for none."""
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples)) if samples else 0.0


def trim(samples: array[int], *, floor: float = 180.0, keep: int = 400) -> array[int]:
    """Cut silence off both ends, keeping `keep` samples of it."""
    loud = [start for start in range(0, len(samples), 80) if rms(samples[start : start + 80]) > floor]
    if not loud:
        return samples[:0]
    return samples[max(0, loud[0] - keep) : loud[-1] + 80 + keep]


def level(samples: array[int], *, target: float = 3300.0, peak: float = 24000.0) -> array[int]:
    """Bring speech to one loudness: `target` RMS (-20 dBFS) over the parts that are not pauses, limited by `peak`."""
    frames = [rms(samples[start : start + FRAME]) for start in range(0, len(samples), FRAME)]
    spoken = [value for value in frames if value > 0.1 * max(frames, default=0.0)]
    if not spoken:
        return samples[:]
    loudness = math.sqrt(sum(value * value for value in spoken) / len(spoken))
    gain = min(target / loudness, 12.0)
    return array("h", (_soft(sample * gain, peak) for sample in samples))


def _soft(value: float, peak: float) -> int:
    """Leave values under 70 % of `peak` alone and bend the rest smoothly below it."""
    knee = 0.7 * peak
    size = abs(value)
    if size <= knee:
        return round(value)
    bent = knee + (peak - knee) * math.tanh((size - knee) / (peak - knee))
    return round(math.copysign(bent, value))


def tone(hz: float, seconds: float, *, amplitude: float = 8000.0, rate: int = RATE) -> array[int]:
    """A sine tone with 5 ms of fade at both ends, so that it does not click."""
    count = round(seconds * rate)
    fade = max(1, rate // 200)
    step = 2 * math.pi * hz / rate
    return array(
        "h",
        (round(amplitude * min(1.0, n / fade, (count - n) / fade) * math.sin(step * n)) for n in range(count)),
    )
