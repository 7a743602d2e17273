"""The demo's callers: their settings, their arrivals, how each behaves at an imagined telephone, and their sound."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from careline.demo.caller import Outcome, SyntheticCaller
from careline.demo.callers import (
    FASTEST,
    BadCallerSettings,
    CallerControl,
    CallerSettings,
    Directory,
    NotADemo,
    Population,
    serve,
)
from careline.demo.personas import personas, speech_folder
from careline.demo.rtp import Beat, Media
from careline.platform.settings import Settings
from careline.speech.audio import RATE, decode_ulaw, encode_ulaw, rms, tone
from careline.speech.listening import dominant

pytestmark = pytest.mark.unit


# --- personas -----------------------------------------------------------------------------------------------------


def test_every_line_of_every_persona_is_recorded() -> None:
    for persona in personas().values():
        assert persona.lines.keys() == {"opening", "detail", "thanks", "voicemail"}
        for line, text in persona.lines.items():
            seconds = len(persona.sound(line)) / RATE
            assert 4 < (len(text) + 4) / seconds < 30, (persona.id, line)
    recorded = {file.stem for file in speech_folder().glob("*.ulaw")}
    assert recorded == {f"{p.id}.{line}" for p in personas().values() for line in p.lines}


def test_there_is_every_habit_and_both_languages() -> None:
    habits = {persona.habit for persona in personas().values()}
    assert habits == {"ordinary", "silent", "wrong-keys", "early", "voicemail", "impatient"}
    assert {persona.language for persona in personas().values()} == {"en", "es"}


# --- settings -----------------------------------------------------------------------------------------------------


def test_settings_are_kept_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    control = CallerControl(tmp_path)
    assert control.settings() == CallerSettings()
    control.begin("12")
    assert control.settings().rate == 12
    control.begin(None)
    for bad_rate in ("many", "-3", "nan"):
        with pytest.raises(BadCallerSettings):
            control.begin(bad_rate)
    assert control.settings().rate == 12
    wanted = CallerSettings(rate=240, mix={"cita": 50})
    control.set(wanted)
    assert CallerControl(tmp_path).settings() == wanted
    for bad in (
        CallerSettings(rate=-1),
        CallerSettings(rate=FASTEST + 1),
        CallerSettings(mix={"nobody": 1}),
        CallerSettings(mix={"cita": -1}),
        CallerSettings(mix=dict.fromkeys(personas(), 0)),
        CallerSettings(at_once=0),
    ):
        with pytest.raises(BadCallerSettings):
            control.set(bad)
    assert control.settings() == wanted
    control.begin("30")
    assert control.settings() == CallerSettings(rate=30, mix={"cita": 50})
    (tmp_path / "run/callers.json").write_text("{half a fi")
    assert control.settings() == CallerSettings()


def test_status_is_known_only_while_the_callers_run(tmp_path: Path) -> None:
    control = CallerControl(tmp_path)
    assert control.status() is None
    control.report({"live": 3})
    assert control.status() == {"live": 3}
    os.utime(tmp_path / "run/callers-status.json", (0, 0))
    assert control.status() is None


async def test_a_real_system_has_no_synthetic_callers() -> None:
    with pytest.raises(NotADemo):
        await serve(Settings(home=Path("/nowhere")), None, asyncio.Event())  # type: ignore[arg-type]


# --- a telephone that is only imagined ----------------------------------------------------------------------------


class Imagined:
    """Stands for a phone and its call: virtual time passes as the caller waits, a script says what is heard when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, script: list[tuple[float, str]]) -> None:
        self.now = 0.0
        self.script = script
        self.media = self
        self.pressed: list[tuple[float, str]] = []
        self.said: list[float] = []
        self.answered, self.ended = asyncio.Event(), asyncio.Event()
        self.hung_up = False
        self.on_sound: Any = None
        self.shown: str | None = None
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr("careline.demo.caller.time", clock)
        monkeypatch.setattr("careline.demo.ear.time", clock)

    async def call(self, number: str, to: tuple[str, int], *, caller: str | None, keep: bool) -> Imagined:
        self.shown = caller
        return self

    def _heard(self) -> str:
        return next((what for at, what in reversed(self.script) if self.now >= at), "silence")

    async def wait(self, seconds: float) -> bool:
        end = self.now + seconds
        while self.now < end and not self.ended.is_set():
            self.now += 0.02
            what = self._heard()
            if what == "end":
                self.ended.set()
            elif what != "ringing":
                self.answered.set()
                self.on_sound(_SOUNDS[what](self.now))
        await asyncio.sleep(0)
        return not self.ended.is_set()

    def press(self, keys: str) -> None:
        self.pressed.append((self.now, keys))

    def say(self, sound: bytes) -> None:
        self.said.append(self.now)

    def hang_up(self) -> None:
        self.hung_up = True


