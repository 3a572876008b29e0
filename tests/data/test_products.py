"""Every product, packed and not, as strangers and as `nifsdc fits` see it."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from numpy.typing import NDArray

from nifsdc.cli.main import main
from nifsdc.config import COMPRESSIONS, ConfigError, IocConfig
from nifsdc.data.archive import Archive
from nifsdc.data.check import REQUIRED, check_file
from nifsdc.data.client import DataClient
from nifsdc.data.frame import Card, Frame, FrameKind
from nifsdc.data.header import HEADER_KEYWORDS, cards, parameter_cards
from nifsdc.data.packing import Packing, packed
from nifsdc.data.transport import Connection
from nifsdc.data.wire import Message

from .checkers import check_independently

NIGHT = "20260301"
SHAPE = (96, 128)
KINDS = {keyword.name: keyword.kind for keyword in HEADER_KEYWORDS}
EXAMPLES = {"text": "as it was", "int": 1, "float": 1.25, "bool": True}
PRIMARY = {name: EXAMPLES[KINDS[name]] for name in REQUIRED if name in KINDS and name != "FILENAME"}
PRIMARY |= {"DATE-OBS": "2026-03-01T09:08:07.654", "DATE-END": "2026-03-01T09:08:16.654", "TIMESYS": "UTC"}

Arrays = dict[str, NDArray[Any]]


def floats(seed: int, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    """An image with a pixel without a value, and one whose sign only its bits tell."""
    image = np.random.default_rng(seed).normal(1000, 30, shape).astype(np.float32)
    image[3, 4], image[5, 6] = np.nan, -0.0
    return image


def counts(seed: int, shape: tuple[int, ...] = SHAPE) -> NDArray[np.uint16]:
    """Raw counts, from the least to the greatest that there are."""
    image = np.random.default_rng(seed).normal(9000, 40, shape).astype(np.uint16)
    image[0, 0], image[0, 1] = 0, 65535
    return image


REFERENCE = np.random.default_rng(9).normal(500, 5, (4, SHAPE[0] // 2, 8)).astype(np.float32)
PRODUCTS: dict[str, tuple[FrameKind, Arrays]] = {
    "image": (FrameKind.SCIENCE, {"science": floats(1), "reference": REFERENCE}),
    "all that is asked for": (
        FrameKind.SCIENCE,
        {
            "science": floats(1),
            "variance": np.abs(floats(2)),
            "quality": (counts(3) % 64).astype(np.uint8),
            "reference": REFERENCE,
        },
    ),
    "single": (FrameKind.SCIENCE, {"science": counts(4), "reference": counts(5, (4, 6, 2))}),
    "windows": (FrameKind.SCIENCE, {"science:1": counts(6), "science:2": counts(7, (161, 175))}),
    "read": (FrameKind.READ, {"read": counts(8), "reference": counts(9, (4, 6, 2))}),
    "coadd": (FrameKind.COADD, {"coadd": floats(10), "reference": REFERENCE}),
}
LEADS = {"science": "SCI", "read": "READ", "coadd": "COADD"}


def summary(name: str, image: NDArray[Any], saturated: int) -> tuple[Card, ...]:
    """What a header says of an image, worked out by numpy alone."""
    kind, _, version = name.partition(":")
    right = image[np.isfinite(image)].astype(np.float64)
    extension = LEADS[kind] + (f":{version}" if version else "")
    values = {"BUNIT": "adu", "DATAMIN": right.min(), "DATAMAX": right.max(), "DATAMEAN": right.mean()}
    return cards({**values, "NSATUR": saturated}, extension=extension)


def product(name: str) -> Frame:
    kind, arrays = PRODUCTS[name]
    marked = int(np.count_nonzero(arrays["quality"] & 2)) if "quality" in arrays else 0
    header = cards({**PRIMARY, "DETTEMP": None}) + parameter_cards({"obs_exposed": 20.0, "path": "x" * 90})
    for array, pixels in arrays.items():
        if array.partition(":")[0] in LEADS:
            header += summary(array, pixels, marked)
    return Frame.build(name, kind, arrays, night=NIGHT, label=name, cards=header)


@pytest.mark.parametrize("packing", Packing)
@pytest.mark.parametrize("name", PRODUCTS)
def test_every_product_is_good_to_strangers(tmp_path: Path, name: str, packing: Packing) -> None:
    archive = Archive(tmp_path, floor=0)
    frame = product(name)
    path = Path(archive.store(frame, packing).path)
    archive.close()
    check_independently(path)
    found = check_file(path)
    assert found.problems == ()
    assert [image.extension.partition(":")[0] for image in found.images]
    with fits.open(path, memmap=False) as hdus:
        by_name = {(hdu.name, hdu.ver): hdu for hdu in hdus[1:]}
        names = {"variance": "VAR", "quality": "DQ", "reference": "REF", **LEADS}
        assert len(by_name) == len(frame.arrays)
        for array, pixels in frame.arrays.items():
            kind, _, version = array.partition(":")
            stored = by_name[names[kind], int(version or 1)]
            native = np.ascontiguousarray(stored.data, stored.data.dtype.newbyteorder("="))
            assert native.dtype == pixels.dtype
            assert native.tobytes() == pixels.tobytes()
            if kind in LEADS:
                assert isinstance(stored, fits.CompImageHDU) is (packing is not Packing.NONE)


def test_files_get_smaller(tmp_path: Path) -> None:
    frame = product("single")
    sizes = []
    for packing in Packing:
        archive = Archive(tmp_path / packing.value, floor=0)
        sizes.append(archive.store(frame, packing).nbytes)
        archive.close()
    assert max(sizes[1:]) < sizes[0]


def test_what_would_get_larger_is_left_as_it_is() -> None:
    noise = np.random.default_rng(1).integers(0, 1 << 16, SHAPE).astype(np.uint16)
    assert packed(fits.ImageHDU(noise).header, noise, Packing.RICE) is None
    assert packed(fits.Header(), np.zeros((0, 4), np.uint16), Packing.RICE) is None


def test_a_cube_is_good_to_strangers(tmp_path: Path) -> None:
    image = np.random.default_rng(1).normal(1000, 30, (2048, 2048)).astype(np.float32)
    frame = Frame.build(
        "e",
        FrameKind.SCIENCE,
        {"science": image},
        night=NIGHT,
        cards=cards(PRIMARY) + summary("science", image, 0),
    )
    archive = Archive(tmp_path, floor=0)
    source = archive.store(frame, Packing.GZIP).path
    archive.close()
    out = tmp_path / "cube.fits"
    assert main(["cube", source, "--grating", "K", "--from", "2.15", "--to", "2.16", "--out", str(out)]) == 0
    check_independently(out)
    assert fits.getheader(out)["NEXTEND"] == 1


def test_a_client_says_how_its_images_are_packed(tmp_path: Path, data_server: Any) -> None:
    _, port = data_server(tmp_path)
    with DataClient("127.0.0.1", port, packing=Packing.GZIP) as client:
        stored = client.store(product("image"), 60)
        client.trial(product("single"), 60)
    with fits.open(stored.path) as hdus:
        assert isinstance(hdus["SCI"], fits.CompImageHDU)


def test_a_packing_that_nobody_knows_is_refused(tmp_path: Path, data_server: Any) -> None:
    _, port = data_server(tmp_path)
    connection = Connection(socket.create_connection(("127.0.0.1", port)))
    deadline = time.monotonic() + 60
    connection.send(Message({"type": "store", "packing": "zip", "number": 1}, product("single")), deadline)
    answer = connection.receive(deadline).fields
    connection.close()
    assert answer["type"] == "refused"
    assert "compression is 'zip'; expected one of none, gzip, rice" in answer["reason"]


def test_a_configuration_says_it(tmp_path: Path) -> None:
    assert tuple(packing.value for packing in Packing) == COMPRESSIONS
    path = tmp_path / "ioc.yaml"
    path.write_text("data: {compression: rice}")
    assert IocConfig.load(path).data.compression == "rice"
    path.write_text("data: {compression: zip}")
    with pytest.raises(ConfigError, match="compression is 'zip'; expected one of none, gzip, rice"):
        IocConfig.load(path)
