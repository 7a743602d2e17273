"""The sound of a recording, for the player on a call's record: decrypted as it is sent, with ranges for seeking."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Response, Stream

from careline.security.actor import Actor

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
#: One answer is at most about a minute of sound; a player asks for the rest when it gets there.
_PIECE = 2 * 1024 * 1024


@get("/recordings/{recording_id:uuid}/audio", name="recording-audio", media_type="audio/wav")
async def audio(request: Request[Any, Any, Any], services: Any, actor: Actor, recording_id: FromPath[UUID]) -> Any:
    """A WAV file, whole or the range asked for."""
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    start = int(asked[1]) if asked and asked[1] else 0
    sound = await services.recordings.play(actor, recording_id, seek=asked is not None and asked[1] != "0")
    headers = {"Accept-Ranges": "bytes", "Cache-Control": "no-store", "Content-Disposition": "inline"}
    if asked is None:
        headers["Content-Length"] = str(sound.size)
        return Stream(sound.read(), media_type="audio/wav", headers=headers)
    if asked[1]:
        end = min(int(asked[2]) + 1 if asked[2] else sound.size, sound.size)
    else:  # `bytes=-500`: the last 500
        start, end = max(0, sound.size - int(asked[2] or 0)), sound.size
    if start >= end:
        unmet = {**headers, "Content-Range": f"bytes */{sound.size}"}
        return Response(b"", status_code=416, media_type="audio/wav", headers=unmet)
    end = min(end, start + _PIECE)
    headers |= {"Content-Range": f"bytes {start}-{end - 1}/{sound.size}", "Content-Length": str(end - start)}
    return Stream(sound.read(start, end), status_code=206, media_type="audio/wav", headers=headers)


handlers: list[Any] = [audio]
