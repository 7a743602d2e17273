"""Speaks for `tts.Kokoro`: run by an interpreter that has kokoro-onnx, one JSON job a line in, `ok` a line out.

It is a program of its own and is imported by nothing, because kokoro-onnx brings in packages under the GPL.
"""

from __future__ import annotations

import importlib
import json
import sys
import wave
from typing import Any


def main(model: str, voices: str) -> None:
    """Load the model, then speak until standard input ends."""
    np: Any = importlib.import_module("numpy")
    ort: Any = importlib.import_module("onnxruntime")
    kokoro: Any = importlib.import_module("kokoro_onnx")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    voice = kokoro.Kokoro.from_session(session, voices)
    for line in sys.stdin:
        job = json.loads(line)
        samples, rate = voice.create(job["text"], voice=job["voice"], speed=job["speed"], lang=job["lang"])
        with wave.open(job["out"], "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
        print("ok", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
