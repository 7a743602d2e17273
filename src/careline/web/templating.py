"""Jinja2: one search path over every capability's `templates/`, translations, and the few filters pages share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from jinja2 import Environment, FileSystemLoader
from litestar.plugins.jinja import JinjaTemplateEngine

from careline.platform import i18n
from careline.platform.words import words
from careline.web.navigation import Navigation
from careline.web.static_files import StaticFiles


def make_engine(folders: Iterable[Path], static: StaticFiles, navigation: Navigation) -> JinjaTemplateEngine:
    """The template engine of the application."""
    env = Environment(
        loader=FileSystemLoader([p for p in folders if p.is_dir()]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(
        static=static.url,
        language=i18n.language,
        actor_of=actor_of,
        words=words,
        navigation=navigation.entries,
        management=navigation.management,
        now=lambda: datetime.now(UTC),
    )
    env.filters.update(local=local, duration=duration, iso=iso)
    return JinjaTemplateEngine.from_environment(env)


def actor_of(request: Any) -> Any:
    """The signed-in actor of a request, or None."""
    return request.scope["state"].get("actor")


def local(value: datetime | None, zone: str = "UTC", style: str = "short") -> str:
    """A moment in a zone, in the present language. `style`: `short` (day and time), `time`, `date` or `full`."""
    if value is None:
        return ""
    there = value.astimezone(ZoneInfo(zone))
    locale = i18n.language()
    if style == "time":
        return format_time(there, "short", locale=locale)
    if style == "date":
        return format_date(there, "medium", locale=locale)
    return format_datetime(there, "medium" if style == "short" else "full", locale=locale)


def duration(seconds: float | None) -> str:
    """Seconds as `m:ss` or `h:mm:ss`; tabular figures keep them still."""
    if seconds is None:
        return "–"
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def iso(value: datetime | None) -> str:
    """A moment for a `datetime` attribute or a script: ISO 8601, UTC."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z") if value else ""
