"""The prompt catalogue, its recordings and the book that finds them."""

from __future__ import annotations

import asyncio
import json
import math
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.speech.audio import RATE, decode_ulaw, rms, tone, write_wav
from careline.speech.tts import VoiceUnavailable
from careline.telephony.prompts.book import BadRecording, PromptBook
from careline.telephony.prompts.catalogue import catalogue, spell
from careline.telephony.prompts.phrases import WAIT_BANDS, UnknownPrompt, line_greeting, wait_band
from careline.telephony.prompts.render import MANIFEST, bundled, digest, outdated, render_prompts, wanted

pytestmark = pytest.mark.unit


class Hummer:
    """A voice that hums: one tone, longer for longer texts."""

    name = "hummer"

    def __init__(self) -> None:
        self.said: list[str] = []

    def voice(self, language: str) -> str | None:
        return "hum" if language in ("en", "es") else None

    def speak(self, text: str, language: str) -> array[int]:
        self.said.append(text)
        return tone(300, 0.2 + len(text) / 100)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> PromptBook:
    made = PromptBook(tmp_path_factory.mktemp("home") / "prompts", [Hummer()])
    made.install()
    return made


def sound(media: str) -> bytes:
    return Path(f"{media}.ulaw").read_bytes()


def test_every_text_of_the_catalogue_has_the_recording_made_from_that_very_text() -> None:
    assert outdated() == [], "type: ./careline prompts render"
    for language in catalogue().languages:
        assert {p.stem for p in (bundled() / language).glob("*.ulaw")} == wanted(language).keys()


def test_a_changed_text_is_found(tmp_path: Path) -> None:
    render_prompts(Hummer(), tmp_path, lambda _: None)
    assert outdated(tmp_path) == []
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["en/goodbye"]["text"] = digest("hummer", "hum", "So long.")
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    (tmp_path / "es/beep.ulaw").write_bytes(b"")
    (tmp_path / "es/goodbye.ulaw").write_bytes(b"damaged")
    assert outdated(tmp_path) == ["en/goodbye", "es/goodbye"]


@pytest.mark.parametrize("language", ["en", "es"])
def test_recordings_are_equally_loud_and_not_clipped(language: str) -> None:
    for name, text in catalogue().recordings(language).items():
        samples = decode_ulaw((bundled() / language / f"{name}.ulaw").read_bytes())
        frames = [rms(samples[n : n + 160]) for n in range(0, len(samples), 160)]
        loud = [value for value in frames if value > 0.1 * max(frames)]
        decibel = 20 * math.log10(math.sqrt(sum(v * v for v in loud) / len(loud)) / 32768)
        assert -24 < decibel < -17, name
        assert max(samples) < 26_000
        # Spoken at a pace people can follow: between 4 and 30 letters a second.
        assert 4 < (len(text) + 4) / (len(samples) / RATE) < 30, name


def test_the_emergency_notice_is_the_first_thing_and_says_911() -> None:
    assert "nine, one, one" in catalogue().prompts["greeting.emergency-notice"].texts["en"]
    assert "nueve, uno, uno" in catalogue().prompts["greeting.emergency-notice"].texts["es"]


@pytest.mark.parametrize("language", ["en", "es", "es-US", "EN-us"])
def test_every_key_gives_a_file_in_every_language(book: PromptBook, language: str) -> None:
    for key, prompt in catalogue().prompts.items():
        if key.startswith("queue.wait-range."):
            continue
        for number in prompt.each or (0,):
            for media in book.media(language, key, number=number):
                assert media.startswith("/") and sound(media)


def test_a_language_without_recordings_is_answered_in_english(book: PromptBook) -> None:
    assert book.media("vi", "goodbye") == book.media("en", "goodbye")


def test_an_unknown_prompt_is_refused(book: PromptBook) -> None:
    with pytest.raises(UnknownPrompt):
        book.media("en", "greeting.of-nobody")
    with pytest.raises(UnknownPrompt):
        book.media("en", "../en/goodbye")


