"""One private Asterisk: its folders, ports, secrets and configuration files, written anew at every start."""

from __future__ import annotations

import ipaddress
import json
import os
import pwd
import secrets
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal

from careline.kernel.errors import InvalidInput
from careline.telephony import modules
from careline.telephony.certificate import make_certificate
from careline.telephony.engine import Engine

#: Where the web process connects from when it hands a browser's SIP on to Asterisk.
PROXY_ADDRESS = ipaddress.ip_address("127.0.0.1")
_FOLDERS = (
    *("etc", "run", "log", "db", "cache", "keys", "lib", "lib/keys", "music"),
    *("spool/recording", "spool/monitor", "spool/tmp"),
)
_CERTIFICATE, _KEY = "keys/sip.crt", "keys/sip.key"
_EMPTY = ("features", "ccss", "udptl", "pjproject", "codecs")
#: A Unix socket's path may have 107 bytes; Asterisk adds `/run/asterisk.ctl` to its home.
_LONGEST_HOME = 85


class TrunkTrap(InvalidInput):
    """A trunk may not be recognised by the address that browsers' telephones come from."""

    id = "trunk-address-is-the-proxy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything an instance listens on. ARI and AMI are on loopback always."""

    sip: int = 5060
    sips: int = 5061
    http: int = 8088
    ami: int = 5038
    rtp_first: int = 10000
    rtp_last: int = 19999

    @classmethod
    def free(cls, address: str = "127.0.0.1", rtp: int = 400) -> Ports:
        """Ports that are free now, for tests and for a machine whose usual ones are taken."""
        taken: list[socket.socket] = []
        try:
            numbers = [_free_port(address, taken) for _ in range(4)]
            first = _free_range(address, rtp)
        finally:
            for sock in taken:
                sock.close()
        return cls(
            sip=numbers[0], sips=numbers[1], http=numbers[2], ami=numbers[3], rtp_first=first, rtp_last=first + rtp - 1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceConfig:
    """What one instance is to be."""

    #: Its folder; readable by the user that Asterisk runs as.
    home: Path
    ports: Ports = field(default_factory=Ports)
    #: Where SIP listens.
    bind: str = "127.0.0.1"
    #: Addresses or networks whose calls are the public network's. Never the proxy's.
    trunk_sources: tuple[str, ...] = ("127.0.0.2",)
    #: Where calls to outside numbers go, as `host`, `host:port` or a SIP URI; None: no calls to the outside.
    trunk_outbound: str | None = None
    trunk_transport: Literal["udp", "tcp", "tls"] = "udp"
    #: How to sign in to the trunk, for calls and for registration; without a name it knows us by address.
    trunk_username: str = ""
    trunk_password: str = ""
    #: The address that the far side sees where this machine stands behind NAT, and the networks on this side of it.
    external_address: str | None = None
    local_networks: tuple[str, ...] = ()
    #: PEM files for SIP over TLS; made here when not given.
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    #: Folder with the waiting music; the files are copied.
    music: Path | None = None
    #: The apology while call control is away: a path without extension.
    sorry: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach and command an instance. Read from its folder by every process that needs it."""

    http_port: int
    ami_port: int
    sip_port: int
    sips_port: int
    bind: str
    user: str
    secret: str
    fingerprint: str
    #: Whether calls to outside numbers have somewhere to go.
    outbound: bool
    #: `(home)/run`: FIFOs that Asterisk writes recordings into live below it.
    home: Path

    @property
    def ari(self) -> str:
        """The base address of ARI."""
        return f"http://127.0.0.1:{self.http_port}/ari"

    @property
    def websocket(self) -> str:
        """Where the web process's proxy hands browsers' SIP on to."""
        return f"ws://127.0.0.1:{self.http_port}/ws"


def read_access(home: Path) -> Access:
    """The access of an instance whose files have been written. Raises FileNotFoundError."""
    facts = json.loads((home / "etc/careline.json").read_text())
    return Access(home=home, **facts)


def write_instance(config: InstanceConfig, engine: Engine) -> Access:
    """Write every file of an instance; secrets are kept from earlier writings. Raises `TrunkTrap`, `InvalidInput`."""
    texts = render(config, engine)
    home = config.home
    for folder in _FOLDERS:
        (home / folder).mkdir(parents=True, exist_ok=True)
    home.chmod(0o750)
    _place_certificate(config)
    for name, text in texts.items():
        _write_private(home / "etc" / name, text)
    _copy_sounds(config)
    return read_access(home)


def render(config: InstanceConfig, engine: Engine) -> dict[str, str]:
    """Every configuration file's name and text. Raises `TrunkTrap`, `InvalidInput`."""
    _validate(config)
    secret = _kept_secret(config.home)
    texts = {f"{name}.conf": "[general]\n" for name in _EMPTY}
    texts["modules.conf"] = _modules(engine)
    source = files("careline.telephony") / "config"
    values = _values(config, engine, secret)
    values["DOOR"] = _fill((source / "door.conf").read_text(), values).rstrip()
    for entry in source.iterdir():
        if entry.name.endswith(".conf") and entry.name != "door.conf":
            texts[entry.name] = _fill(entry.read_text(), values)
    facts = {
        "http_port": config.ports.http,
        "ami_port": config.ports.ami,
        "sip_port": config.ports.sip,
        "sips_port": config.ports.sips,
        "bind": config.bind,
        "user": "careline",
        "secret": secret,
        "outbound": config.trunk_outbound is not None,
        "fingerprint": sha256("\n".join(f"{n}\n{t}" for n, t in sorted(texts.items())).encode()).hexdigest()[:16],
    }
    texts["careline.json"] = json.dumps(facts, indent=2) + "\n"
    return texts


def fingerprint(config: InstanceConfig, engine: Engine) -> str:
    """Changes whenever a configuration file would. Raises `TrunkTrap`, `InvalidInput`."""
    return str(json.loads(render(config, engine)["careline.json"])["fingerprint"])


def runtime_user() -> pwd.struct_passwd | None:
    """The user that Asterisk runs as when Careline is started by root; None: the same user as Careline."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def hand_over(home: Path) -> None:
    """Give an instance's folder to the user that Asterisk runs as."""
    user = runtime_user()
    if user is None:
        return
    os.chown(home, user.pw_uid, user.pw_gid)
    for directory, names, leaves in os.walk(home):
        for name in (*names, *leaves):
            os.chown(os.path.join(directory, name), user.pw_uid, user.pw_gid, follow_symlinks=False)


def _validate(config: InstanceConfig) -> None:
    for source in config.trunk_sources:
        try:
            network = ipaddress.ip_network(source, strict=False)
        except ValueError:
            raise InvalidInput(f"'{source}' is no IP address or network: trunks are recognised by address") from None
        if network.version == 4 and PROXY_ADDRESS in network:
            raise TrunkTrap(
                f"The trunk source {source} contains {PROXY_ADDRESS}, where browsers' telephones come from: anyone "
                "with a web session could place calls as the telephone network. Give the trunk another address."
            )
    if any(c in text for text in (config.trunk_username, config.trunk_password) for c in "\r\n"):
        raise InvalidInput("The trunk's name and password are of one line each")
    if len(str(config.home)) > _LONGEST_HOME:
        raise InvalidInput(f"The folder {config.home} has too long a path for Asterisk's control socket")
    if any(c in str(config.home) for c in " ;,\n"):
        raise InvalidInput(f"The folder {config.home} has a character in its path that Asterisk cannot take")


def _values(config: InstanceConfig, engine: Engine, secret: str) -> dict[str, str]:
    entity = sha256(str(config.home).encode()).digest()
    outbound = config.trunk_outbound
    if outbound and not outbound.startswith(("sip:", "sips:")):
        outbound = f"sip:{outbound}"
    if outbound and config.trunk_transport != "udp" and ";transport=" not in outbound:
        outbound = f"{outbound};transport={config.trunk_transport}"
    signs_in = bool(outbound and config.trunk_username)
    loopback = ipaddress.ip_address(config.bind).is_loopback
    external = []
    if config.external_address:
        external = [f"external_{kind}_address = {config.external_address}" for kind in ("media", "signaling")]
        external += [f"local_net = {network}" for network in config.local_networks]
    return {
        "HOME": str(config.home),
        "MODULES": str(engine.modules),
        "DATA": str(engine.data),
        "ENTITY": ":".join(f"{byte:02x}" for byte in (entity[0] & 0xFE | 0x02, *entity[1:6])),
        "SECRET": secret,
        "HTTP_PORT": str(config.ports.http),
        "AMI_PORT": str(config.ports.ami),
        "SIP_PORT": str(config.ports.sip),
        "SIPS_PORT": str(config.ports.sips),
        "RTP_FIRST": str(config.ports.rtp_first),
        "RTP_LAST": str(config.ports.rtp_last),
        "BIND": config.bind,
        "EXTERNAL": "\n".join(external),
        "TLS_CERTIFICATE": str(config.home / _CERTIFICATE),
        "TLS_KEY": str(config.home / _KEY),
        # the sound of a trunk that lives on loopback stays on loopback
        "MEDIA": f"media_address = {config.bind}\nbind_rtp_to_media_address = yes" if loopback else "",
        "TRUNK_CONTACT": f"contact = {_escaped(outbound)}" if outbound else "max_contacts = 0",
        "TRUNK_AUTH": "outbound_auth = trunk" if signs_in else "",
        "TRUNK_ACCOUNT": _trunk_account(outbound, config) if outbound and signs_in else "",
        "TRUNK_SOURCES": "\n".join(f"match = {source}" for source in config.trunk_sources),
        "SORRY": str(config.home / "lib/sorry") if config.sorry else "",
    }


def _escaped(value: str) -> str:
    """A value as a line of Asterisk's configuration: a bare semicolon would begin a comment."""
    return value.replace(";", "\\;")


def _trunk_account(server: str, config: InstanceConfig) -> str:
    """Signing in to the trunk: the secret, and the registration by which it learns where we are."""
    scheme, _, rest = server.partition(":")
    name = _escaped(config.trunk_username)
    return "\n".join(
        (
            "[trunk]", "type = auth", "auth_type = userpass", f"username = {name}",
            f"password = {_escaped(config.trunk_password)}",
            "", "[trunk]", "type = registration", f"transport = {config.trunk_transport}", "outbound_auth = trunk",
            f"server_uri = {_escaped(server)}", f"client_uri = {scheme}:{name}@{_escaped(rest)}",
            f"contact_user = {name}", "retry_interval = 30", "forbidden_retry_interval = 300", "max_retries = 1000000",
            "auth_rejection_permanent = no",
        )
    )  # fmt: skip


def _modules(engine: Engine) -> str:
    chosen = modules.choose(modules.available_in(engine.modules))
    lines = ["[modules]", "autoload = no", "preload = res_timing_timerfd.so"]
    return "\n".join([*lines, *(f"load = {name}.so" for name in chosen if name != "res_timing_timerfd"), ""])


def _fill(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def _kept_secret(home: Path) -> str:
    try:
        return read_access(home).secret
    except (FileNotFoundError, ValueError, TypeError):
        return secrets.token_hex(24)


def _place_certificate(config: InstanceConfig) -> None:
    certificate, key = config.home / _CERTIFICATE, config.home / _KEY
    if config.tls_certificate and config.tls_key:
        # copied, so that the unprivileged user can read them
        shutil.copyfile(config.tls_certificate, certificate)
        _write_private(key, config.tls_key.read_text())
    elif not (certificate.exists() and key.exists()):
        made, made_key = make_certificate(socket.gethostname(), [config.bind, "127.0.0.1"])
        certificate.write_bytes(made)
        _write_private(key, made_key.decode())


def _copy_sounds(config: InstanceConfig) -> None:
    sources: list[tuple[Path, Path]] = []
    if config.music is not None:
        sources += [(path, config.home / "music" / path.name) for path in config.music.iterdir() if path.is_file()]
    if config.sorry is not None:
        spoken = config.sorry.parent.glob(f"{config.sorry.name}.*")
        sources += [(path, config.home / "lib" / f"sorry{path.suffix}") for path in spoken]
    for source, target in sources:
        if not target.exists() or target.stat().st_size != source.stat().st_size:
            shutil.copyfile(source, target)


def _write_private(path: Path, text: str) -> None:
    """Replace a file as a whole; only its owner may read it."""
    fresh = path.with_name(f".{path.name}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)
    fresh.replace(path)


def _free_port(address: str, taken: list[socket.socket]) -> int:
    """A port free for both UDP and TCP, held until all are chosen."""
    while True:
        tcp = socket.socket()
        udp = socket.socket(type=socket.SOCK_DGRAM)
        taken += [tcp, udp]
        tcp.bind((address, 0))
        try:
            udp.bind((address, tcp.getsockname()[1]))
        except OSError:
            continue
        return int(tcp.getsockname()[1])


def _free_range(address: str, size: int) -> int:
    """The first of `size` UDP ports of which a sample is free; even, as RTP likes it. Below the ephemeral range."""
    for _ in range(200):
        first = 10000 + 2 * secrets.randbelow((30000 - size - 10000) // 2)
        if all(_udp_free(address, port) for port in _sample(first, size)):
            return first
    raise InvalidInput("No range of free UDP ports for RTP was found on this machine")


def _sample(first: int, size: int) -> Sequence[int]:
    return range(first, first + size, 7)


def _udp_free(address: str, port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        try:
            sock.bind((address, port))
        except OSError:
            return False
        return True
