"""Telephone audio, telling what it is, voices, and transcripts with and without the speech extra."""

from __future__ import annotations

import importlib.util
import math
import random
import sys
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.demo.ear import Ear
from careline.speech import asr, tts
from careline.speech.asr import NO_TRANSCRIPT, Passage, SpeechExtraMissing, Transcript, believable, find_transcriber
from careline.speech.audio import (
    DECODE,
    FRAME,
    RATE,
    SILENCE,
    decode_ulaw,
    encode_ulaw,
    from_pcm_bytes,
    level,
    pcm_bytes,
    read_wav,
    resample,
    rms,
    tone,
    trim,
    write_wav,
)
from careline.speech.listening import Kind, dominant, segments, steady_tone
from careline.telephony.prompts.render import bundled

pytestmark = pytest.mark.unit


def prompt(name: str, language: str = "en") -> bytes:
    return (bundled() / language / f"{name}.ulaw").read_bytes()


def music(seconds: float) -> bytes:
    return (bundled() / "music/careline-waiting.ulaw").read_bytes()[: round(seconds * RATE)]


# --- audio --------------------------------------------------------------------------------------------------------


def test_mu_law_follows_g711() -> None:
    # Corner values of ITU-T G.711 table 2a/2b, scaled to 16 bits.
    assert [DECODE[code] for code in (0x00, 0x80, 0xFF, 0x7F, 0x8F, 0x0F)] == [-32124, 32124, 0, 0, 16764, -16764]
    for code in range(256):
        again = encode_ulaw(array("h", [DECODE[code]]))[0]
        assert DECODE[again] == DECODE[code]


