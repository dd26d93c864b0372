"""An address is public if it is reachable from everywhere, whatever it stands for and whichever Python asks."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.client.allow_list import is_public

# IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, 8190), as of 2025, and blocks of other registries.
# True: globally reachable; None: "N/A", a tunnel to an address within it.
IPV4 = [
    ("0.0.0.0/8", "RFC 791", False),
    ("10.0.0.0/8", "RFC 1918", False),
    ("100.64.0.0/10", "RFC 6598", False),
    ("127.0.0.0/8", "RFC 1122", False),
    ("169.254.0.0/16", "RFC 3927", False),
    ("172.16.0.0/12", "RFC 1918", False),
    ("192.0.0.0/24", "RFC 6890", False),
    ("192.0.0.0/29", "RFC 7335", False),
    ("192.0.0.8/32", "RFC 7600", False),
    ("192.0.0.9/32", "RFC 7723", True),
    ("192.0.0.10/32", "RFC 8155", True),
    ("192.0.0.170/31", "RFC 8880, RFC 7050", False),
    ("192.0.2.0/24", "RFC 5737", False),
    ("192.31.196.0/24", "RFC 7535", True),
    ("192.52.193.0/24", "RFC 7450", True),
    ("192.88.99.0/24", "RFC 7526", None),
    ("192.88.99.2/32", "RFC 6751", False),
    ("192.168.0.0/16", "RFC 1918", False),
    ("192.175.48.0/24", "RFC 7534", True),
    ("198.18.0.0/15", "RFC 2544", False),
    ("198.51.100.0/24", "RFC 5737", False),
    ("203.0.113.0/24", "RFC 5737", False),
    ("224.0.0.0/4", "RFC 5771, multicast", False),
    ("240.0.0.0/4", "RFC 1112", False),
    ("255.255.255.255/32", "RFC 919", False),
]
IPV6 = [
    ("::1/128", "RFC 4291", False),
    ("::/128", "RFC 4291", False),
    ("::/96", "RFC 4291, IPv4-compatible", False),
    ("::ffff:0:0:0/96", "RFC 2765, IPv4-translated", False),
    ("64:ff9b:1::/48", "RFC 8215", False),
    ("100::/64", "RFC 6666", False),
    ("100:0:0:1::/64", "RFC 9780", False),
    ("200::/7", "RFC 4048, NSAP", False),
    ("2001::/23", "RFC 2928", False),
    ("2001::/32", "RFC 4380, Teredo", None),
    ("2001:1::1/128", "RFC 7723", True),
    ("2001:1::2/128", "RFC 8155", True),
    ("2001:1::3/128", "RFC 9665", True),
    ("2001:2::/48", "RFC 5180", False),
    ("2001:3::/32", "RFC 7450", True),
    ("2001:4:112::/48", "RFC 7535", True),
    ("2001:10::/28", "RFC 4843", False),
    ("2001:20::/28", "RFC 7343", True),
    ("2001:30::/28", "RFC 9374", True),
    ("2001:db8::/32", "RFC 3849", False),
    ("2002::/16", "RFC 3056, 6to4", None),
    ("2620:4f:8000::/48", "RFC 7534", True),
    ("3fff::/20", "RFC 9637", False),
    ("5f00::/16", "RFC 9602", False),
    ("fc00::/7", "RFC 4193", False),
    ("fe80::/10", "RFC 4291", False),
    ("fec0::/10", "RFC 3879, site-local", False),
    ("ff00::/8", "RFC 4291, multicast", False),
]
INSIDE = [ip_network(block) for block, _, reachable in IPV4 + IPV6 if not reachable]
INSIDE_4 = [block for block in INSIDE if isinstance(block, IPv4Network)]
NAT64, MAPPED = 0x0064_FF9B << 96, 0xFFFF << 32


def addresses_in(blocks):
    """Addresses of blocks, the first and the last of each more often than others."""
    return st.sampled_from(blocks).flatmap(
        lambda block: st.one_of(
            st.sampled_from([block[0], block[-1]]),
            st.integers(int(block[0]), int(block[-1])).map(type(block[0])),
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
    known = [ip_network(block) for block, _, _ in IPV4 + IPV6]
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
