"""Settings: one TOML file and `CARELINE_*` environment variables, which win. Safe defaults: everything on loopback.

Each option is one field below, with its explanation; docs/settings.md is this list as a table, and a test keeps them
equal. A field `web_port` is `web_port = 8080` in the file and `CARELINE_WEB_PORT=8080` in the environment.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from careline.kernel.errors import InvalidInput

#: Variables that are not fields: needed before the settings are read, or by tests only.
ENVIRONMENT_ONLY: Mapping[str, str] = {
    "CARELINE_HOME": "State directory (database, recordings, keys, logs). Default: `.careline` in the checkout.",
    "CARELINE_CONFIG": "The settings file. Default: `careline.toml` in the state directory, else in the checkout.",
    "CARELINE_CHECKOUT": "Set by `./careline` itself: where the checkout lies.",
    "CARELINE_PYTHON": "The Python that `./careline` makes its environment with.",
    "CARELINE_UV": "The `uv` program that `./careline` makes its environment with.",
    "CARELINE_EXTRAS": "Extras to install besides Careline, once: `speech` (transcripts, a better voice).",
    "CARELINE_SERVICE_USER": "As root only: the account that PostgreSQL and Asterisk run as. Default: `nobody`.",
    "CARELINE_POSTGRES_BIN": "Directory of PostgreSQL's programs, instead of those that come with Careline.",
    "CARELINE_CHROMIUM": "Tests only: the Chromium or Chrome program to drive.",
    "CARELINE_KOKORO_PYTHON": "`careline prompts render`: a Python that has the neural voice installed.",
    "CARELINE_KOKORO_MODEL": "`careline prompts render`: that voice's model file.",
    "CARELINE_KOKORO_VOICES": "`careline prompts render`: that voice's voices file.",
    "CARELINE_DEMO_CALLS_PER_HOUR": "Set by `./careline demo --calls-per-hour`: how often synthetic callers call.",
    "CARELINE_BENCH_KEEP": "Benches only: keep the working directory for a look at its logs.",
    "CARELINE_TEST_DATABASE_URL": "Tests only: an administrator's address of an external PostgreSQL to test against.",
}


class SettingsError(InvalidInput):
    """A setting is not valid."""

    id = "invalid-setting"


def _option(default: Any, doc: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"doc": doc, "secret": secret}, repr=not secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every option of this installation. Read once at start; a change needs a restart."""

    #: Not an option of the file: where the file, and everything else, lies.
    home: Path = Path(".careline")

    web_host: str = _option("127.0.0.1", "Address the web server listens on.")
    web_port: int = _option(8080, "Port of the web server.")
    web_url: str = _option(
        "", "Address people type to reach Careline, e.g. `https://calls.example.org`. Default: made of host and port."
    )
    web_proxies: tuple[str, ...] = _option(
        (), "Addresses of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."
    )
    web_tls_certificate: str = _option("", "Certificate chain (PEM) to serve HTTPS with; empty: plain HTTP.")
    web_tls_key: str = _option("", "Private key (PEM) of that certificate.")

    database_url: str = _option(
        "",
        "Administrator's address of an external PostgreSQL 18 or later (may create roles and databases); the addresses"
        " of the application's own roles are derived from it. Empty: Careline runs its own PostgreSQL.",
        secret=True,
    )
    database_owner_url: str = _option(
        "", "Address as `careline_owner` (migrations), instead of the derived one.", secret=True
    )
    database_app_url: str = _option("", "Address as `careline_app`, instead of the derived one.", secret=True)
    database_relay_url: str = _option(
        "", "Address as `careline_relay` (event followers; must not go through a pooler).", secret=True
    )
    database_pool: int = _option(8, "Largest number of database connections of each process.")

    sip_host: str = _option("127.0.0.1", "Address that SIP and RTP listen on.")
    sip_port: int = _option(5060, "SIP port, UDP and TCP.")
    sip_tls_port: int = _option(5061, "SIP port for TLS; used when a certificate is set.")
    sip_tls_certificate: str = _option("", "Certificate chain (PEM) for SIP over TLS; empty: no TLS.")
    sip_tls_key: str = _option("", "Private key (PEM) of that certificate.")
    sip_external_address: str = _option("", "Public address to name in SIP and SDP when behind NAT.")
    rtp_first_port: int = _option(10000, "First UDP port for media.")
    rtp_last_port: int = _option(19999, "Last UDP port for media.")
    trunk_sources: tuple[str, ...] = _option(
        (),
        "Addresses or networks that calls from the public telephone network come from. Calls from anywhere else must"
        " sign in as a known telephone. Never name this machine's own 127.0.0.1: the web telephones come from there.",
    )
    trunk_host: str = _option("", "SIP server (`host:port`) for calls to the public network; empty: none can be made.")
    trunk_transport: Literal["udp", "tcp", "tls"] = _option("udp", "Transport towards that server.")
    trunk_username: str = _option(
        "", "Name to register and sign in to that server with; empty: it knows us by address."
    )
    trunk_password: str = _option("", "Password for it.", secret=True)
    region: str = _option("US", "Two-letter region that telephone numbers without a country code belong to.")

    asterisk_http_port: int = _option(8088, "Loopback port of Asterisk's HTTP server (ARI, browser telephones).")
    asterisk_manager_port: int = _option(5038, "Loopback port of Asterisk's manager interface.")

    listening_callers: int = _option(
        100, "Most callers listened to at once for emergency words and spoken menus; 0: nobody is listened to."
    )
    recognisers: int = _option(2, "How many utterances are recognised at once; each takes up to one processor core.")

    lookup_hosts: tuple[str, ...] = _option(
        (),
        "Hosts (or `host:port`) inside your own network that call flows may ask and callers may talk with. Addresses on"
        " the internet need no mention; everything inside is refused unless it is named here.",
    )
    master_key_file: str = _option(
        "",
        "File with the master key that encrypts each tenant's keys. Default: `keys/master.key` in the state directory.",
    )
    idle_lock_minutes: int = _option(15, "A page nobody touched for so long asks for the password again.")
    session_hours: int = _option(12, "A sign-in ends after this, whatever was done.")

    log_format: Literal["auto", "json", "console"] = _option(
        "auto", "`json`: one object a line; `console`: for reading; `auto`: console on a terminal, else JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = _option("info", "Least severity that is logged.")
    callcontrol_metrics_port: int = _option(0, "Loopback port for Prometheus metrics of call control; 0: off.")
    worker_metrics_port: int = _option(0, "Loopback port for Prometheus metrics of the worker; 0: off.")

    demo: bool = _option(False, "Demo system: demo sign-ins are shown and synthetic callers may be started.")

    @classmethod
    def load(cls, home: Path | None = None, environ: Mapping[str, str] | None = None) -> Self:
        """Read the file and the environment. Raises `SettingsError` naming the option that is wrong."""
        env = os.environ if environ is None else environ
        home = (home or Path(env.get("CARELINE_HOME") or _default_home(env))).absolute()
        values: dict[str, Any] = {}
        if file := _file(home, env):
            values.update(_from_file(cls, file))
        values.update(_from_environment(cls, env))
        found = cls(home=home, **values)
        found._check()
        return found

    @property
    def url(self) -> str:
        """The address people reach the pages at, without a slash at the end."""
        if self.web_url:
            return self.web_url.rstrip("/")
        scheme = "https" if self.web_tls_certificate else "http"
        return f"{scheme}://{self.web_host}:{self.web_port}"

    @property
    def secure_cookies(self) -> bool:
        """Whether browsers reach us by HTTPS, so that cookies can be bound to it."""
        return self.url.startswith("https://")

    @property
    def master_key_path(self) -> Path:
        """The file with the master key."""
        return Path(self.master_key_file) if self.master_key_file else self.home / "keys" / "master.key"

    def _check(self) -> None:
        for option in options(type(self)):
            if option.name.endswith("_port") and not 0 <= getattr(self, option.name) <= 65535:
                raise SettingsError(f"{option.name} must be a port number", setting=option.name)
        if self.rtp_first_port >= self.rtp_last_port:
            raise SettingsError("rtp_first_port must be below rtp_last_port", setting="rtp_first_port")
        for name in ("idle_lock_minutes", "session_hours", "database_pool", "recognisers"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1", setting=name)
        if bool(self.web_tls_certificate) != bool(self.web_tls_key):
            raise SettingsError("web_tls_certificate and web_tls_key belong together", setting="web_tls_key")
        if bool(self.sip_tls_certificate) != bool(self.sip_tls_key):
            raise SettingsError("sip_tls_certificate and sip_tls_key belong together", setting="sip_tls_key")
        if "127.0.0.1" in self.trunk_sources:
            # The browser telephones' proxy speaks from this address: they would all be taken for the trunk.
            raise SettingsError("trunk_sources must not contain 127.0.0.1", setting="trunk_sources")


def options(of: type[Settings] = Settings) -> list[Field[Any]]:
    """The documented options, in order."""
    return [f for f in fields(of) if "doc" in f.metadata]


def unknown_variables(environ: Mapping[str, str] | None = None) -> list[str]:
    """`CARELINE_*` variables that mean nothing: most likely typing errors (`careline doctor` shows them)."""
    known = {_variable(f) for f in options()} | set(ENVIRONMENT_ONLY)
    env = os.environ if environ is None else environ
    return sorted(name for name in env if name.startswith("CARELINE_") and name not in known)


def markdown() -> str:
    """The reference table of docs/settings.md."""
    kinds = get_type_hints(Settings)
    rows = ["| option | type | default | meaning |", "|---|---|---|---|"]
    rows += [
        f"| `{option.name}` | {_kind_name(kinds[option.name])} | {_shown(option.default)}"
        f" | {option.metadata['doc']}{' Secret.' if option.metadata['secret'] else ''} |"
        for option in options()
    ]
    rows += ["", "Only in the environment:", "", "| variable | meaning |", "|---|---|"]
    rows += [f"| `{name}` | {doc} |" for name, doc in ENVIRONMENT_ONLY.items()]
    return "\n".join(rows) + "\n"


def _default_home(env: Mapping[str, str]) -> Path:
    return Path(env.get("CARELINE_CHECKOUT") or ".") / ".careline"


def _file(home: Path, env: Mapping[str, str]) -> Path | None:
    if given := env.get("CARELINE_CONFIG"):
        if not Path(given).is_file():
            raise SettingsError(f"CARELINE_CONFIG names {given}, which is not a file")
        return Path(given)
    for place in (home, Path(env.get("CARELINE_CHECKOUT") or ".")):
        if (place / "careline.toml").is_file():
            return place / "careline.toml"
    return None


def _from_file(cls: type[Settings], file: Path) -> dict[str, Any]:
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not valid TOML: {error}") from None
    known = {f.name: f for f in options(cls)}
    kinds = get_type_hints(cls)
    values = {}
    for name, value in raw.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise SettingsError(f"{file}: there is no option {name}{hint}", setting=name)
        values[name] = _typed(name, kinds[name], value)
    return values


def _from_environment(cls: type[Settings], env: Mapping[str, str]) -> dict[str, Any]:
    kinds = get_type_hints(cls)
    values = {}
    for option in options(cls):
        if (text := env.get(_variable(option))) is not None:
            values[option.name] = _parsed(option.name, kinds[option.name], text.strip())
    return values


def _variable(option: Field[Any]) -> str:
    return f"CARELINE_{option.name.upper()}"


def _parsed(name: str, kind: Any, text: str) -> Any:
    """A value from the environment, where everything is text."""
    if kind is bool:
        if text.lower() not in ("1", "true", "yes", "on", "0", "false", "no", "off", ""):
            raise SettingsError(f"{name} must be true or false", setting=name)
        return text.lower() in ("1", "true", "yes", "on")
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise SettingsError(f"{name} must be a whole number", setting=name) from None
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return _typed(name, kind, text)


def _typed(name: str, kind: Any, value: Any) -> Any:
    """A value of the file, which has a type already."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise SettingsError(f"{name} must be one of {', '.join(get_args(kind))}", setting=name)
        return value
    if get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise SettingsError(f"{name} must be a list of texts", setting=name)
        return tuple(value)
    if type(value) is not kind:  # exactly: True is no port number
        raise SettingsError(f"{name} must be {_kind_name(kind)}", setting=name)
    return value


def _kind_name(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{v}`" for v in get_args(kind))
    if get_origin(kind) is tuple:
        return "list"
    return {str: "text", int: "number", bool: "true or false"}[kind]


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "" if default in ("", ()) else f"`{default}`"
