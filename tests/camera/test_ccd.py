"""A CCD as data, its windows, and what becomes of its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nifsdc.camera.ccd import CcdAccumulator, CcdReadoutPlan, readout_plan
from nifsdc.camera.ccd_detector import CcdDetector
from nifsdc.camera.layout import LayoutError
from nifsdc.database.locate import share
from nifsdc.sdsu.windows import Corner, WindowError
from nifsdc.timing.ccd import CcdRequest, ExposureType, Region

DETECTORS = share("db") / "detectors"


def request(*regions: str, kind: ExposureType = ExposureType.OBJECT, binning: int = 1) -> CcdRequest:
    return CcdRequest(kind, 10.0, 4.0, True, binning, binning, tuple(map(Region.parse, regions)))


def test_the_shipped_ccds() -> None:
    outputs = {
        "ccd1": (Corner.BOTTOM_LEFT,),
        "ccd2": (Corner.BOTTOM_LEFT, Corner.BOTTOM_RIGHT),
        "ccd4": tuple(Corner),
    }
    for name, corners in outputs.items():
        detector = CcdDetector.load(DETECTORS / f"{name}.yaml")
        assert (detector.name, detector.geometry.outputs) == (name, corners)
    two = CcdDetector.load(DETECTORS / "ccd2.yaml").geometry
    assert (two.height, two.width) == (1024, 2 * (16 + 512 + 32))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("bottom-right", "middle", ("middle", "bottom-left")),
        ("prescan: 16", "", ("prescan", "missing")),
        ("rows: 1024", "rows: many", ("wrong kind", "many")),
        ("gain: 1.2", "gian: 1.2", ("gain",)),
        ("rows: 1024", "rows: [", ("cannot be read",)),
    ],
)
def test_a_mistake_in_a_detector_is_told(tmp_path: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    text = (DETECTORS / "ccd2.yaml").read_text(encoding="utf-8")
    path = tmp_path / "bad.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(LayoutError) as error:
        CcdDetector.load(path)
    for word in (str(path), *words):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("[1:10,3:3]", Region(1, 3, 10, 1)),
        (" [ 5 : 6 , 7 : 9 ] ", Region(5, 7, 2, 3)),
        ("2:4,1:1", Region(2, 1, 3, 1)),
    ],
)
def test_windows_as_observers_write_them(text: str, region: Region) -> None:
    assert Region.parse(text) == region
    assert Region.parse(str(region)) == region


@pytest.mark.parametrize("text", ["", "1:2", "[0:4,1:2]", "[4:3,1:2]", "[1:2,5:4]", "[a:b,c:d]"])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|count|first"):
        Region.parse(text)


def test_what_each_type_exposes() -> None:
    """INS-DAS-18 Annex C: a run has shutter and timer, a dark neither but time, bias and flash no time."""
    shown = {
        kind.name: (request(kind=kind).exposure, request(kind=kind).flash, kind.opens_shutter)
        for kind in ExposureType
    }
    assert shown == {
        **dict.fromkeys(("OBJECT", "SKY", "FLAT", "ARC"), (10.0, 0.0, True)),
        "DARK": (10.0, 0.0, False),
        "BIAS": (0.0, 0.0, False),
        "FLASH": (0.0, 4.0, False),
    }


def test_pixels_become_an_image_for_each_window() -> None:
    detector = CcdDetector.load(DETECTORS / "ccd1.yaml")
    asked = request("[1:4,1:2]", "[11:12,1:2]")
    readout = readout_plan(detector, asked, 10)
    accumulator = CcdAccumulator(detector, CcdReadoutPlan(asked, 1.0, readout))
    stream = np.arange(12, dtype=np.uint16)
    stream[11] = 65535
    accumulator.clear()
    accumulator.take(stream[:5], 0, 0)
    accumulator.take(stream[5:], 5, 0)
    accumulator.finish(0.0)
    first, second = accumulator.images()
    # A row is read through both windows before the next one: 4 pixels, then 2.
    assert first.pixels.tolist() == [[0, 1, 2, 3], [6, 7, 8, 9]]
    assert second.pixels.tolist() == [[4, 5], [10, 65535]]
    assert (first.name, second.name) == ("science", "science:2")
    assert (first.keywords["DETSEC"], second.keywords["WINDOW"]) == ("[1:4,1:2]", 2)
    assert (first.keywords["NSATUR"], second.keywords["NSATUR"]) == (0, 1)
    assert first.keywords["GAIN"] == detector.fast.gain


def test_windows_that_no_table_describes() -> None:
    detector = CcdDetector.load(DETECTORS / "ccd1.yaml")
    with pytest.raises(WindowError, match="fragments"):
        readout_plan(detector, request("[1:2,1:1]", "[1:2,5:5]"), 1)