def test_a_live_call_never_fails_for_a_prompt(book: PromptBook) -> None:
    assert book(7, "es", "queue.position", number=3)[0].endswith("es/queue.position.3")
    for key in ("greeting.of-nobody", "queue.position"):
        (silence,) = book(7, "es", key)
        assert set(sound(silence)) == {0xFF}


def test_choosing_a_language_is_offered_in_both(book: PromptBook) -> None:
    english, spanish = book.media("en", "language.choose")
    assert english.endswith("en/language.choose") and spanish.endswith("es/language.choose")


def test_the_place_in_line_is_spoken(book: PromptBook) -> None:
    assert book.media("en", "queue.position", number=1)[0].endswith("queue.next")
    assert book.media("en", "queue.position", number=7)[0].endswith("queue.position.7")
    assert book.media("es", "queue.position", number=400)[0].endswith("queue.position-far")


@given(st.integers(0, 500))
def test_a_wait_is_never_announced_shorter_than_estimated(minutes: int) -> None:
    band = wait_band(minutes)
    assert band == "more" if minutes > WAIT_BANDS[-1] else int(band) >= minutes


def test_menu_options_name_their_key(book: PromptBook) -> None:
    option, press = book.media("en", "menu.option.billing", digit="3")
    assert option.endswith("menu.option.billing") and press.endswith("menu.press.3")
    assert book.media("en", "menu.option.billing.3") == (option, press)
    assert book.media("en", "menu.option.repeat", digit="*")[1].endswith("menu.press-star")
    assert book.media("en", "menu.option.billing") == (option,)
    with pytest.raises(UnknownPrompt):
        book.media("en", "menu.option.billing", digit="A")


def test_digits_and_minutes_are_put_together(book: PromptBook) -> None:
    assert [m.rsplit(".", 1)[1] for m in book.media("en", "digits", text="+1 (555) 0")] == ["1", "5", "5", "5", "0"]
    assert book.media("en", "minutes", number=1)[1].endswith("minute")
    assert book.media("es", "minutes", number=12)[1].endswith("minutes")


@pytest.mark.parametrize(
    ("number", "english", "spanish"),
    [
        (0, "zero", "cero"),
        (17, "seventeen", "diecisiete"),
        (22, "twenty-two", "veintidós"),
        (99, "ninety-nine", "noventa y nueve"),
    ],
)
def test_numbers_are_words(number: int, english: str, spanish: str) -> None:
    assert (spell(number, "en"), spell(number, "es")) == (english, spanish)


async def test_free_text_is_spoken_once_and_kept(tmp_path: Path) -> None:
    voice = Hummer()
    book = PromptBook(tmp_path, [voice])
    book.install()
    assert book.media("en", "greeting.line", name="Pine Street Pediatrics") == book.media("en", "greeting.welcome")
    await book.prepare_greetings(["Pine Street Pediatrics"])
    await book.prepare_greetings(["Pine Street Pediatrics"])
    assert voice.said == [line_greeting(lang, "Pine Street Pediatrics") for lang in ("en", "es")]
    (media,) = book.media("en", "greeting.line", name="Pine Street Pediatrics")
    assert len(sound(media)) > 2000


async def test_a_menu_in_the_practices_own_words_is_spoken_from_the_second_call_on(tmp_path: Path) -> None:
    book = PromptBook(tmp_path, [Hummer()])
    book.install()
    words = {"en": "travel clinic", "es": "medicina del viajero"}
    assert book(1, "es", "menu.words", digit="6", **words) == book.media("es", "menu.press", number=6)
    await asyncio.gather(*book._tasks)
    option, press = book(1, "es", "menu.words", digit="6", **words)
    assert "spoken" in option and press.endswith("es/menu.press.6")


def test_an_option_without_a_recording_still_names_its_key(book: PromptBook) -> None:
    assert book.media("en", "menu.option.zoology", digit="5") == book.media("en", "menu.press", number=5)
    with pytest.raises(UnknownPrompt):
        book.media("en", "menu.option.zoology")


