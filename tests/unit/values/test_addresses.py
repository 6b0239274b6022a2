"""Addresses that identify no client, and the client behind proxies."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from moderation.values.addresses import ClientAddress, client_address
from moderation.values.identifiers import identifier, is_placeholder_device

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2a00:1::/32")]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("10.1.2.3", "private"),
        ("172.31.255.255", "private"),
        ("192.168.0.1", "private"),
        ("fd00::1", "private"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.0.1", "link_local"),
        ("fe80::1%eth0", "link_local"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("64:ff9b::c633:6401", "nat64"),
        ("64:ff9b:1::1", "nat64"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "teredo"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("198.18.0.1", "benchmarking"),
        ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"),
        ("255.255.255.255", "reserved"),
        ("100::1", "reserved"),
        ("::ffff:10.0.0.1", "private"),
    ],
)
def test_address_that_identifies_nobody_is_missing_with_reason(text: str, reason: str) -> None:
    assert client_address(text, None, ()) == ClientAddress(None, reason)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9.9.9.9", "9.9.9.9"),
        (" 9.9.9.9 ", "9.9.9.9"),
        ("9.9.9.9:443", "9.9.9.9"),
        ("::ffff:9.9.9.9", "9.9.9.9"),
        ("[2A00:0:0::1]:443", "2a00::1"),
        ("172.32.0.1", "172.32.0.1"),
        ("11.0.0.0", "11.0.0.0"),
        ("9.255.255.255", "9.255.255.255"),
    ],
)
def test_address_that_identifies_a_connection_is_kept(text: str, expected: str) -> None:
    assert client_address(text, None, ()) == ClientAddress(expected)


@pytest.mark.parametrize(("text", "shared"), [("100.64.0.1", True), ("100.127.255.255", True), ("100.128.0.0", False)])
def test_address_of_carrier_nat_is_marked(text: str, shared: bool) -> None:
    assert client_address(text, None, ()) == ClientAddress(text, carrier_nat=shared)


@pytest.mark.parametrize("value", ["", "300.1.2.3", "9.9.9.0/24", 12, "9.9.9.9, 10.0.0.1", ["9.9.9.9"]])
def test_address_that_cannot_be_read_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match=r"addr|appear"):
        client_address(value, None, ())


@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        ("10.0.0.1", "9.9.9.9", ClientAddress("9.9.9.9")),
        ("10.0.0.1", "6.6.6.6, 9.9.9.9, 10.0.0.2", ClientAddress("9.9.9.9")),
        ("10.0.0.1", ["6.6.6.6", "9.9.9.9,10.0.0.2"], ClientAddress("9.9.9.9")),
        (None, "not-an-address, 9.9.9.9", ClientAddress("9.9.9.9")),
        ("8.8.8.8", "9.9.9.9", ClientAddress("8.8.8.8")),
        ("2a00:1::5", "9.9.9.9:1234", ClientAddress("9.9.9.9")),
        ("10.0.0.1", "192.168.1.1", ClientAddress(None, "private")),
        ("10.0.0.1", "10.0.0.2", ClientAddress(None, "trusted_proxy")),
        ("10.0.0.1", None, ClientAddress(None, "trusted_proxy")),
        (None, " , ", ClientAddress(None)),
    ],
)
def test_client_address_is_the_rightmost_that_is_no_trusted_proxy(
    peer: str | None, chain: Any, expected: ClientAddress
) -> None:
    assert client_address(peer, chain, PROXIES) == expected


def test_client_address_behind_an_unreadable_entry_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown"):
        client_address("10.0.0.1", "9.9.9.9, unknown, 10.0.0.2", PROXIES)


@pytest.mark.parametrize(("value", "expected"), [("p", "p"), (7, "7"), (0, "0"), (501.0, "501"), (-5, "-5")])
def test_identifier_is_text_or_a_whole_number(value: Any, expected: str) -> None:
    assert identifier(value) == expected


@pytest.mark.parametrize(
    "value",
    ["", "  ", float("nan"), float("inf"), 1.5, 1.5889872627542344e18, True, None, ["x"], {"$oid": "5f"}, 10**600],
)
def test_identifier_of_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="id"):
        identifier(value)


@pytest.mark.parametrize("device", ["00000000-0000-0000-0000-000000000000", "0", "00:00:00:00:00:00"])
def test_device_id_of_zeros_names_no_device(device: str) -> None:
    assert is_placeholder_device(device)
    assert not is_placeholder_device("d0")
