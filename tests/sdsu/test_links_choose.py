"""Links as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nifsdc.sdsu.links.choose import BadLink, DriverKind, LinkKind, LinkSpec, open_link, parse_link


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        (
            "sim:127.0.0.1:5000:/dev/shm/a.buffer",
            LinkSpec(LinkKind.SIM, "127.0.0.1", 5000, Path("/dev/shm/a.buffer")),
        ),
        ("sim::5000:b:c", LinkSpec(LinkKind.SIM, "127.0.0.1", 5000, Path("b:c"))),
        (" tcp:dc-host:7 ", LinkSpec(LinkKind.TCP, "dc-host", 7)),
        ("tcp:[::1]:65535", LinkSpec(LinkKind.TCP, "::1", 65535)),
        (
            "device:/dev/astropci0",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/astropci0"), driver=DriverKind.PCI_OLD),
        ),
        (
            "device:/dev/AstroPCI0",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/AstroPCI0"), driver=DriverKind.PCI),
        ),
        (
            "device:/dev/Arc64PCI1",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/Arc64PCI1"), driver=DriverKind.PCI),
        ),
        (
            "device:/dev/AstroPCIe0",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/AstroPCIe0"), driver=DriverKind.PCIE),
        ),
        (
            "device:/dev/Arc66PCIe0",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/Arc66PCIe0"), driver=DriverKind.PCIE),
        ),
        (
            "device:/dev/astropci0:pci",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/astropci0"), driver=DriverKind.PCI),
        ),
        (
            "device:/dev/card:pcie",
            LinkSpec(LinkKind.DEVICE, device=Path("/dev/card"), driver=DriverKind.PCIE),
        ),
    ],
)
def test_texts(text: str, spec: LinkSpec) -> None:
    assert parse_link(text) == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected sim:HOST:PORT:BUFFER, tcp:HOST:PORT or device:PATH"),
        ("serial:/dev/ttyS0", "'serial:/dev/ttyS0' is no link"),
        ("sim", "no host and port"),
        ("sim:host:5000", "no buffer file"),
        ("sim:host:5000:", "no buffer file"),
        ("sim:host:http:b", "'http' in .* is no TCP port"),
        ("tcp:host", "no host and port"),
        ("tcp:host:0", "0 is no TCP port"),
        ("tcp:host:65536", "65536 is no TCP port"),
        ("tcp:host:٣", "is no TCP port"),
        ("tcp:::1:7", "no TCP port"),
        ("tcp:host:7:buffer", "something behind its port"),
        ("device:", "names no device"),
        ("device:astropci0", "names no device"),
        ("device:/dev/null", "no name that an ARC driver gives"),
        ("device:/dev/astropci0:vme", "'vme' in .* is no driver: expected pci, pci-old, pcie"),
    ],
)
def test_anything_else_is_refused_with_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(BadLink, match=message):
        open_link(text)


@given(
    st.one_of(
        st.builds(
            lambda host, port: LinkSpec(LinkKind.TCP, host, port),
            st.sampled_from(["localhost", "10.0.0.7", "::1", "fe80::1%eth0"]),
            st.integers(1, 65535),
        ),
        st.builds(
            lambda host, port, file: LinkSpec(LinkKind.SIM, host, port, Path(file)),
            st.sampled_from(["localhost", "::1"]),
            st.integers(1, 65535),
            st.sampled_from(["/dev/shm/nifsdc-sim-1.buffer", "a:b", "x y"]),
        ),
        st.builds(
            lambda name, driver: LinkSpec(LinkKind.DEVICE, device=Path("/dev") / name, driver=driver),
            st.sampled_from(["astropci0", "AstroPCIe1", "something"]),
            st.sampled_from(DriverKind),
        ),
    )
)
def test_the_text_of_a_specification_leads_back_to_it(spec: LinkSpec) -> None:
    assert parse_link(str(spec)) == spec