def _cut(sound: bytes, now: float) -> bytes:
    start = round(now * 50) * 160 % (len(sound) - 160)
    return sound[start : start + 160]


_SPEECH = encode_ulaw(tone(300, 1.0) + tone(900, 0.06, amplitude=20) + tone(700, 0.94))
_MUSIC = encode_ulaw(tone(250, 3.0))
_SOUNDS: dict[str, Any] = {
    "silence": lambda now: b"\xff" * 160,
    "speech": lambda now: _cut(_SPEECH, now) if now % 0.5 < 0.4 else b"\xff" * 160,
    "music": lambda now: _cut(_MUSIC, now),
    "beep": lambda now: encode_ulaw(tone(1000, 1.0))[400:560],
}


async def live(monkeypatch: pytest.MonkeyPatch, who: str, script: list[tuple[float, str]], seed: int = 1):
    imagined = Imagined(monkeypatch, script)
    caller = SyntheticCaller(
        personas()[who], imagined, number="+15555550100", sip=("127.0.0.1", 5060), caller="+15555550142",  # type: ignore[arg-type]
        dice=Random(seed),
    )  # fmt: skip
    return imagined, await caller.call()


MENU = [(0.0, "ringing"), (2.0, "speech"), (12.0, "silence"), (18.0, "speech"), (30.0, "silence")]


