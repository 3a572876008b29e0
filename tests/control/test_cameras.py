"""Cameras by the name in their configuration, and what is checked of a CCD's commands."""

from __future__ import annotations

import dataclasses

import pytest

from nifsdc.camera.ccd_detector import CcdDetector
from nifsdc.config import ConfigError, IocConfig, LinkConfig
from nifsdc.control.cameras import assemble
from nifsdc.control.ccd import ccd_kind
from nifsdc.control.checks import Check, first_problem
from nifsdc.database import load
from nifsdc.database.locate import share
from nifsdc.sdsu.links.choose import BadLink, parse_link
from nifsdc.timing.ccd import ExposureType

KIND = ccd_kind(CcdDetector.load(share("db") / "detectors/ccd2.yaml"), 10)
DEFAULTS = load(camera="ccd").parameter_dictionary().snapshot()


@pytest.mark.parametrize(("name", "detector"), [("nifs", "HAWAII-2 (NIFS)"), ("ccd", "ccd2")])
def test_the_shipped_configurations(name: str, detector: str) -> None:
    assembly = assemble(IocConfig.load(share("ioc") / f"{name}.yaml"))
    assert assembly.detector_type == detector


def test_an_unknown_camera_is_told() -> None:
    with pytest.raises(ConfigError, match="'film' is not known; expected nifs or ccd"):
        assemble(dataclasses.replace(IocConfig(), camera="film"))


@pytest.mark.parametrize(
    ("link", "text"),
    [
        (LinkConfig("sim", "127.0.0.1", 5070, "/tmp/buffer"), "sim:127.0.0.1:5070:/tmp/buffer"),
        (LinkConfig("tcp", "ccdhost", 7000), "tcp:ccdhost:7000"),
        (LinkConfig("tcp", "::1", 7000), "tcp:[::1]:7000"),
        (LinkConfig("device", device="/dev/AstroPCI0"), "device:/dev/AstroPCI0:pci"),
        (LinkConfig("device", device="/dev/ccd:pcie"), "device:/dev/ccd:pcie"),
    ],
)
def test_a_configuration_names_a_link(link: LinkConfig, text: str) -> None:
    assert str(parse_link(str(link))) == text


def test_a_link_of_no_kind_is_told() -> None:
    with pytest.raises(BadLink, match="carrier pigeon"):
        parse_link(str(LinkConfig("carrier pigeon")))


def refusal(command: str, **values: int | float | str) -> str | None:
    checks: dict[str, tuple[Check, ...]] = dict(KIND.checks)
    return first_problem(command, {**DEFAULTS, **values}, checks)


def test_windows_are_taken_as_a_table_describes_them() -> None:
    assert refusal("seqWindows", window1="[17:116,1:100]", window7="[605:704,51:150]") is None
    assert refusal("observe", window1="[17:116,1:100]", obs_xbin=5, obs_ybin=10) is None


@pytest.mark.parametrize("command", ["seqWindows", "seqObserve", "observe", "glance"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"window3": "[17:116,1:2000]"}, "window3: full frame is 1120 x 1024"),
        ({"window1": "[17:116,1:100]", "obs_xbin": 3}, "window1: no multiple of binning 3 x 1"),
        ({"window1": "17-116"}, "window1: expected [x1:x2,y1:y2]"),
    ],
)
def test_what_cannot_be_read_is_refused(command: str, values: dict[str, int | str], words: str) -> None:
    assert refusal(command, **values) == words
    assert len(words) <= 39


def test_a_request_is_what_was_set() -> None:
    ordinals = {"obs_obsType": ExposureType.FLASH.value}
    values = {**DEFAULTS, "obs_preflash": 4.0, "obs_speed": "SLOW", "obs_xbin": 2, "window2": "[1:4,1:4]"}
    request = KIND.request("obs", values, ordinals)
    assert (request.exposure, request.exposing) == (0.0, 4.0)
    # Half as much again as flash and readout take.
    assert request.longest(2.0) == pytest.approx(9.0)
