"""`careline prompts`: check that every text has its recording, or make the recordings anew."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from careline.setup.steps import say
from careline.speech.tts import Kokoro
from careline.telephony.prompts.catalogue import catalogue
from careline.telephony.prompts.render import outdated, render_prompts

_HELP = """The bundled voice is Kokoro, which is not part of Careline. To render:
  1. make an environment with kokoro-onnx, and the model with its voices (docs/prompts.md says from which packages);
  2. set CARELINE_KOKORO_PYTHON, CARELINE_KOKORO_MODEL and CARELINE_KOKORO_VOICES to them;
  3. type: ./careline prompts render"""


def command(options: argparse.Namespace) -> int:
    """Check or render; exit code 1 when something is missing."""
    if options.action == "check":
        missing = outdated()
        for name in missing:
            print(f"{name}: its text has changed or was never recorded")
        if not missing:
            print("Every text has its recording.")
        return 1 if missing else 0
    places = [os.environ.get(f"CARELINE_KOKORO_{part}") for part in ("PYTHON", "MODEL", "VOICES")]
    if not all(places):
        print(_HELP)
        return 1
    python, model, voices = (Path(place) for place in places if place)
    spoken_by = {code: (known.voice, known.locale, known.speed) for code, known in catalogue().languages.items()}
    engine = Kokoro(python, model, voices, spoken_by)
    try:
        made = render_prompts(engine, progress=say)
    finally:
        engine.close()
    print(f"{made} recordings made.")
    return 0
