"""The forms of agents' routing, read: one person's page, and one change for many people. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

from careline.kernel.errors import InvalidInput
from careline.platform.i18n import gettext as _
from careline.queues.views import AgentProfile, MemberPlace, WorkRules
from careline.security.forms import Form

#: The kinds of work an agent can have at once, and of which one may come in beside another.
CHANNELS = ("voice", "chat", "message")

Change = Callable[[AgentProfile], AgentProfile]


def read_skills(text: str) -> dict[str, float]:
    """`scheduling 50, pediatrics 20` as a mapping; without a number the least, 1."""
    found: dict[str, float] = {}
    for part in text.replace("\n", ",").split(","):
        words = part.split()
        if not words:
            continue
        try:
            found[words[0].lower()] = float(words[1]) if len(words) > 1 else 1.0
        except ValueError as error:
            raise InvalidInput(_("Write skills as: scheduling 50, pediatrics 20"), field="skills") from error
        if len(words) > 2:
            raise InvalidInput(_("Write skills as: scheduling 50, pediatrics 20"), field="skills")
    return found


def identifier(text: str) -> UUID:
    """An id from a form. Raises `InvalidInput`."""
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(_("That choice does not exist.")) from error


def _whole(form: Form, name: str, default: int) -> int:
    try:
        return int(form.text(name) or default)
    except ValueError as error:
        raise InvalidInput(_("Fill in whole numbers."), field=name) from error


def _decimal(form: Form, name: str, default: float) -> float:
    try:
        return float(form.text(name) or default)
    except ValueError as error:
        raise InvalidInput(_("Fill in a number: %(field)s.") % {"field": name}) from error


def read_places(form: Form) -> dict[UUID, MemberPlace]:
    """The queues that are ticked, each with the place in it."""
    return {
        identifier(queue): MemberPlace(
            position=_whole(form, f"{queue}.position", 0),
            rank=_whole(form, f"{queue}.rank", 0),
            weight=_decimal(form, f"{queue}.weight", 1),
            reserve=_whole(form, f"{queue}.reserve", 0),
        )
        for queue in form.many("queues")
    }


def read_work(form: Form, before: WorkRules) -> WorkRules:
    """Level, own wrap-up time, and by channel how much at once and what may come in beside it.

    What a form leaves empty has its default; channels of which the form does not know stay as they are.
    """
    capacity = {c: n for c, n in before.capacity.items() if c not in CHANNELS}
    interrupts = {c: o for c, o in before.interrupts.items() if c not in CHANNELS}
    for channel in CHANNELS:
        if form.text(f"capacity.{channel}"):
            capacity[channel] = _whole(form, f"capacity.{channel}", 0)
        if others := form.many(f"interrupts.{channel}"):
            interrupts[channel] = sorted(others)
    seconds = form.text("wrap_up_seconds")
    return WorkRules(
        level=_whole(form, "level", 0),
        wrap_up_seconds=_whole(form, "wrap_up_seconds", 0) if seconds else None,
        capacity=capacity,
        interrupts=interrupts,
    )


def read_change(form: Form) -> Change:
    """What is to be done to everybody who is ticked: the button that was pressed, and the fields beside it."""
    match form.text("do"):
        case "skill" | "no-skill" as what:
            skills = read_skills(form.text("skill"))
            if not skills:
                raise InvalidInput(_("Write skills as: scheduling 50, pediatrics 20"), field="skill")
            if what == "skill":
                return lambda p: replace(p, skills={**p.skills, **skills})
            return lambda p: replace(p, skills={s: n for s, n in p.skills.items() if s not in skills})
        case "serve":
            queue, reserve = identifier(form.text("queue")), _whole(form, "reserve", 0)

            def serve(p: AgentProfile) -> AgentProfile:
                place = replace(p.places.get(queue, MemberPlace()), reserve=reserve)
                return replace(p, places={**p.places, queue: place})

            return serve
        case "leave":
            left = identifier(form.text("queue"))
            return lambda p: replace(p, places={q: place for q, place in p.places.items() if q != left})
        case "speak":
            spoken = form.text("language")
            return lambda p: replace(p, languages=list(dict.fromkeys([*p.languages, spoken])))
        case "not-speak":
            unspoken = form.text("language")
            return lambda p: replace(p, languages=[code for code in p.languages if code != unspoken])
        case "capacity":
            channel, most = form.text("channel"), _whole(form, "at_once", 1)

            def take(p: AgentProfile) -> AgentProfile:
                return replace(p, work=replace(p.work, capacity={**p.work.capacity, channel: most}))

            return take
    raise InvalidInput(_("That choice does not exist."))
