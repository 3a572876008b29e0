"""The quick look: right way up, stretched, whole, and in nobody's way."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nifsdc.data.fits_file import write
from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.picture import binned, fits_to_png, stretched, write_png
from nifsdc.data.ring import FrameRing
from nifsdc.quicklook.follow import Follower
from nifsdc.quicklook.process import draw


def frame(number: int, image: np.ndarray) -> Frame:
    return Frame.build(f"e{number}", FrameKind.PREVIEW, {"science": image}, night="20260301", number=number)


def opened(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    with Image.open(path) as picture:
        return np.asarray(picture), dict(picture.info)


def test_row_0_is_at_the_bottom_of_the_picture(tmp_path: Path) -> None:
    image = np.zeros((20, 30), np.float32)
    image[0, :] = 100.0
    write_png(image, tmp_path / "x.png")
    picture, _ = opened(tmp_path / "x.png")
    assert picture.shape == (20, 30)
    assert picture[-1].min() == 255
    assert picture[:-1].max() == 0


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2048, 2048), (512, 512)),
        ((2048, 64), (512, 16)),
        ((100, 130), (100, 130)),
        ((513, 600), (256, 300)),
        ((3, 2000), (1, 666)),
    ],
)
def test_pictures_are_binned(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    small = binned(np.ones(shape, np.uint16))
    assert small.shape == expected
    assert (small == 1).all()


def test_bins_are_means() -> None:
    image = np.arange(64, dtype=np.uint16).reshape(8, 8)
    expected = [[image[r : r + 2, c : c + 2].mean() for c in (0, 2, 4, 6)] for r in (0, 2, 4, 6)]
    assert binned(image, 4).tolist() == expected


def test_the_stretch_is_between_percentiles() -> None:
    image = np.linspace(0, 1000, 1001, dtype=np.float32)[None, :]
    greys = stretched(image, 10, 90)
    assert (greys[0, :101] == 0).all()
    assert (greys[0, 900:] == 255).all()
    assert abs(int(greys[0, 500]) - 127) <= 1
    image[0, :5] = np.nan
    assert (stretched(image, 10, 90)[0, :5] == 0).all()
    assert (stretched(np.full((3, 3), 7, np.float32)) == 127).all()
    assert (stretched(np.full((3, 3), np.nan, np.float32)) == 0).all()


def test_the_newest_frame_wins_and_the_others_are_counted(tmp_path: Path) -> None:
    with FrameRing.create(tmp_path / "r.ring", 3, 1 << 16) as ring:
        look = Follower(tmp_path / "r.ring", partial(draw, out=tmp_path / "q.png", most=16))
        assert not look.step(0)
        for number in range(1, 6):
            ring.write(frame(number, np.eye(16, dtype=np.float32)))
        assert look.step(0)
        assert not look.step(0)
        _, text = opened(tmp_path / "q.png")
        assert (text["Frame"], text["Kind"], text["Skipped"]) == ("5", "preview", "4")
        assert (look.shown, look.skipped) == (1, 4)
    assert not look.step(0)
    with FrameRing.create(tmp_path / "r.ring", 3, 1 << 16) as ring:
        ring.write(frame(1, np.eye(16, dtype=np.float32)))
        assert look.step(0), "a new ring under the name is found"
        look.detach()
    assert (look.shown, look.skipped) == (2, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["q.png"]


def test_a_frame_without_an_image_or_a_folder_without_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FrameRing.create(tmp_path / "r.ring", 3, 1 << 16) as ring:
        look = Follower(tmp_path / "r.ring", partial(draw, out=tmp_path / "no" / "q.png", most=16))
        look.step(0)
        ring.write(frame(1, np.eye(16, dtype=np.float32)))
        assert not look.step(0)
        ring.write(Frame.build("e", FrameKind.READ, {"line": np.zeros(5, np.uint16)}, night="20260301"))
        assert not look.step(0)
        look.detach()
    assert caplog.text.count("is not shown") == 2


def test_as_a_process(tmp_path: Path, process: Callable[..., Any], until: Callable[..., None]) -> None:
    out = tmp_path / "q.png"
    with FrameRing.create(tmp_path / "r.ring", 3, 1 << 22) as ring:
        ring.write(frame(1, np.eye(64, dtype=np.float32)))
        look = process("-m", "nifsdc.quicklook", "--picture", f"{tmp_path / 'r.ring'}={out}")
        look.line("READY")
        until(out.exists, "a picture of the frame that was there before")
        for number in range(2, 60):
            ring.write(frame(number, np.eye(1000, dtype=np.float32)))
            assert opened(out)[0].shape[0] in (64, 500)  # whole at any moment
        until(lambda: opened(out)[1]["Frame"] == "59", "the newest drawn")
        look.child.terminate()
        ended = look.line("ENDED")
        assert ended["pictures shown"] + ended["pictures skipped"] == 59
        assert look.child.wait(60) == 0


def test_a_file_as_a_picture(tmp_path: Path) -> None:
    science = np.zeros((40, 40), np.float32)
    science[:10] = 5
    path = write(frame(1, science), tmp_path, "a")
    fits_to_png(path, tmp_path / "a.png")
    picture, _ = opened(tmp_path / "a.png")
    assert (picture[-10:] == 255).all()
    assert (picture[:-10] == 0).all()
    with pytest.raises(KeyError):
        fits_to_png(path, tmp_path / "b.png", extension="VAR")
