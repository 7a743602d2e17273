"""One pipe between Asterisk and the recorder: 16-bit stereo comes in, sealed µ-law goes to the file."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Final

from careline.recordings.vault import CHUNK, Sealer
from careline.speech.audio import encode_ulaw, from_pcm_bytes

log = logging.getLogger(__name__)

#: Linux's fcntl number (F_SETPIPE_SZ); missing from the `fcntl` module before Python 3.10 and elsewhere.
_SET_PIPE_SIZE: Final = 1031
#: Half a minute of sound can wait for a recorder that is being restarted; less where the user may not have so much.
_PIPE_BYTES: Final = (1_048_576, 262_144)
_FULL: Final = CHUNK * 2
_FRAME: Final = 4
_READ: Final = 65_536


def make_pipe(path: Path, user: pwd.struct_passwd | None) -> None:
    """A named pipe that Asterisk's user may write into. Left alone when it is there."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


class Pipe:
    """Reads one pipe until its writer closes it."""

    def __init__(self, path: Path, sealer: Sealer, *, resumed: bool, ended: Callable[[], None]) -> None:
        self.path = path
        self.sealer = sealer
        #: Chunks that could not be written (disk full): the sound has a gap, the call goes on.
        self.lost = 0
        self._ended = ended
        self._buffer = bytearray()
        self._heard = resumed and sealer.chunks > 0
        self._resumed = resumed
        self._alive_after_resuming = False
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        for size in _PIPE_BYTES:
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._fd, _SET_PIPE_SIZE, size)
                break
        self._loop.add_reader(self._fd, self._read)

    @property
    def saw_the_rest(self) -> bool:
        """Resumed while its writer was still there: when it ended is known."""
        return self._resumed and self._alive_after_resuming

    def look(self, patience: float) -> None:
        """Nothing tells us when a writer was never there, or left before we came: look now and then."""
        if self._fd < 0 or (not self._heard and self._loop.time() - self._since < patience):
            return
        self._read(sure=True)

    def let_go(self) -> None:
        """Stop reading: what was read is kept, what is in the pipe stays there as long as somebody holds it."""
        if self._fd >= 0:
            self._stop()
            rest = self._take_rest()
            if rest:
                self._seal(rest, last=False)
            self.sealer.close()

    def _stop(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1

    def _take_rest(self) -> bytes:
        rest = bytes(self._buffer[: len(self._buffer) // _FRAME * _FRAME])
        self._buffer.clear()
        return rest

    def _read(self, *, sure: bool = False) -> None:
        """Take what is there. End of file means that no writer is left; before the first sound it means not yet."""
        while self._fd >= 0:
            try:
                data = os.read(self._fd, _READ)
            except BlockingIOError:  # empty, and somebody holds the other end
                self._alive_after_resuming = True
                return
            if not data:
                if self._heard or sure:
                    self._finish()
                return
            self._heard = True
            self._buffer += data
            while len(self._buffer) >= _FULL:
                self._seal(bytes(self._buffer[:_FULL]), last=False)
                del self._buffer[:_FULL]

    def _finish(self) -> None:
        self._stop()
        self._seal(self._take_rest(), last=True)
        with contextlib.suppress(OSError):
            self.sealer.close()
        self._ended()

    def _seal(self, sound: bytes, *, last: bool) -> None:
        try:
            self.sealer.add(encode_ulaw(from_pcm_bytes(sound)), last=last)
        except OSError as error:
            if not self.lost:
                log.error("sound could not be written", extra={"error": type(error).__name__, "code": error.errno})
            self.lost += 1
