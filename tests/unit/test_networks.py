"""What is public and what lies inside a network, however the address is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline.kernel.networks import is_public

pytestmark = pytest.mark.unit

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1",
    "fd00:ec2::254", "fc00::1", "ff02::1", "ff0e::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a00:1::1", "2001::1", "2001:db8::1", "4000::1",
    "localhost", "127.1", "2130706433", "0x7f000001", "",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_inside(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001:82a::200e"])
def test_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4, network="127.0.0.0/8") | st.ip_addresses(v=4, network="10.0.0.0/8"))
def test_no_way_of_wrapping_an_inner_address_makes_it_public(inner: IPv4Address) -> None:
    low = int(inner)
    wrapped = [low, 0xFFFF << 32 | low, 0x64FF9B << 96 | low, 0x64FF9B0001 << 80 | low, 0x2002 << 112 | low << 80]
    assert not any(is_public(str(IPv6Address(number))) for number in wrapped)