async def test_a_caller_presses_keys_waits_talks_and_thanks(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [*MENU, (33.0, "music"), (50.0, "speech"), (54.0, "music"), (60.0, "silence")]
    imagined, outcome = await live(monkeypatch, "appointment", script)
    assert outcome is Outcome.SERVED
    assert [keys for _, keys in imagined.pressed] == ["1", "1"]
    assert 12 < imagined.pressed[0][0] < 18 < imagined.pressed[1][0] < 33
    assert imagined.said[0] > 60 and len(imagined.said) == 3
    assert imagined.hung_up and imagined.shown == "+15555550142"


async def test_an_announcement_between_the_music_is_no_person(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [*MENU, (33.0, "music"), (45.0, "speech"), (49.0, "silence"), (49.8, "music"), (4000.0, "end")]
    imagined, outcome = await live(monkeypatch, "appointment", script)
    assert outcome is Outcome.GAVE_UP
    assert imagined.said == []


async def test_a_caller_on_hold_waits_and_goes_on_where_the_talk_was(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [*MENU, (33.0, "music"), (50.0, "silence"), (58.0, "music"), (90.0, "silence")]
    imagined, outcome = await live(monkeypatch, "appointment", script)
    assert outcome is Outcome.SERVED
    assert 50 < imagined.said[0] < 58 and imagined.said[1] > 90 and len(imagined.said) == 3


async def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = []
    for seed in range(12):
        imagined, outcome = await live(monkeypatch, "hurried", [*MENU, (33.0, "music")], seed)
        assert outcome is Outcome.GAVE_UP and imagined.hung_up
        waits.append(imagined.now - 33)
    assert len({round(wait) for wait in waits}) > 6 and max(waits) < 400


async def test_a_beep_is_answered_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [(0.0, "ringing"), (1.0, "speech"), (20.0, "beep"), (20.5, "silence"), (90.0, "end")]
    imagined, outcome = await live(monkeypatch, "cita", script)
    assert outcome is Outcome.MESSAGE
    assert len(imagined.said) == 1 and imagined.said[0] > 20


async def test_the_silent_press_nothing_and_the_fumbling_press_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [*MENU, (33.0, "music"), (44.0, "silence")]
    silent, outcome = await live(monkeypatch, "quiet-elder", script)
    assert outcome is Outcome.SERVED and silent.pressed == []
    fumbling, _ = await live(monkeypatch, "fumbler", script)
    assert fumbling.pressed[0][1] == "7"


async def test_a_changed_mind_hangs_up_within_the_menu(monkeypatch: pytest.MonkeyPatch) -> None:
    imagined, outcome = await live(monkeypatch, "changed-mind", MENU)
    assert outcome is Outcome.LEFT_EARLY and imagined.now < 25 and imagined.hung_up


async def test_the_offer_of_a_message_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [*MENU, (33.0, "music"), (100.0, "beep"), (100.6, "silence"), (140.0, "end")]
    imagined, outcome = await live(monkeypatch, "messenger", script, seed=2)
    assert outcome is Outcome.MESSAGE
    assert [keys for _, keys in imagined.pressed][:3] == ["1", "2", "1"]


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ([(0.0, "ringing"), (3.0, "end")], Outcome.NOT_ANSWERED),
        ([(0.0, "ringing")], Outcome.NOT_ANSWERED),
        ([*MENU, (31.0, "end")], Outcome.CUT_OFF),
        ([*MENU, (33.0, "music"), (40.0, "end")], Outcome.CUT_OFF),
    ],
)
async def test_every_end_has_a_name(
    monkeypatch: pytest.MonkeyPatch, script: list[tuple[float, str]], outcome: Outcome
) -> None:
    imagined, ended = await live(monkeypatch, "appointment", script)
    assert ended is outcome and imagined.hung_up


# --- arrivals -----------------------------------------------------------------------------------------------------


async def test_arrivals_follow_the_mix_and_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[tuple[str, str, str | None]] = []

    async def call(self: SyntheticCaller) -> Outcome:
        begun.append((self.persona.id, self.number, self.caller))
        await asyncio.sleep(0)
        return Outcome.GAVE_UP

    monkeypatch.setattr(SyntheticCaller, "call", call)
    callers = {"en": ["+15555550110"], "es": ["+15555550120"]}
    directory = Directory(lines=["+15555550100", "+15555550101"], callers=callers)
    population = Population(None, ("127.0.0.1", 1), directory, CallerControl(tmp_path), seed=5)  # type: ignore[arg-type]
    only = CallerSettings(mix=dict.fromkeys(personas(), 0.0) | {"cita": 3, "billing": 1}, at_once=5)
    for _ in range(400):
        population._arrive(only)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    spanish = [entry for entry in begun if entry[0] == "cita"]
    assert {entry[0] for entry in begun} == {"cita", "billing"}
    assert 0.68 < len(spanish) / len(begun) < 0.82
    assert {entry[2] for entry in spanish} == {"+15555550120", None}
    assert {entry[1] for entry in begun} == set(directory.lines)
    await asyncio.sleep(0)
    assert population.outcomes["gave-up"] == len(begun)
    status = population.snapshot(only)
    assert status["live"] == 0 and 100 < int(str(status["calling_again"])) < 260
    assert "+1555" not in json.dumps(status)
    for _ in range(8):
        population._arrive(only)
    assert population.outcomes["too-many-at-once"] == 3


# --- sound --------------------------------------------------------------------------------------------------------


async def test_speech_and_keys_cross_the_wire() -> None:
    beat = Beat()
    one, other = Media(beat), Media(beat)
    ports = [await media.open("127.0.0.1") for media in (one, other)]
    heard: list[bytes] = []
    other.on_sound = heard.append
    one.start(("127.0.0.1", ports[1]))
    other.start(("127.0.0.1", ports[0]))
    one.press("1x#D")
    one.say(encode_ulaw(tone(600, 0.6)))
    async with asyncio.timeout(20):
        while one.busy or other.keys_heard != ["1", "#", "D"]:
            await asyncio.sleep(0.02)
    assert one.keys_heard == []
    said = b"".join(heard)
    assert abs((dominant(decode_ulaw(said)) or 0) - 600) <= 3
    assert rms(decode_ulaw(one.tail(0.2))) == 0
    other.datagram_received(b"\x00" * 40, ("127.0.0.1", 9))  # not RTP
    other.datagram_received(b"\x80", ("127.0.0.1", 9))
    one.close()
    other.close()
    one.close()
