"""The prompt book: from a key and a language to the files that the switch plays.

Order: a tenant's own recording, then the bundled one. Free text (a practice's name, a custom greeting) is spoken by a
voice of this machine when it is prepared, and kept under a digest of (engine, voice, text, rate).

Paths are absolute and without extension, as Asterisk wants them. They lie in the state folder and not in the package,
because the switch runs without rights and may be unable to read a checkout.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from careline.kernel.errors import InvalidInput
from careline.speech.audio import encode_ulaw, level, read_wav, resample, trim
from careline.speech.tts import VoiceEngine, VoiceUnavailable
from careline.telephony.prompts import values
from careline.telephony.prompts.catalogue import catalogue, names
from careline.telephony.prompts.phrases import (
    KEYS,
    UnknownPrompt,
    line_greeting,
    menu_words,
    press,
    wait_band,
    whole,
)
from careline.telephony.prompts.render import MANIFEST, bundled, digest, polish, spoken_name

log = logging.getLogger(__name__)

Media = tuple[str, ...]

#: Longest replacement recording, in bytes of µ-law (two minutes).
_LONGEST = 120 * 8000
_DEFAULT = "en"


class BadRecording(InvalidInput):
    """This is not a sound file that can be used: send a 16-bit WAV file of at most two minutes."""

    id = "bad-recording"


class PromptBook:
    """The prompts of one installation. `home` is its prompts folder (CARELINE_HOME/prompts)."""

    def __init__(self, home: Path, engines: Sequence[VoiceEngine] = ()) -> None:
        """`engines`: voices for free text, best first; none means that free text falls back to a fixed greeting."""
        self.home = home.absolute()
        self._engines = engines
        self._shipped = self.home / "bundled"
        self._tasks: set[asyncio.Task[None]] = set()
        self._preparing: dict[Path, asyncio.Lock] = {}

    def install(self) -> None:
        """Copy the bundled recordings into the state folder, unless this version of them is there already."""
        source = bundled()
        stamp = self._shipped / MANIFEST
        for folder in (self.home, self._shipped, self.home / "spoken"):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        sizes = sorted(file.stat().st_size for file in source.rglob("*.ulaw"))
        wanted = (source / MANIFEST).read_bytes() + str(sizes).encode()
        if stamp.exists() and stamp.read_bytes() == wanted:
            return
        for part in (*catalogue().languages, "tones", "music"):
            (self._shipped / part).mkdir(exist_ok=True)
            (self._shipped / part).chmod(0o755)
            for file in (source / part).glob("*.ulaw"):
                _write(self._shipped / part / file.name, file.read_bytes())
        _write(stamp, wanted)

    @property
    def music_folder(self) -> Path:
        """The folder of waiting music (for musiconhold.conf)."""
        return self._shipped / "music"

    # --- finding ------------------------------------------------------------------------------------------------

    def __call__(self, tenant_id: int, language: str, key: str, **params: Any) -> Media:
        """`media` for a live call: a wrong prompt is silence and an entry in the log, never a lost call.

        A free text that nobody has prepared falls back now, and is spoken in the background for the next caller.
        """
        for text in self._free_texts(self.language(language), key, params):
            if self._engines and self.spoken(language, text) is None:
                self._prepare_soon(language, text)
        try:
            return self.media(language, key, tenant=tenant_id, **params)
        except (UnknownPrompt, KeyError):
            log.error("a prompt is missing", extra={"code": key})
            return (str(self._shipped / "tones" / "silence"),)

    def media(self, lang: str, key: str, *, tenant: int | None = None, **params: object) -> Media:
        """The files to play for a key.

        `queue.position` takes `number`; `queue.wait-range` takes `high` (minutes); `number` and `menu.press` take
        `number`; `menu.option.…` takes the `digit` to press; `digits` takes `text`; `greeting.line` takes `name` and
        `own_<language>`; `text` takes `text`, prepared beforehand; `menu.words` takes a `digit` and words for each
        language; `language.choose` speaks every language in turn; `value.…` says a value (see `values.pieces`), and
        `value.name` a name. Raises `UnknownPrompt`.
        """
        lang = self.language(lang)
        match key:
            case "beep" | "silence":
                return (str(self._shipped / "tones" / key),)
            case "language.choose":
                return tuple(self._file(code, key, tenant) for code in catalogue().languages)
            case "queue.position":
                return (self._file(lang, self._position(whole(params["number"])), tenant),)
            case "queue.wait-range":
                return (self._file(lang, f"{key}.{wait_band(whole(params.get('high', params.get('low'))))}", tenant),)
            case "number" | "ordinal" | "menu.press":
                return (self._file(lang, f"{key}.{whole(params['number'])}", tenant),)
            case "digits":
                return tuple(self._file(lang, f"number.{d}", tenant) for d in str(params["text"]) if d.isdigit())
            case "minutes":
                number = whole(params["number"])
                unit = self._file(lang, "minute" if number == 1 else "minutes", tenant)
                return (*self.media(lang, "number", tenant=tenant, number=number), unit)
            case "greeting.line":
                return self._greeting(lang, str(params.get("name") or ""), str(params.get(f"own_{lang}") or ""), tenant)
            case "menu.words":
                words = str(params.get(lang) or params.get(_DEFAULT) or "")
                spoken = self.spoken(lang, menu_words(lang, words)) if words else None
                return (*(spoken or ()), self._file(lang, press(str(params["digit"])), tenant))
            case "text" | "value.name":
                return self.spoken(lang, str(params["text"])) or ()
            case "recording":
                return (self._recorded(lang, str(params["id"]), tenant),)
            case _ if key.startswith("value."):
                names_ = values.pieces(key.removeprefix("value."), params, lang)
                return tuple(self.media(lang, n)[0] if n == "silence" else self._file(lang, n, tenant) for n in names_)
            case _ if key.startswith("menu.option."):
                return self._option(lang, key, params.get("digit", params.get("number")), tenant)
            case _:
                return (self._file(lang, key, tenant),)

    def _option(self, lang: str, key: str, digit: object, tenant: int | None) -> Media:
        """A menu choice, then the key to press for it: given as `digit`, or at the end of the key (`….billing.3`)."""
        stem, _, last = key.rpartition(".")
        if digit is None and last in KEYS:
            key, digit = stem, last
        known = self._own(lang, key, tenant) or key in names(lang)
        if not known and digit is None:
            raise UnknownPrompt(key=key)
        option = (self._file(lang, key, tenant),) if known else ()
        return option if digit is None else (*option, self._file(lang, press(str(digit)), tenant))

    def language(self, lang: str) -> str:
        """The catalogue's language for a tag such as `es-US`; English when it has none."""
        code = lang.lower().partition("-")[0]
        return code if code in catalogue().languages else _DEFAULT

    def _position(self, number: int) -> str:
        each = catalogue().prompts["queue.position"].each
        if number <= 1:
            return "queue.next"
        return f"queue.position.{number}" if each and number in each else "queue.position-far"

    def _greeting(self, lang: str, name: str, words: str, tenant: int | None) -> Media:
        """A recording, else the practice's own words, else its name, else a plain welcome: the best there is now."""
        own = self._own(lang, "greeting.line", tenant)
        if own:
            return (own,)
        for text in (words, line_greeting(lang, name) if name else ""):
            if text and (spoken := self.spoken(lang, text)):
                return spoken
        return (self._file(lang, "greeting.welcome", tenant),)

    def has_own(self, tenant: int, lang: str, key: str) -> bool:
        """Whether a tenant uses a recording of its own for a prompt."""
        return self._own(lang, key, tenant) is not None

    def _own(self, lang: str, name: str, tenant: int | None) -> str | None:
        if tenant is None:
            return None
        path = self.home / str(tenant) / lang / name
        return str(path) if path.with_name(f"{name}.ulaw").exists() else None

    def _recorded(self, lang: str, name: str, tenant: int | None) -> str:
        path = self.home / str(tenant) / lang / "recordings" / name
        if "/" in name or name.startswith(".") or not path.with_name(f"{name}.ulaw").exists():
            raise UnknownPrompt(key="recording")
        return str(path)

    def _file(self, lang: str, name: str, tenant: int | None) -> str:
        own = self._own(lang, name, tenant)
        if own:
            return own
        if name not in names(lang):
            raise UnknownPrompt(key=name)
        return str(self._shipped / lang / name)

    # --- free text ----------------------------------------------------------------------------------------------

    def spoken(self, lang: str, text: str) -> Media | None:
        """The file of a free text, when it is bundled or has been prepared; else None. Never waits."""
        lang = self.language(lang)
        if text in catalogue().spoken.get(lang, ()):
            return (str(self._shipped / lang / spoken_name(text)),)
        for file in self._candidates(lang, text):
            if file.exists():
                return (str(file.with_suffix("")),)
        return None

    def _candidates(self, lang: str, text: str) -> list[Path]:
        voices = ((engine.name, engine.voice(lang)) for engine in self._engines)
        return [self.home / "spoken" / f"{digest(name, voice, text)}.ulaw" for name, voice in voices if voice]

    def _free_texts(self, lang: str, key: str, params: Mapping[str, Any]) -> list[str]:
        match key:
            case "greeting.line" if own := params.get(f"own_{lang}"):
                return [str(own)]
            case "greeting.line" if params.get("name"):
                return [line_greeting(lang, str(params["name"]))]
            case "menu.words" if words := params.get(lang) or params.get(_DEFAULT):
                return [menu_words(lang, str(words))]
            case "text" | "value.name":
                return [str(params["text"])]
            case _:
                return []

    def _prepare_soon(self, lang: str, text: str) -> None:
        async def work() -> None:
            with contextlib.suppress(VoiceUnavailable, OSError):
                await self.prepare(lang, text)

        try:
            task = asyncio.get_running_loop().create_task(work())
        except RuntimeError:  # no event loop: somebody only looks up files
            return
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def prepare(self, lang: str, text: str) -> Media:
        """Have a free text spoken (once) and return its file. Raises `VoiceUnavailable` when no voice can read it."""
        lang = self.language(lang)
        if found := self.spoken(lang, text):
            return found
        for engine in self._engines:
            voice = engine.voice(lang)
            if voice is None:
                continue
            file = self.home / "spoken" / f"{digest(engine.name, voice, text)}.ulaw"
            async with self._preparing.setdefault(file, asyncio.Lock()):
                if not file.exists():
                    try:
                        _write(file, await asyncio.to_thread(_speak, engine, text, lang))
                    except VoiceUnavailable:
                        continue
            return (str(file.with_suffix("")),)
        raise VoiceUnavailable

    async def prepare_greetings(self, names: Iterable[str]) -> None:
        """Prepare `greeting.line` of these names in every language; what cannot be spoken keeps the fixed greeting."""
        for name in names:
            for lang in catalogue().languages:
                try:
                    await self.prepare(lang, line_greeting(lang, name))
                except VoiceUnavailable:
                    continue

    # --- a tenant's own recordings ------------------------------------------------------------------------------

    def replace(self, tenant: int, lang: str, key: str, wav: Path) -> None:
        """Use a tenant's own recording for a prompt. Raises `UnknownPrompt` or `BadRecording`, changing nothing."""
        self._check(lang, key)
        self._store(self._folder(tenant, lang), key, *read_sound(wav))

    def keep(self, tenant: int, lang: str, name: str, samples: array[int], rate: int) -> None:
        """Keep a tenant's recording under a name, for `recording`. Raises `BadRecording`, changing nothing."""
        self._store(self._folder(tenant, lang, "recordings"), name, samples, rate)

    def _folder(self, *parts: object) -> Path:
        folder = self.home
        for part in parts:
            folder = folder / str(part)
            folder.mkdir(exist_ok=True)
            folder.chmod(0o755)
        return folder

    def _store(self, folder: Path, name: str, samples: array[int], rate: int) -> None:
        sound = encode_ulaw(level(trim(resample(samples, rate))))
        if not 0 < len(sound) <= _LONGEST:
            raise BadRecording
        _write(folder / f"{name}.ulaw", sound)

    def restore(self, tenant: int, lang: str, key: str) -> None:
        """Go back to the bundled recording."""
        self._check(lang, key)
        (self.home / str(tenant) / lang / f"{key}.ulaw").unlink(missing_ok=True)

    def _check(self, lang: str, key: str) -> None:
        if lang not in catalogue().languages or key not in names(lang) | {"greeting.line"}:
            raise UnknownPrompt(key=key)


def read_sound(wav: Path) -> tuple[array[int], int]:
    """The samples and rate of an uploaded WAV file of at most 130 seconds. Raises `BadRecording`."""
    try:
        samples, rate = read_wav(wav)
    except (OSError, ValueError) as error:
        raise BadRecording from error
    if not samples or not 4000 <= rate <= 192_000 or len(samples) > 130 * rate:
        raise BadRecording
    return samples, rate


def _speak(engine: VoiceEngine, text: str, lang: str) -> bytes:
    return polish(engine.speak(text, lang))


def _write(file: Path, data: bytes) -> None:
    """Write whole or not at all; readable by the switch."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.chmod(0o644)
    shutil.move(temporary, file)
