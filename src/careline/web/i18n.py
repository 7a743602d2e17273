"""English and Spanish: catalogues read from each package's `translations/`, and the language a request wants."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO

from babel.core import negotiate_locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from careline.platform import i18n

COOKIE = "careline_lang"


@cache
def load_catalogues() -> dict[str, Translations]:
    """Read every `.po` file and install it. Compiled in memory, so that no binary catalogue can grow stale."""
    loaded: dict[str, Translations] = {}
    for code in i18n.LANGUAGES[1:]:
        catalogue = Catalog(locale=code)
        for package in sorted(files("careline").iterdir(), key=lambda entry: entry.name):
            source = package.joinpath("translations", f"{code}.po")
            if not source.is_file():
                continue
            with source.open("rb") as file:
                for message in read_po(file, locale=code):
                    if message.id:
                        catalogue.add(message.id, message.string)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        loaded[code] = Translations(compiled)
    i18n.install(loaded)
    return loaded


def wanted_language(cookie: str | None, accept_language: str | None) -> str:
    """The language chosen by cookie, else the best of the browser's `Accept-Language`, else English."""
    if cookie in i18n.LANGUAGES:
        return str(cookie)
    preferred = []
    for part in (accept_language or "")[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if tag and weight > 0:
            preferred.append((weight, tag.replace("-", "_")))
    preferred.sort(key=lambda entry: -entry[0])
    tags = [tag for _, tag in preferred]
    return negotiate_locale([t.partition("_")[0] for t in tags], i18n.LANGUAGES) or i18n.LANGUAGES[0]
