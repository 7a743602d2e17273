"""Making the bundled recordings from the catalogue. Run by those who change the texts; the result is committed.

The manifest holds, for each recording, a digest of (engine, voice, text): a changed text without its new recording is
found by a test, and a second run renders only what changed.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from careline.speech.audio import RATE, encode_ulaw, level, tone, trim
from careline.speech.tts import VoiceEngine
from careline.telephony.prompts.catalogue import catalogue
from careline.telephony.prompts.music import compose

Progress = Callable[[str], None]

MANIFEST = "manifest.json"


def bundled() -> Path:
    """The folder of the bundled recordings: `<language>/<name>.ulaw`, `tones/`, `music/`, `manifest.json`."""
    return Path(str(files("careline.telephony.prompts")))


def digest(engine: str, voice: str, text: str, rate: int = RATE) -> str:
    """The cache key of a spoken text."""
    return hashlib.sha256("\0".join((engine, voice, text, str(rate))).encode()).hexdigest()


def polish(samples: array[int]) -> bytes:
    """Trimmed, brought to the house's loudness, as µ-law."""
    return encode_ulaw(level(trim(samples)))


def spoken_name(text: str) -> str:
    """The file name of a text that has no key."""
    return "spoken-" + hashlib.sha256(text.encode()).hexdigest()[:20]


def render_prompts(engine: VoiceEngine, folder: Path | None = None, progress: Progress = print) -> int:
    """Render what is missing or changed into `folder` (default: the bundled one). Returns how many were made."""
    folder = folder or bundled()
    manifest_file = folder / MANIFEST
    manifest: dict[str, dict[str, str]] = json.loads(manifest_file.read_text()) if manifest_file.exists() else {}
    made = 0
    shipped = catalogue()
    for language in shipped.languages:
        voice = engine.voice(language)
        if voice is None:
            continue
        texts = wanted(language)
        target = folder / language
        target.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            want = digest(engine.name, voice, text)
            file = target / f"{name}.ulaw"
            known = manifest.get(f"{language}/{name}", {})
            if known.get("text") == want and file.exists() and known.get("audio") == _sha256(file):
                continue
            file.write_bytes(polish(engine.speak(text, language)))
            sources = {"engine": engine.name, "voice": voice, "text": want}
            manifest[f"{language}/{name}"] = sources | {"audio": _sha256(file)}
            made += 1
            progress(f"{language} {name} {file.stat().st_size / RATE:.1f} s")
        for file in target.glob("*.ulaw"):
            if file.stem not in texts:
                file.unlink()
        for key in [k for k in manifest if k.startswith(f"{language}/") and k.partition("/")[2] not in texts]:
            del manifest[key]
    _tones(folder)
    manifest_file.write_text(json.dumps(dict(sorted(manifest.items())), indent=0, sort_keys=True) + "\n")
    return made


def outdated(folder: Path | None = None) -> list[str]:
    """The recordings (`language/name`) that are missing, damaged, or made from another text than the catalogue's."""
    folder = folder or bundled()
    manifest: dict[str, dict[str, str]] = json.loads((folder / MANIFEST).read_text())
    found = []
    for language in catalogue().languages:
        for name, text in wanted(language).items():
            file, entry = folder / language / f"{name}.ulaw", manifest.get(f"{language}/{name}")
            sound = entry is not None and file.exists() and entry["audio"] == _sha256(file)
            if entry is None or not sound or entry["text"] != digest(entry["engine"], entry["voice"], text):
                found.append(f"{language}/{name}")
    return found


def wanted(language: str) -> dict[str, str]:
    """Every recording that a language is to have: name and text."""
    shipped = catalogue()
    return shipped.recordings(language) | {spoken_name(text): text for text in shipped.spoken.get(language, ())}


def _tones(folder: Path) -> None:
    (folder / "tones").mkdir(exist_ok=True)
    (folder / "tones/beep.ulaw").write_bytes(encode_ulaw(tone(1000, 0.5)))
    (folder / "tones/silence.ulaw").write_bytes(b"\xff" * (RATE // 2))
    (folder / "music").mkdir(exist_ok=True)
    (folder / "music/careline-waiting.ulaw").write_bytes(encode_ulaw(compose()))


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
