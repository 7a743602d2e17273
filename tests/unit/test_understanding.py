"""Cutting speech into utterances, and understanding them with the recogniser."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from careline.speech.audio import RATE, SILENCE, encode_ulaw, tone
from careline.speech.endpoint import LONGEST, OVERLAP, PAUSE, Endpointer
from careline.speech.understanding import Ability, in_text, quick
from careline.telephony import ears

pytestmark = pytest.mark.unit
SPOKEN = Path(__file__).parents[1] / "telephony/spoken"
MENU = ("billing", "appointments", "test results")


def spoken(name: str) -> bytes:
    return (SPOKEN / f"{name}.ulaw").read_bytes()


def quiet(seconds: float) -> bytes:
    return SILENCE * round(seconds * RATE)


def test_an_utterance_ends_after_a_pause_and_holds_its_beginning():
    sound = quiet(1) + spoken("billing") + quiet(1)
    (utterance,) = Endpointer().feed(sound)
    assert utterance.whole
    assert utterance.begun <= 1.1
    assert len(utterance.sound) >= len(spoken("billing")) * 0.8


def test_two_utterances_stay_apart_however_the_sound_is_chopped():
    sound = quiet(0.5) + spoken("billing") + quiet(1) + spoken("yes") + quiet(1)
    whole = list(Endpointer().feed(sound))
    chopped = Endpointer()
    pieces = [u for n in range(0, len(sound), 77) for u in chopped.feed(sound[n : n + 77])]
    assert whole == pieces
    assert len(whole) == 2


def test_somebody_who_never_pauses_is_heard_in_overlapping_pieces():
    endpointer = Endpointer(is_speech=lambda _: True)
    cut = list(endpointer.feed(b"\x00" * 20 * RATE))
    assert len(cut) >= 4
    assert all(len(u.sound) <= LONGEST * RATE for u in cut)
    for before, after in pairwise(cut):
        assert before.begun + len(before.sound) / RATE - after.begun == pytest.approx(OVERLAP, abs=0.05)


def test_silence_and_clicks_are_no_utterance():
    click = encode_ulaw(tone(1000, 0.05))
    assert list(Endpointer().feed(quiet(2) + click + quiet(PAUSE + 1))) == []


@pytest.mark.parametrize(("name", "phrase"), [("billing", "billing"), ("appointments", "appointments")])
def test_a_menu_phrase_is_understood(name: str, phrase: str):
    heard = quick(spoken(name), "en", MENU, False)
    assert heard.phrase == phrase
    assert heard.confidence > 0.5


def test_yes_and_no_are_told_apart():
    assert quick(spoken("yes"), "en", ("yes", "no"), False).phrase == "yes"
    assert quick(spoken("no"), "en", ("yes", "no"), False).phrase == "no"


@pytest.mark.parametrize(
    ("name", "rule"),
    [("chest-pain", "chest-pain"), ("cant-breathe", "breathing"), ("voicemail-breathing", "breathing")],
)
def test_v5_a_red_flag_is_spotted_in_sound(name: str, rule: str):
    assert quick(spoken(name), "en", (), True).red_flag == rule


@pytest.mark.parametrize("name", ["weather", "appointment", "billing"])
def test_ordinary_speech_raises_nothing(name: str):
    assert quick(spoken(name), "en", (), True).red_flag is None


def test_other_languages_have_no_recogniser_in_this_extra():
    assert quick(spoken("chest-pain"), "es", ("citas",), True).by == ()


@pytest.mark.parametrize(
    ("said", "phrase"),
    [("I need help with billing, please.", "billing"), ("Apointments", "appointments"), ("good morning", None)],
)
def test_a_transcript_names_a_phrase(said: str, phrase: str | None):
    assert in_text(said, MENU) == phrase


async def test_v5_a_caller_without_a_place_is_listened_to_when_one_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    @contextlib.asynccontextmanager
    async def open_media(url: str) -> AsyncIterator[Any]:
        opened.append(url)

        class Silent:
            async def frames(self) -> AsyncIterator[bytes]:
                await asyncio.Event().wait()
                yield b""

        yield Silent()

    monkeypatch.setattr(ears, "open_media", open_media)
    monkeypatch.setattr(ears, "_PLACE_EVERY", 0.01)
    listening = ears.Ears(Path("/nowhere"), most=1, ability=Ability(frozenset({"en"}), frozenset({"en"})))
    wish = ears._Wish("en", (), True)

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    first = asyncio.create_task(listening.listen("1", "first", wish, lambda _: None))  # type: ignore[arg-type]
    await until(lambda: opened == ["first"])
    second = asyncio.create_task(listening.listen("2", "second", wish, lambda _: None))  # type: ignore[arg-type]
    await until(lambda: listening.counts.refused == 1)
    status = listening.status()
    assert (status["state"], status["streams"]) == ("degraded", 1)
    assert "Not every caller is listened to" in status["detail"]
    first.cancel()
    await until(lambda: opened == ["first", "second"])
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    listening.close()
