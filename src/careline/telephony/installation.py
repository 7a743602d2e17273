"""The Asterisk and the voices of this installation: where they are and what the settings make of them."""

from __future__ import annotations

from pathlib import Path

from careline.platform.settings import Settings
from careline.speech.tts import engines
from careline.telephony.engine import default_cache, find_engine
from careline.telephony.instance import InstanceConfig, Ports
from careline.telephony.process import AsteriskProcess
from careline.telephony.prompts.book import PromptBook


def switch_home(home: Path) -> Path:
    """The instance's folder in a state folder."""
    return home / "asterisk"


def voice_folder() -> Path:
    """Where espeak-ng is unpacked when the machine has none of its own."""
    return default_cache() / "voice"


def prompt_book(settings: Settings) -> PromptBook:
    """The prompts of this installation, with the voices of this machine; its files are in place afterwards."""
    book = PromptBook(settings.home / "prompts", engines([voice_folder()]))
    book.install()
    return book


def instance_config(settings: Settings) -> InstanceConfig:
    """What the instance is to be."""
    book = prompt_book(settings)
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
