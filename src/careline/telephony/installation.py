"""The Asterisk of this installation: where it is and what the settings make of it."""

from __future__ import annotations

from pathlib import Path

from careline.platform.settings import Settings
from careline.telephony.engine import default_cache, find_engine
from careline.telephony.instance import InstanceConfig, Ports
from careline.telephony.process import AsteriskProcess
from careline.telephony.prompts.voices import open_book


def switch_home(home: Path) -> Path:
    """The instance's folder in a state folder."""
    return home / "asterisk"


def instance_config(settings: Settings) -> InstanceConfig:
    """What the instance is to be."""
    book = open_book(settings.home)
    return InstanceConfig(
        home=switch_home(settings.home),
        ports=Ports(
            sip=settings.sip_port,
            sips=settings.sip_tls_port,
            http=settings.asterisk_http_port,
            ami=settings.asterisk_manager_port,
            rtp_first=settings.rtp_first_port,
            rtp_last=settings.rtp_last_port,
        ),
        bind=settings.sip_host,
        trunk_sources=settings.trunk_sources,
        trunk_outbound=settings.trunk_host or None,
        trunk_transport=settings.trunk_transport,
        trunk_username=settings.trunk_username,
        trunk_password=settings.trunk_password,
        external_address=settings.sip_external_address or None,
        tls_certificate=Path(settings.sip_tls_certificate) if settings.sip_tls_certificate else None,
        tls_key=Path(settings.sip_tls_key) if settings.sip_tls_key else None,
        music=book.music_folder,
        sorry=Path(book.media("en", "sorry.technical")[0]),
    )


def switch_process(settings: Settings) -> AsteriskProcess | None:
    """The process to start, adopt or stop; None while there is no engine on this machine."""
    engine = find_engine(default_cache())
    return None if engine is None else AsteriskProcess(instance_config(settings), engine)
