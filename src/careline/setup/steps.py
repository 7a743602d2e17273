"""Set-up steps: each can say whether its component is there, and fetch it when not. Shown with sizes and times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from careline.kernel.errors import CarelineError

Say = Callable[[str], None]


class StepFailed(CarelineError):
    """A set-up step failed."""

    id = "setup-step-failed"

    def __init__(self, step: str, why: str, advice: str) -> None:
        """`advice` is what a person can type or do."""
        super().__init__(f"set-up step '{step}' failed.\n  {why.strip()}\n  What to do: {advice}")
        self.step, self.why, self.advice = step, why, advice


@dataclass(frozen=True)
class Step:
    """One component that a machine needs."""

    name: str
    #: Version and place of the component in a few words, or None when it is missing.
    check: Callable[[], str | None]
    #: Fetches it; tells its progress by the function it is given.
    install: Callable[[Say], None]
    #: What a person types when `install` cannot do it.
    advice: str
    #: Careline works without it, with something missing; its failure is told and does not stop the rest.
    optional: bool = False


def say(text: str) -> None:
    """One line of progress on standard error."""
    print(f"careline: {text}", file=sys.stderr, flush=True)


def prepare(steps: Sequence[Step], tell: Say = say) -> None:
    """Bring every component here that is missing, in order; raises StepFailed naming the step and the way out."""
    for step in steps:
        if step.check() is not None:
            continue
        tell(f"{step.name}: installing")
        started = time.monotonic()
        try:
            found = _install(step, tell)
        except StepFailed as failed:
            if not step.optional:
                raise
            tell(f"going on without it: {failed.detail}")
        else:
            tell(f"{step.name}: {found} ready after {time.monotonic() - started:.1f} s")


def _install(step: Step, tell: Say) -> str:
    """Install one component; what it is now. Raises StepFailed, whatever went wrong."""
    try:
        step.install(lambda text: tell(f"{step.name}: {text}"))
    except StepFailed:
        raise
    except CarelineError as error:
        raise StepFailed(step.name, error.detail, step.advice) from error
    except (OSError, LookupError, ValueError, RuntimeError, ImportError) as error:
        raise StepFailed(step.name, f"{type(error).__name__}: {error}", step.advice) from error
    found = step.check()
    if found is None:
        raise StepFailed(step.name, "It was installed, and still does not answer.", step.advice)
    return found
