"""Keywords of other systems: from their own servers, which may go and come back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.wcs import WCS

from nifsdc.cli.process import Part

from ..ports import free_port
from .conftest import System, run_system, wait_until

TELESCOPE = """
record(ai, "tcs:airMass") { field(VAL, "1.25") field(PINI, "YES") }
record(stringin, "tcs:object") { field(VAL, "NGC 1068") field(PINI, "YES") }
record(mbbi, "tcs:guide") { field(ZRST, "OFF") field(ONST, "ON") field(VAL, "1") field(PINI, "YES") }
"""
TEMPLATE = """
OBJECT: {channel: "tcs:object", at: start, timeout: 0}
AIRMASS: {channel: "tcs:airMass", type: float, at: start, timeout: 0, default: 0.0, comment: airmass}
GUIDING: {channel: "tcs:guide", timeout: 0}
FOCUS: {channel: "tcs:noSuch", type: float, default: -1.0}
PROPID: {constant: GN-2026B-Q-1, comment: programme}
GRATING: {parameter: view_grating}
RA: {constant: 40.67, type: float}
DEC: {constant: -0.0133, type: float}
COLDEST: {status: detTemp, type: float, extension: SCI}
"""
KEYWORDS = ("OBJECT", "AIRMASS", "GUIDING", "FOCUS", "PROPID", "GRATING", "HDRMISS")


@contextmanager
def telescope(folder: Path, port: int) -> Iterator[None]:
    database = folder / "telescope.db"
    database.write_text(TELESCOPE, encoding="ascii")
    server = Part(
        "telescope",
        ["nifsdc", "softioc", str(database)],
        folder / "telescope.log",
        {"EPICS_CAS_SERVER_PORT": str(port)},
    )
    try:
        server.wait_ready(60.0)
        yield
    finally:
        server.stop()


def header_of(system: System) -> dict[str, object]:
    with fits.open(system.observe(), memmap=False) as hdus:
        hdus.verify("exception")
        assert hdus["SCI"].header["COLDEST"] == pytest.approx(system.get("sad:dc:detTemp"), abs=0.5)
        (middle,) = WCS(hdus["SCI"].header).wcs_pix2world([[1024.5, 1000.0]], 1)
        assert middle == pytest.approx([40.67, -0.0133], abs=1e-9)
        return {name: hdus[0].header[name] for name in KEYWORDS} | {
            "comment": hdus[0].header.comments["AIRMASS"]
        }


def test_keywords_of_other_systems(tmp_path: Path) -> None:
    port = free_port()
    elsewhere = {"EPICS_CA_ADDR_LIST": f"127.0.0.1:{port}"}
    (tmp_path / "header.yaml").write_text(TEMPLATE, encoding="utf-8")
    config = "header: header.yaml\nwcs: {arcsec: 0.1, pixel_x: 1024.5, pixel_y: 1000.0}\n"
    with run_system(tmp_path, "--speed", "fast", config=config, environment=elsewhere) as system:
        system.configure(obs_readMode="DCS", obs_exposed=6.0)
        alarm = "dc:header:AIRMASS.SEVR"
        with telescope(tmp_path, port):
            wait_until(lambda: system.get(alarm) == 0, 60.0, "the telescope's channel")
            wait_until(lambda: system.get("dc:header:GUIDING") == "ON", 60.0, "the label of a choice")
            wait_until(lambda: system.get("dc:header:OBJECT") == "NGC 1068", 60.0, "the object")
            there = header_of(system)
        assert there == {
            "OBJECT": "NGC 1068",
            "AIRMASS": 1.25,
            "GUIDING": "ON",
            "FOCUS": -1.0,
            "PROPID": "GN-2026B-Q-1",
            "GRATING": "MIRROR",
            "HDRMISS": 1,
            "comment": "airmass",
        }
        wait_until(lambda: system.get(alarm) == 3, 60.0, "the alarm of a telescope that is gone")
        gone = header_of(system)
        assert gone == {
            **there,
            "OBJECT": "UNKNOWN",
            "AIRMASS": 0.0,
            "GUIDING": "UNKNOWN",
            "HDRMISS": 4,
            "comment": "DEFAULT, no value: airmass",
        }
        assert system.get("sad:dc:hdrMissing") == 4
        assert system.get("sad:dc:hdrMissing.SEVR") == 1
        with telescope(tmp_path, port):
            wait_until(lambda: system.get(alarm) == 0, 90.0, "the telescope's channel again")
            wait_until(lambda: system.get("dc:header:OBJECT") == "NGC 1068", 60.0, "the object")
            wait_until(lambda: system.get("dc:header:GUIDING.SEVR") == 0, 60.0, "the guide state")
            assert header_of(system) == there