async def test_the_practices_own_greeting_goes_before_its_name(tmp_path: Path) -> None:
    book = PromptBook(tmp_path, [Hummer()])
    book.install()
    greeting = {"name": "Elm Street", "own_en": "Hello from Elm Street."}
    await book.prepare_greetings(["Elm Street"])
    by_name = book(1, "en", "greeting.line", **greeting)
    assert by_name == book.media("en", "greeting.line", name="Elm Street") != book.media("en", "greeting.welcome")
    await asyncio.gather(*book._tasks)
    assert book(1, "en", "greeting.line", **greeting) == book.spoken("en", "Hello from Elm Street.")
    assert book(1, "es", "greeting.line", **greeting) == book.media("es", "greeting.line", name="Elm Street")


async def test_without_a_voice_the_fixed_greeting_stands_in(tmp_path: Path) -> None:
    book = PromptBook(tmp_path)
    book.install()
    with pytest.raises(VoiceUnavailable):
        await book.prepare("en", "We are at 12 Elm Street.")
    await book.prepare_greetings(["Elm Street"])
    assert book.media("es", "greeting.line", name="Elm Street")[0].endswith("es/greeting.welcome")


def test_a_practice_can_use_its_own_recording_and_go_back(book: PromptBook, tmp_path: Path) -> None:
    wav = tmp_path / "own.wav"
    write_wav(wav, tone(500, 1.0, rate=44_100), 44_100)
    bundled_one = book.media("en", "closed.hours", tenant=7)
    book.replace(7, "en", "closed.hours", wav)
    (own,) = book.media("en", "closed.hours", tenant=7)
    assert own != bundled_one[0] and 0.9 < len(sound(own)) / RATE < 1.2
    assert book.media("en", "closed.hours", tenant=8) == bundled_one
    book.restore(7, "en", "closed.hours")
    assert book.media("en", "closed.hours", tenant=7) == bundled_one


def test_an_own_greeting_replaces_the_spoken_name(book: PromptBook, tmp_path: Path) -> None:
    wav = tmp_path / "own.wav"
    write_wav(wav, tone(500, 1.0))
    book.replace(9, "es", "greeting.line", wav)
    assert "/9/es/" in book.media("es", "greeting.line", tenant=9, name="Elm Street")[0]


@pytest.mark.parametrize("content", [b"", b"RIFF....", b"\x00" * 5000, "silence"])
def test_a_bad_recording_is_refused_and_changes_nothing(book: PromptBook, tmp_path: Path, content: bytes | str) -> None:
    wav = tmp_path / "bad.wav"
    if isinstance(content, bytes):
        wav.write_bytes(content)
    else:
        write_wav(wav, array("h", bytes(16_000)))
    with pytest.raises(BadRecording):
        book.replace(7, "en", "goodbye", wav)
    assert "bundled" in book.media("en", "goodbye", tenant=7)[0]
    with pytest.raises(UnknownPrompt):
        book.replace(7, "en", "../../etc", wav)


def test_rendering_makes_only_what_changed(tmp_path: Path) -> None:
    voice, heard = Hummer(), list[str]()
    total = render_prompts(voice, tmp_path, heard.append)
    assert total == len(heard) == len(voice.said) == len(list(tmp_path.glob("e[ns]/*.ulaw")))
    (tmp_path / "en/goodbye.ulaw").write_bytes(b"damaged")
    (tmp_path / "es/left-over.ulaw").write_bytes(b"old")
    assert render_prompts(voice, tmp_path, heard.append) == 1
    assert not (tmp_path / "es/left-over.ulaw").exists()


def test_the_music_is_music(book: PromptBook) -> None:
    (file,) = book.music_folder.glob("*.ulaw")
    samples = decode_ulaw(file.read_bytes())
    assert len(samples) / RATE > 60
    quietest = min(rms(samples[n : n + RATE]) for n in range(0, len(samples), RATE))
    assert quietest > 500
    # It loops without a click: the step over the seam is no larger than steps inside it.
    assert abs(samples[0] - samples[-1]) < max(abs(a - b) for a, b in pairwise(samples))
