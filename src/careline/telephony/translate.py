"""Asterisk's events in call control's words. No I/O: a book of the channels seen, and one function per event."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from careline.calls.switch_events import (
    Arrived,
    Digit,
    EndpointChanged,
    HangupCause,
    LegAnswered,
    LegEnded,
    LegRinging,
    PhoneHold,
    PlaybackEnded,
    SwitchEvent,
    Talking,
)

Json = dict[str, Any]

#: The event types we ask Asterisk for; it would send about fifty a call.
WANTED: Final = (
    "StasisStart",
    "ChannelDestroyed",
    "StasisEnd",
    "ChannelHangupRequest",
    "ChannelStateChange",
    "ChannelDtmfReceived",
    "ChannelHold",
    "ChannelUnhold",
    "ChannelTalkingStarted",
    "ChannelTalkingFinished",
    "Dial",
    "PlaybackFinished",
    "ContactStatusChange",
    "ApplicationReplaced",
    # our own pulse
    "ChannelUserevent",
)

#: ITU-T Q.850 (05/2018) table 1, reduced to what call control acts on.
_CAUSES: Final = {
    1: HangupCause.UNALLOCATED,
    3: HangupCause.UNREACHABLE,
    16: HangupCause.NORMAL,
    17: HangupCause.BUSY,
    18: HangupCause.NO_ANSWER,
    19: HangupCause.NO_ANSWER,
    20: HangupCause.UNREACHABLE,
    21: HangupCause.REJECTED,
    27: HangupCause.UNREACHABLE,
    28: HangupCause.UNALLOCATED,
    31: HangupCause.NORMAL,
}
#: The other way: what we end a channel with.
CODES: Final = {
    HangupCause.NORMAL: 16,
    HangupCause.BUSY: 17,
    HangupCause.NO_ANSWER: 19,
    HangupCause.REJECTED: 21,
    HangupCause.UNREACHABLE: 20,
    HangupCause.UNALLOCATED: 1,
    HangupCause.FAILURE: 41,
}
_DIAL_RESULTS: Final = {
    "BUSY": HangupCause.BUSY,
    "NOANSWER": HangupCause.NO_ANSWER,
    "CHANUNAVAIL": HangupCause.UNREACHABLE,
}
_TELEPHONE: Final = re.compile(r"PJSIP/([swd]-[a-z0-9-]+)-[0-9a-f]{8}$")
_WITHHELD: Final = frozenset({"", "anonymous", "unavailable", "restricted", "unknown"})
#: The door that a call came in by, and whose telephone stands before it.
_DOORS: Final[Mapping[str, Literal["trunk", "phone", "web"]]] = {
    "from-trunk": "trunk",
    "from-desk": "phone",
    "from-web": "web",
}
#: What somebody can have dialled.
_DIALLED: Final = re.compile(r"[+0-9*#]+")
#: How Asterisk itself names a channel; the ones that we make have names of ours.
_THEIRS: Final = re.compile(r"[0-9]+\.[0-9]+")
_REMEMBERED_ENDS: Final = 10_000


@dataclass(slots=True)
class _Leg:
    """What we know of a channel that has not ended."""

    outgoing: bool
    up: bool = False
    ringing: bool = False
    cause: HangupCause | None = None
    #: Its arrival was reported. One that we only saw in a listing may yet be reported, when its event was on the way.
    reported: bool = False


@dataclass(slots=True)
class Translator:
    """The book of channels and telephones. `read` turns one ARI event into what call control hears of it."""

    legs: dict[str, _Leg] = field(default_factory=dict)
    #: Channels that have ended, so that a late or second notice is not reported again.
    ended: OrderedDict[str, None] = field(default_factory=OrderedDict)
    #: Telephone -> the contacts (registered addresses) it can be reached at. `?`: known to be reachable, not where.
    contacts: dict[str, set[str]] = field(default_factory=dict)

    def expect(self, channel: str) -> None:
        """We are about to make this channel."""
        self.legs[channel] = _Leg(outgoing=True)

    def blame(self, channel: str, cause: HangupCause) -> None:
        """We end this channel for a reason of our own, which is the one to report."""
        leg = self.legs.get(channel)
        if leg is not None and leg.cause is None:
            leg.cause = cause

    def fail(self, channel: str, cause: HangupCause, at: datetime) -> list[SwitchEvent]:
        """A channel that we wanted never came to be."""
        self.blame(channel, cause)
        return self._end(channel, None, at)

    def finish(self, channel: str, at: datetime) -> list[SwitchEvent]:
        """A leg that left us some time ago: it has ended, whether or not Asterisk says so."""
        return self._end(channel, None, at)

    def seen(self, channel: Json) -> None:
        """A channel of ours in a listing, perhaps unknown to us (we were away)."""
        if is_ours(channel) and channel["id"] not in self.ended:
            leg = self.legs.setdefault(channel["id"], _Leg(outgoing=not is_inbound(channel)))
            leg.up = leg.up or channel["state"] == "Up"

    def keep_only(self, channels: Iterable[str]) -> None:
        """Forget what ended while nobody was looking: the snapshot is what tells call control."""
        present = set(channels)
        for channel in [known for known in self.legs if known not in present]:
            del self.legs[channel]
            self._remember(channel)

    def online(self, telephones: Iterable[str]) -> None:
        """Replace what is known of reachable telephones by a listing."""
        listed = set(telephones)
        self.contacts = {name: self.contacts.get(name) or {"?"} for name in listed}

    def read(self, event: Json) -> list[SwitchEvent]:
        """One ARI event; usually one or no event of ours."""
        handler = _HANDLERS.get(event["type"])
        if handler is None:
            return []
        return handler(self, event, moment(event["timestamp"]))

    # --- channels

    def _stasis_start(self, event: Json, at: datetime) -> list[SwitchEvent]:
        channel, args = event["channel"], event["args"]
        if args[:1] == ["leg"]:
            return self._state(event, at)
        if args[:1] != ["arrived"] or channel["id"] in self.ended or dialled_nonsense(event):
            return []
        leg = self.legs.setdefault(channel["id"], _Leg(outgoing=False, up=channel["state"] == "Up"))
        if leg.reported:
            return []
        leg.reported = True
        telephone = telephone_of(channel["name"])
        source = _DOORS[channel["dialplan"]["context"]]
        return [
            Arrived(
                channel=channel["id"],
                dialled=channel["dialplan"]["exten"],
                # a browser or desk phone shows its registration's name, which is nobody's number
                caller=None if telephone else shown(channel["caller"]["number"]),
                caller_name=None if telephone else channel["caller"]["name"] or None,
                source=source,
                at=at,
                endpoint=telephone if source == "phone" else None,
            )
        ]

    def _state(self, event: Json, at: datetime) -> list[SwitchEvent]:
        channel = event["channel"]
        leg = self.legs.get(channel["id"])
        if leg is None or not leg.outgoing or leg.up:
            return []
        if channel["state"] == "Ringing" and not leg.ringing:
            leg.ringing = True
            return [LegRinging(channel=channel["id"], at=at)]
        # up, and handed to us: before that it could not be put into a bridge
        handed = event["type"] == "StasisStart" or channel["dialplan"]["app_name"] == "Stasis"
        if channel["state"] == "Up" and handed:
            leg.up = True
            return [LegAnswered(channel=channel["id"], at=at)]
        return []

    def _dial(self, event: Json, _at: datetime) -> list[SwitchEvent]:
        leg = self.legs.get(event["peer"]["id"])
        result = _DIAL_RESULTS.get(event.get("dialstatus", ""))
        if leg is not None and leg.outgoing and not leg.up and leg.cause is None:
            leg.cause = result
        return []

    def _hangup_request(self, event: Json, _at: datetime) -> list[SwitchEvent]:
        leg = self.legs.get(event["channel"]["id"])
        if leg is not None and leg.cause is None and event.get("cause") in _CAUSES:
            leg.cause = _CAUSES[event["cause"]]
        return []

    def _stasis_end(self, event: Json, at: datetime) -> list[SwitchEvent]:
        """An inbound channel's last word: Asterisk stops telling us of it here. A leg of ours is told of to its end."""
        leg = self.legs.get(event["channel"]["id"])
        return [] if leg is None or leg.outgoing else self._end(event["channel"]["id"], None, at)

    def _destroyed(self, event: Json, at: datetime) -> list[SwitchEvent]:
        return self._end(event["channel"]["id"], event.get("cause"), at)

    def _end(self, channel: str, code: int | None, at: datetime) -> list[SwitchEvent]:
        leg = self.legs.pop(channel, None)
        if leg is None:
            return []
        self._remember(channel)
        cause = leg.cause or _CAUSES.get(code or 0)
        if cause is None:
            # an abandoned call ends without a cause of its own; an unanswered leg of ours has failed
            cause = HangupCause.FAILURE if leg.outgoing and not leg.up else HangupCause.NORMAL
        return [LegEnded(channel=channel, cause=cause, at=at)]

    def _remember(self, channel: str) -> None:
        self.ended[channel] = None
        if len(self.ended) > _REMEMBERED_ENDS:
            self.ended.popitem(last=False)

    def _digit(self, event: Json, at: datetime) -> list[SwitchEvent]:
        return [Digit(channel=event["channel"]["id"], digit=event["digit"], at=at)]

    def _hold(self, event: Json, at: datetime) -> list[SwitchEvent]:
        return [PhoneHold(channel=event["channel"]["id"], on=event["type"] == "ChannelHold", at=at)]

    def _talking(self, event: Json, at: datetime) -> list[SwitchEvent]:
        return [Talking(channel=event["channel"]["id"], on=event["type"] == "ChannelTalkingStarted", at=at)]

    def _playback(self, event: Json, at: datetime) -> list[SwitchEvent]:
        playback = event["playback"]
        channel = str(playback["target_uri"]).removeprefix("channel:")
        return [PlaybackEnded(channel=channel, playback=playback["id"], ok=playback["state"] != "failed", at=at)]

    # --- telephones

    def _contact(self, event: Json, at: datetime) -> list[SwitchEvent]:
        name = event["endpoint"]["resource"]
        if name == "trunk":
            return []
        contact = event["contact_info"]
        reachable = self.contacts.setdefault(name, set())
        before = bool(reachable)
        if contact["contact_status"] in ("Removed", "Unreachable"):
            reachable -= {contact["uri"], "?"}
        elif contact["contact_status"] in ("NonQualified", "Reachable", "Created"):
            reachable.add(contact["uri"])
        if bool(reachable) == before:
            return []
        return [EndpointChanged(endpoint=name, online=not before, at=at)]


