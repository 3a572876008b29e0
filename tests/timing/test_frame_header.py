"""Header names of the frame-transfer modes: the document's written, the instrument's own read as well."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from astropy.io import fits

from nifsdc.timing.frame_header import cards, from_header
from nifsdc.timing.frame_transfer import Clear, Drift, FrameMode, NoClear

SetUp = NoClear | Clear | Drift
SETUPS: list[SetUp] = [
    NoClear(0.1, 0.02, 0.004, 2),
    Clear(0.1, 0.02, 0.004, 0.007, 3),
    Drift(0.1, 0.02, 0.001, 0.002, 3),
]


@pytest.mark.parametrize("timing", SETUPS, ids=lambda timing: timing.mode.value)
def test_a_set_up_comes_back_from_a_fits_header(timing: SetUp) -> None:
    header = fits.Header()
    for name, value, comment in cards(timing):
        header[f"HIERARCH {name}"] = (value, comment)
    again = from_header(timing.mode, fits.Header.fromstring(header.tostring()))
    assert type(again) is type(timing)
    assert isinstance(again, NoClear | Clear | Drift)
    assert asdict(again) == pytest.approx(asdict(timing))


def test_read_contains_the_transfer_but_in_drift_mode() -> None:
    said = [{name: value for name, value, _ in cards(timing)} for timing in SETUPS]
    assert [each["ESO DET READ"] for each in said] == pytest.approx([24.0, 24.0, 20.0])


def test_the_instruments_own_spelling_is_read() -> None:
    header = {
        "ESO DET TDELAY": 100.0,
        "ESO DET TREAD": 20.0,
        "ESO DET DRIFT TLINEDUMP": 1.0,
        "ESO DET DRIFT TLINESHIFT": 2.0,
        "ESO DET DRIFT NWINS": 3,
    }
    assert from_header(FrameMode.DRIFT, header) == Drift(0.1, 0.02, 0.001, 0.002, 3)


def test_clear_mode_is_read_without_a_transfer_of_its_own() -> None:
    header = {"ESO DET TDELAY": 100.0, "ESO DET READ": 24.0, "ESO DET TCLEAR": 7.0, "ESO DET NSKIP": 3}
    read, meant = from_header(FrameMode.CLEAR, header), SETUPS[1]
    assert (read.regular.start, read.regular.end) == pytest.approx((meant.regular.start, meant.regular.end))
    assert read.dead == pytest.approx(meant.dead)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ESO DET TFT": None}, "the header has no ESO DET TFT"),
        ({"ESO DET READ": None}, "no ESO DET READ or ESO DET TREAD"),
        ({"ESO DET READ": "20"}, "expected a number"),
        ({"ESO DET TFT": 50.0}, "which contains it"),
        ({"ESO DET NSKIP": 1.5}, "expected a whole number"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(changed: dict[str, object], said: str) -> None:
    header = {**{name: value for name, value, _ in cards(SETUPS[0])}, **changed}
    with pytest.raises(ValueError, match=said):
        from_header(FrameMode.NO_CLEAR, header)
