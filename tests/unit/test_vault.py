"""The recording file: what goes in comes out, nothing else passes, and a cut-off file is readable as far as it goes."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careline.recordings.service import Sound
from careline.recordings.vault import DamagedRecording, Header, Opener, Sealer, WrappingKey, read_header, unwrap, wrap
from careline.security.keys import Undecryptable
from careline.speech.audio import decode_ulaw, pcm_bytes

pytestmark = pytest.mark.unit

KEY = bytes(range(32))
WRAPPING = WrappingKey("life-1", b"w" * 32, b"sealed by the tenant's key")
HEADER = wrap(WRAPPING, KEY, "rec-1", 7, "2026-03-08T12:00:00+00:00")


def write(path: Path, *sounds: bytes, last: bool = True, header: Header = HEADER) -> None:
    sealer = Sealer(path, header, KEY)
    for sound in sounds:
        sealer.add(sound)
    if last:
        sealer.add(b"", last=True)
    sealer.close()


def read(path: Path, key: bytes = KEY) -> bytes:
    opener = Opener(path, key)
    return b"".join(opener.read(0, opener.size))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=1, max_size=900), min_size=1, max_size=5), st.data())
def test_any_range_of_any_file_comes_back(tmp_path: Path, sounds: list[bytes], data: st.DataObject):
    path = tmp_path / f"{os.urandom(8).hex()}.clr"
    write(path, *sounds)
    whole = b"".join(sounds)
    opener = Opener(path, KEY)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    assert (opener.whole, opener.size) == (True, len(whole))
    assert b"".join(opener.read(start, end)) == whole[start:end]


def test_the_key_comes_out_of_the_header_only_with_the_wrapping_key(tmp_path: Path):
    write(tmp_path / "a", b"sound")
    with (tmp_path / "a").open("rb") as file:
        header = read_header(file)
    assert header == HEADER
    assert header.sealed_wrapping_key == WRAPPING.sealed
    assert unwrap(header, WRAPPING.secret) == KEY
    with pytest.raises(Undecryptable):
        unwrap(header, b"x" * 32)
    assert KEY not in (tmp_path / "a").read_bytes()


def test_every_changed_bit_of_sound_is_noticed(tmp_path: Path):
    write(tmp_path / "a", b"first chunk", b"second chunk")
    good = (tmp_path / "a").read_bytes()
    begin = good.index(b"}") + 1 + 4
    for position in range(begin, len(good), 3):
        bad = bytearray(good)
        bad[position] ^= 1
        (tmp_path / "b").write_bytes(bad)
        try:
            found = read(tmp_path / "b")
        except DamagedRecording:
            continue
        # only a chunk's length can have been hit: then the rest is missing, and it shows
        assert not Opener(tmp_path / "b", KEY).whole
        assert b"first chunksecond chunk".startswith(found)


def test_chunks_cannot_be_swapped_or_taken_to_another_recording(tmp_path: Path):
    write(tmp_path / "a", b"aaaa", b"bbbb")
    good = (tmp_path / "a").read_bytes()
    begin, size = good.index(b"}") + 1, 4 + 12 + 4 + 16
    first, second, rest = good[begin : begin + size], good[begin + size : begin + 2 * size], good[begin + 2 * size :]
    (tmp_path / "b").write_bytes(good[:begin] + second + first + rest)
    with pytest.raises(DamagedRecording):
        read(tmp_path / "b")
    write(tmp_path / "c", header=wrap(WRAPPING, KEY, "rec-2", 7, "2026-03-08T12:00:00+00:00"))
    other = (tmp_path / "c").read_bytes()
    (tmp_path / "d").write_bytes(other[: other.index(b"}") + 1] + first + second + rest)
    with pytest.raises(DamagedRecording):
        read(tmp_path / "d")


def test_a_file_cut_off_anywhere_is_readable_up_to_its_last_whole_chunk_and_can_be_continued(tmp_path: Path):
    write(tmp_path / "a", b"a" * 50, b"b" * 50, last=False)
    good = (tmp_path / "a").read_bytes()
    begin = good.index(b"}") + 1
    for length in range(begin, len(good) + 1, 7):
        path = tmp_path / f"cut-{length}"
        path.write_bytes(good[:length])
        kept = read(path)
        assert kept == b"a" * 50 + b"b" * 50 if length == len(good) else kept in (b"", b"a" * 50)
        assert not Opener(path, KEY).whole
        sealer = Sealer(path, HEADER, KEY)
        sealer.add(b"later", last=True)
        sealer.close()
        assert read(path) == kept + b"later"
        assert Opener(path, KEY).whole


def test_a_finished_file_is_not_continued_and_other_files_are_refused(tmp_path: Path):
    write(tmp_path / "a", b"sound")
    with pytest.raises(DamagedRecording):
        Sealer(tmp_path / "a", HEADER, KEY)
    for text in (b"", b"RIFF....WAVE", b"CLREC01\n" + struct.pack("<I", 99) + b"{", b"CLREC01\n\x02\x00\x00\x00{}"):
        (tmp_path / "b").write_bytes(text)
        with pytest.raises(DamagedRecording):
            Opener(tmp_path / "b", KEY)


def test_a_full_disk_leaves_no_half_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sealer = Sealer(tmp_path / "a", HEADER, KEY)
    sealer.add(b"before")
    real, calls = os.write, []

    def full(fd: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return real(fd, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        sealer.add(b"lost")
    monkeypatch.setattr(os, "write", real)
    sealer.add(b"after", last=True)
    sealer.close()
    assert read(tmp_path / "a") == b"beforeafter"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_range_of_the_wav_file_is_the_same_as_of_the_whole(tmp_path: Path, data: st.DataObject):
    path = tmp_path / "wav.clr"
    if not path.exists():
        write(path, os.urandom(600), os.urandom(401 * 2))
    sound = Sound(Opener(path, KEY))
    whole = b"".join(sound.read())
    assert len(whole) == sound.size == 44 + 2 * (600 + 802)
    assert whole[44:] == pcm_bytes(decode_ulaw(read(path)))
    start = data.draw(st.integers(0, sound.size))
    end = data.draw(st.integers(start, sound.size))
    assert b"".join(sound.read(start, end)) == whole[start:end]