_HANDLERS: Final[dict[str, Callable[[Translator, Json, datetime], list[SwitchEvent]]]] = {
    "StasisStart": Translator._stasis_start,
    "ChannelStateChange": Translator._state,
    "Dial": Translator._dial,
    "ChannelHangupRequest": Translator._hangup_request,
    "StasisEnd": Translator._stasis_end,
    "ChannelDestroyed": Translator._destroyed,
    "ChannelDtmfReceived": Translator._digit,
    "ChannelHold": Translator._hold,
    "ChannelUnhold": Translator._hold,
    "ChannelTalkingStarted": Translator._talking,
    "ChannelTalkingFinished": Translator._talking,
    "PlaybackFinished": Translator._playback,
    "ContactStatusChange": Translator._contact,
}


def dialled_nonsense(event: Json) -> bool:
    """Whether a channel came in by a door with something that no telephone can dial."""
    plan = event["channel"]["dialplan"]
    return event["args"][:1] == ["arrived"] and _DIALLED.fullmatch(plan["exten"]) is None


def moment(text: str) -> datetime:
    """An ARI timestamp."""
    return datetime.fromisoformat(text)


def telephone_of(channel_name: str) -> str | None:
    """The registered telephone behind a channel's name in Asterisk; None for the trunk."""
    match = _TELEPHONE.match(channel_name)
    return match[1] if match else None


def shown(number: str) -> str | None:
    """The calling number, or None when it was withheld."""
    return None if number.strip().lower() in _WITHHELD else number


def is_inbound(channel: Json) -> bool:
    """Whether a channel came in by the door; else it is a leg that we rang."""
    return channel["dialplan"]["context"] in _DOORS and _THEIRS.fullmatch(channel["id"]) is not None


def is_ours(channel: Json) -> bool:
    """Whether we command it: not while it waits in the dialplan's own loop."""
    return channel["dialplan"]["app_name"] == "Stasis" or not is_inbound(channel)
