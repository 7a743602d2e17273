"""Which Asterisk modules Careline loads: an explicit list, because what is not loaded cannot be attacked.

Left out on purpose: every channel driver but PJSIP, REFER (a phone must not move calls behind call control's back),
SIP messages, subscriptions and publications, the anonymous endpoint, AGI, and the dialplan's database and curl.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import Path

#: Patterns over module names (without `.so`).
WANTED = (
    # dialplan applications of the waiting loop and of recording (app_mixmonitor needs the two after it)
    *("app_stasis", "app_playback", "app_exec", "app_stack", "app_mixmonitor", "app_chanspy", "func_periodic_hook"),
    *("func_cut", "func_groupcount", "func_uri"),
    # functions used by the dialplan and by channel variables
    *("func_callerid", "func_channel", "func_logic", "func_strings", "func_timeout", "func_volume", "func_talkdetect"),
    *("func_global", "func_math", "func_hangupcause"),
    # mixing and codecs
    *("bridge_builtin_features", "bridge_builtin_interval_features", "bridge_holding", "bridge_native_rtp"),
    *("bridge_simple", "bridge_softmix"),
    *("chan_pjsip", "chan_bridge_media"),
    *("codec_ulaw", "codec_alaw", "codec_g722", "codec_gsm", "codec_resample", "codec_opus_open_source", "codec_a_mu"),
    *("format_pcm", "format_wav", "format_gsm", "format_g722", "format_sln", "res_format_attr_*"),
    # SIP
    *("res_pjproject", "res_pjsip", "res_pjsip_*"),
    *("res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb", "res_sorcery_memory_cache"),
    # ARI, media and the rest
    *("res_http_websocket", "res_websocket_client", "res_ari", "res_ari_*", "res_stasis", "res_stasis_*"),
    # the sound of a caller for those who listen: a spy channel and a websocket (both only over ARI, on loopback)
    "chan_websocket",
    *("res_rtp_asterisk", "res_srtp", "res_crypto", "res_musiconhold", "res_timing_timerfd", "res_mutestream"),
    "pbx_config",
)

#: Never, even where a pattern above matches.
BANNED = frozenset(
    {
        "res_pjsip_acl",
        "res_pjsip_aoc",
        "res_pjsip_config_wizard",
        "res_pjsip_dialog_info_body_generator",
        "res_pjsip_diversion",
        "res_pjsip_dlg_options",
        "res_pjsip_endpoint_identifier_anonymous",
        "res_pjsip_exten_state",
        "res_pjsip_geolocation",
        "res_pjsip_history",
        "res_pjsip_messaging",
        "res_pjsip_mwi",
        "res_pjsip_mwi_body_generator",
        "res_pjsip_notify",
        "res_pjsip_phoneprov_provider",
        "res_pjsip_pidf_body_generator",
        "res_pjsip_pidf_digium_body_supplement",
        "res_pjsip_pidf_eyebeam_body_supplement",
        "res_pjsip_publish_asterisk",
        "res_pjsip_refer",
        "res_pjsip_rfc3329",
        "res_pjsip_send_to_voicemail",
        "res_pjsip_stir_shaken",
        "res_pjsip_t38",
        "res_pjsip_xpidf_body_generator",
        "res_pjsip_outbound_publish",
        "res_pjsip_one_touch_record_info",
        "res_ari_mailboxes",
        "res_stasis_mailbox",
        "res_stasis_broadcast",
        "res_stasis_test",
        "res_ari_device_states",
        "res_stasis_device_state",
    }
)


#: Changes whenever the lists above do: a lean engine copied under other lists is not used.
EDITION = sha256(repr((WANTED, sorted(BANNED))).encode()).hexdigest()[:12]


def choose(available: Iterable[str]) -> list[str]:
    """The modules to load, out of the names that an engine has; sorted, so that configuration files are stable."""
    return sorted(
        name for name in available if name not in BANNED and any(fnmatch(name, pattern) for pattern in WANTED)
    )


def available_in(directory: Path) -> set[str]:
    """The names of the modules that lie in an engine's module directory."""
    return {path.stem for path in directory.glob("*.so")}