@given(st.integers(-32768, 32767))
def test_mu_law_loses_no_more_than_its_step(sample: int) -> None:
    back = decode_ulaw(encode_ulaw(array("h", [sample])))[0]
    assert abs(back - sample) <= max(8, abs(sample) // 16)


@pytest.mark.parametrize(("rate", "to"), [(22_050, 8000), (24_000, 8000), (8000, 16_000), (44_100, 8000), (8000, 8000)])
def test_resampling_keeps_pitch_length_and_loudness(rate: int, to: int) -> None:
    made = resample(tone(700, 0.5, rate=rate), rate, to)
    assert abs(len(made) / to - 0.5) < 0.002
    assert abs(rms(made) - 8000 / math.sqrt(2)) < 200
    if to == RATE:
        assert abs((dominant(made) or 0) - 700) <= 3


def test_resampling_folds_nothing_into_the_voice_band() -> None:
    assert rms(resample(tone(5200, 0.3, rate=24_000), 24_000)) < 30


def test_trim_and_level() -> None:
    quiet = array("h", (sample // 8 for sample in tone(500, 0.5)))
    padded = array("h", bytes(RATE)) + quiet + array("h", bytes(RATE))
    cut = trim(padded)
    assert abs(len(cut) - len(quiet)) <= 1000
    assert abs(rms(level(cut)[600:-600]) - 3300) < 200
    assert trim(array("h", bytes(RATE))) == array("h")
    loud = level(array("h", [32767, -32768] * 400))
    assert max(loud) < 24_001


def test_wav_files_go_and_come_back(tmp_path: Path) -> None:
    samples = tone(300, 0.1)
    write_wav(tmp_path / "a.wav", samples)
    assert read_wav(tmp_path / "a.wav") == (samples, RATE)
    assert from_pcm_bytes(pcm_bytes(samples) + b"x") == samples
    (tmp_path / "b.wav").write_bytes(b"not a wav file at all")
    with pytest.raises(ValueError, match="WAV"):
        read_wav(tmp_path / "b.wav")


# --- listening ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("name", ["menu.main", "greeting.emergency-notice", "voicemail.instructions", "queue.next"])
def test_speech_is_heard_as_speech(name: str, language: str) -> None:
    found = segments(prompt(name, language))
    assert {segment.kind for segment in found} <= {Kind.SPEECH, Kind.SILENCE}
    assert sum(s.seconds for s in found if s.kind is Kind.SPEECH) > 0.8 * len(prompt(name, language)) / RATE - 0.4


def test_a_whole_call_is_cut_into_its_parts() -> None:
    ring = encode_ulaw(tone(440, 2.0))
    heard = ring + SILENCE * RATE + prompt("goodbye") + SILENCE * RATE + music(10) + encode_ulaw(tone(1000, 0.5))
    found = segments(heard + SILENCE * RATE)
    kinds = [segment.kind for segment in found]
    assert kinds == [
        Kind.TONE, Kind.SILENCE, Kind.SPEECH, Kind.SILENCE, Kind.MUSIC, Kind.TONE, Kind.SILENCE
    ]  # fmt: skip
    assert abs((found[0].hz or 0) - 440) <= 3 and abs((found[5].hz or 0) - 1000) <= 3
    assert abs(found[4].seconds - 10) < 0.6
    assert found[0].start == 0 and all(a.end == pytest.approx(b.start) for a, b in pairwise(found))


def test_noise_and_speech_are_no_tone() -> None:
    dice = random.Random(4)
    assert steady_tone(array("h", (dice.randrange(-6000, 6000) for _ in range(RATE)))) is None
    assert steady_tone(decode_ulaw(prompt("menu.main"))[RATE : 2 * RATE]) is None
    assert steady_tone(array("h", bytes(2 * RATE))) is None
    assert segments(b"") == []


def test_an_ear_knows_music_silence_and_the_beep() -> None:
    def ear_after(sound: bytes) -> Ear:
        ear = Ear()
        for start in range(0, len(sound) - FRAME + 1, FRAME):
            ear.hear(sound[start : start + FRAME])
        return ear

    assert ear_after(music(6)).music_ever
    spoken = ear_after(prompt("menu.main") + prompt("menu.main", "es"))
    assert spoken.heard_something and not spoken.music_ever and not spoken.beeped
    assert ear_after((bundled() / "tones/beep.ulaw").read_bytes()).beeped
    assert not ear_after(encode_ulaw(tone(440, 1))).beeped
    assert not ear_after(SILENCE * RATE).heard_something


# --- voices -------------------------------------------------------------------------------------------------------


def test_a_voice_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(tts.VoiceUnavailable):
        tts.Espeak(tmp_path / "nothing").speak("Hello", "en")
    with pytest.raises(tts.VoiceUnavailable):
        tts.Espeak(Path(sys.executable)).speak("Hello", "en")
    with pytest.raises(tts.VoiceUnavailable):
        tts.Piper({}).speak("Hola", "es")
    assert tts.Piper({}).voice("es") is None


# --- transcripts --------------------------------------------------------------------------------------------------


def passage(text: str = "Hello", *, logprob: float = -0.3, silence: float = 0.1) -> Passage:
    return Passage(0.0, 1.0, text, logprob, silence)


def test_invented_sentences_are_dropped() -> None:
    assert believable(passage())
    assert not believable(passage("  "))
    assert not believable(passage("See you in the next video.", logprob=-0.9, silence=0.8))
    assert not believable(passage("uh", logprob=-1.6))
    assert Transcript("en", (passage("One"), passage("two."))).text == "One two."


def test_without_the_extra_that_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(asr, "find_spec", lambda name: None)
    with pytest.raises(SpeechExtraMissing) as caught:
        find_transcriber(tmp_path)
    assert caught.value.detail == NO_TRANSCRIPT == "No transcript: the speech extra is not installed."


@pytest.mark.parametrize(
    ("language", "name", "words"),
    [("en", "voicemail.instructions", ["tone", "full name", "birth"]), ("es", "goodbye", ["gracias", "llamar"])],
)
async def test_speech_is_written_down(tmp_path: Path, language: str, name: str, words: list[str]) -> None:
    """With the extra: the real model reads our own prompts. Without it: the plain statement, and nothing else."""
    if importlib.util.find_spec("faster_whisper") is None:
        with pytest.raises(SpeechExtraMissing):
            find_transcriber(tmp_path)
        return
    transcriber = find_transcriber(tmp_path)
    made = await transcriber.transcribe(decode_ulaw(prompt(name, language)), RATE, language)
    assert all(word in made.text.lower() for word in words), made.text
    assert (await transcriber.transcribe(array("h", bytes(6 * RATE)), RATE, language)).text == ""
