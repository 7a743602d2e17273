"""Which language a page speaks, and that everything the shell says exists in Spanish."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

import careline.web
from careline.kernel import errors
from careline.platform.i18n import gettext, use_language
from careline.web.errors import _BY_STATUS
from careline.web.i18n import load_catalogues, wanted_language

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cookie", "header", "language"),
    [
        (None, None, "en"),
        (None, "es-MX,es;q=0.9,en;q=0.8", "es"),
        (None, "en-US,es;q=0.9", "en"),
        (None, "fr, es;q=0.5", "es"),
        (None, "de", "en"),
        (None, "es;q=0, en", "en"),
        (None, ";;;q=,=,q=x", "en"),
        ("es", "en", "es"),
        ("xx", "es", "es"),
    ],
)
def test_the_cookie_wins_then_the_browsers_wish(cookie: str | None, header: str | None, language: str) -> None:
    assert wanted_language(cookie, header) == language


def said_by_the_shell() -> list[str]:
    found = extract_from_dir(
        str(Path(careline.web.__file__).parent),
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        options_map={},
        keywords={"_": None, "N_": None},
    )
    # `_(problem["title"])` and the like name no sentence.
    sentences = {message for _, _, message, _, _ in found if isinstance(message, str)} - {"title", "detail"}
    sentences |= {detail for _, detail in _BY_STATUS.values()}
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.CarelineError)]
    sentences |= {(c.__doc__ or "").splitlines()[0] for c in classes if c.id not in ("internal-error", "invalid-input")}
    return sorted(sentences)


@pytest.mark.parametrize("message", said_by_the_shell(), ids=lambda m: m[:50])
def test_exists_in_spanish(message: str) -> None:
    load_catalogues()
    use_language("es")
    try:
        assert gettext(message) != message
    finally:
        use_language("en")
