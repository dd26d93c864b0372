"""An address is public if it is reachable from everywhere, whatever it stands for and whichever Python asks."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ground_motion.core.http.allow_list import is_public

# IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, 8190), as of 2025, and blocks of other registries.
# TUNNELS lead to an address within them; NSAP, site-local, IPv4-compatible and -translated blocks stand in old RFCs.
REACHABLE = """
    192.0.0.9/32 192.0.0.10/32 192.31.196.0/24 192.52.193.0/24 192.175.48.0/24
    2001:1::1/128 2001:1::2/128 2001:1::3/128 2001:3::/32 2001:4:112::/48 2001:20::/28 2001:30::/28 2620:4f:8000::/48
"""
TUNNELS = "192.88.99.0/24 2001::/32 2002::/16"  # 6to4 relays, Teredo, 6to4
UNREACHABLE = """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32
    192.0.0.170/31 192.0.2.0/24 192.88.99.2/32 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
    240.0.0.0/4 255.255.255.255/32
    ::1/128 ::/128 ::/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 200::/7 2001::/23 2001:2::/48
    2001:10::/28 2001:db8::/32 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""
INSIDE = [ip_network(block) for block in f"{UNREACHABLE} {TUNNELS}".split()]
INSIDE_4 = [block for block in INSIDE if isinstance(block, IPv4Network)]
NAT64, MAPPED = 0x0064_FF9B << 96, 0xFFFF << 32


def addresses_in(blocks):
    """Addresses of blocks, the first and the last of each more often than others."""
    return st.sampled_from(blocks).flatmap(
        lambda block: st.one_of(
            st.sampled_from([block[0], block[-1]]), st.integers(int(block[0]), int(block[-1])).map(type(block[0]))
        )
    )


@given(addresses_in(INSIDE))
def test_no_address_that_the_registries_call_unreachable_is_public(address):
    assert not is_public(str(address))


def written_into(inner: IPv4Address) -> list[IPv6Address]:
    """The IPv6 addresses that lead on to an IPv4 address, or may."""
    number = int(inner)
    teredo = 0x2001_0000 << 96 | 0x5DB8_D822 << 64 | (number ^ 0xFFFFFFFF)  # its server is public
    wholes = [MAPPED | number, NAT64 | number, number, 0xFFFF << 48 | number, 0x2002 << 112 | number << 80, teredo]
    wholes.append(0x0064_FF9B_0001 << 80 | number)
    return [IPv6Address(whole) for whole in wholes]


@given(addresses_in(INSIDE_4))
def test_no_address_that_stands_for_such_an_ipv4_address_is_public(inner):
    assert not any(is_public(str(address)) for address in written_into(inner))


@given(st.one_of(st.integers(0, 2**32 - 1).map(IPv4Address), addresses_in([ip_network("2000::/3")])))
def test_all_other_addresses_are_public(address):
    known = [*INSIDE, *map(ip_network, REACHABLE.split())]
    if not any(address in block for block in known):
        assert is_public(str(address))
        if isinstance(address, IPv4Address):
            assert is_public(str(IPv6Address(MAPPED | int(address))))
            assert is_public(str(IPv6Address(NAT64 | int(address))))


@given(addresses_in([ip_network(block) for block in ("::/3", "4000::/2", "8000::/1")]))
def test_of_ipv6_nothing_but_global_unicast_is_public(address):
    stands_for = int(address) >> 32 in (MAPPED >> 32, NAT64 >> 32)
    assert stands_for or not is_public(str(address))


@pytest.mark.parametrize(
    "address",
    ["64:ff9b::a00:1", "64:ff9b:1::1", "::127.0.0.1", "::ffff:0:127.0.0.1", "192.0.0.8", "::ffff:10.0.0.1",
     "2606:4700::1111%eth0", "fe80::1%1", "::ffff:93.184.216.34%0x", "", "localhost", "0177.0.0.1", "127.1", "1"],
)  # fmt: skip
def test_none_of_these_is_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822", "::ffff:8.8.8.8"])
def test_these_are_public(address):
    assert is_public(address)
