"""Images over PVAccess, as clients see them that know nothing of ours: p4p's, and EPICS base's own tools."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.header import cards
from nifsdc.data.ring import FrameRing
from nifsdc.quicklook.images import MOST_STREAMS, channel_name, streams_of

CLIENT = Path(__file__).with_name("pva_client.py")
TOOLS = Path(sys.executable).parent
WAIT_S = 120
SIDE = 1024
"""pixels of an image that fills sockets"""

STRUCTURE = """
epics:nt/NTNDArray:1.0
    union value
        boolean[] booleanValue
        byte[] byteValue
        short[] shortValue
        int[] intValue
        long[] longValue
        ubyte[] ubyteValue
        ushort[] ushortValue
        uint[] uintValue
        ulong[] ulongValue
        float[] floatValue
        double[] doubleValue
    codec_t codec
        string name
        any parameters
    long compressedSize
    long uncompressedSize
    dimension_t[] dimension
        dimension_t
            int size
            int offset
            int fullSize
            int binning
            boolean reverse
    int uniqueId
    time_t dataTimeStamp
        long secondsPastEpoch
        int nanoseconds
        int userTag
    epics:nt/NTAttribute:1.0[] attribute
        epics:nt/NTAttribute:1.0
            string name
            any value
            string[] tags
            string descriptor
            alarm_t alarm
                int severity
                int status
                string message
            time_t timeStamp
                long secondsPastEpoch
                int nanoseconds
                int userTag
            int sourceType
            string source
    string descriptor
    alarm_t alarm
        int severity
        int status
        string message
    time_t timeStamp
        long secondsPastEpoch
        int nanoseconds
        int userTag
    display_t display
        double limitLow
        double limitHigh
        string description
        string format
        string units
"""
"""EPICS V4 Normative Types, section NTNDArray, with areaDetector's attribute source"""


def frame(number: int, image: np.ndarray, **more: Any) -> Frame:
    more = {"stream": "nifsViewQL", **more}
    return Frame.build(
        f"e{number}", FrameKind.VIEW, {"science": image}, night="20260301", number=number, **more
    )


def noise(number: int, shape: tuple[int, int] = (20, 30), kind: str = "float32") -> np.ndarray:
    return np.random.default_rng(number).normal(1000, 300, shape).astype(kind)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[FrameRing]:
    with FrameRing.create(tmp_path / "r.ring", 2, 1 << 23) as made:
        yield made


@pytest.fixture
def watch(process: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Starts a client of a stream; returns what waits for the image of a number and gives it."""

    def start(stream: str = "nifsViewQL") -> Callable[[int], tuple[dict[str, Any], np.ndarray]]:
        out = tmp_path / f"{stream}.npy"
        client = process(str(CLIENT), f"t:dc:{stream}:Image", str(out))

        def image(number: int) -> tuple[dict[str, Any], np.ndarray]:
            while True:
                told = client.line("IMAGE", WAIT_S)
                if told["id"] == number:
                    return told, np.load(out)

        return image

    return start


def tool(name: str, *arguments: str) -> str:
    """What one of EPICS base's command-line tools prints."""
    done = subprocess.run(
        [str(TOOLS / name), "-w", "60", *arguments],
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=True,
    )
    return done.stdout


def test_every_type_of_pixel_arrives_as_it_is(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    serve(ring.path)
    told_of = watch()
    for number, kind in enumerate(("uint8", "uint16", "int16", "int32", "float32", "float64"), 1):
        image = noise(number, kind=kind)
        ring.write(frame(number, image))
        told, pixels = told_of(number)
        assert (told["type"], told["shape"], pixels.dtype) == (kind, [20, 30], image.dtype)
        assert np.array_equal(pixels, image)
        assert told["sizes"] == [image.nbytes] * 2
        assert told["codec"] == ""
        axes = [
            (axis["size"], axis["fullSize"], axis["binning"], axis["offset"]) for axis in told["dimension"]
        ]
        assert axes == [(30, 30, 1, 0), (20, 20, 1, 0)], "the fastest axis first"


def test_attributes_say_what_the_image_is(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    serve(ring.path)
    told_of = watch()
    header = (
        *cards({"DATE-OBS": "2026-03-01T05:06:07.250", "EXPTIME": 12.5, "SIMULATE": True, "COADDS": 3}),
        *cards({"BUNIT": "adu/s", "GAIN": 2.8}, extension="SCI"),
        *cards({"BUNIT": "adu2/s2"}, extension="VAR"),
    )
    ring.write(frame(7, noise(1), label="Mine", cards=header))
    told, _ = told_of(1)
    attributes = told["attributes"]
    assert attributes["ColorMode"] == 0
    expected = {"ImageCounter": 1, "AcquireTime": 12.5, "Stream": "nifsViewQL", "FrameKind": "view"}
    expected |= {"FrameNumber": 7, "ExposureId": "e7", "DataLabel": "Mine", "ArrayName": "science"}
    expected |= {
        "FramesSkipped": 0,
        "EXPTIME": 12.5,
        "SIMULATE": 1,
        "COADDS": 3,
        "BUNIT": "adu/s",
        "GAIN": 2.8,
    }
    assert expected.items() <= attributes.items()
    assert told["descriptors"]["EXPTIME"] == "[s] exposure time measured, mean of the coadds"
    assert told["unit"] == "adu/s"
    assert told["taken"] == datetime(2026, 3, 1, 5, 6, 7, 250000, UTC).timestamp()


def test_the_tools_of_epics_base_know_it_for_an_ndarray(ring: FrameRing, serve: Callable[..., Any]) -> None:
    serve(ring.path)
    channel = "t:dc:nifsViewQL:Image"
    assert textwrap.indent(STRUCTURE.strip(), "    ") in tool("pvinfo", channel)
    image = noise(2, (5, 7), "uint16")
    ring.write(frame(1, image))
    seen: dict[str, Any] = {}
    while not seen.get("dimension"):
        told = tool("pvget", "-M", "json", channel).partition(" ")[2]
        seen = json.loads(re.sub(r"(?<=[{,])(\w+):", r'"\1":', told))  # its names stand without quotes
    assert seen["value"] == image.reshape(-1).tolist()
    assert [axis["size"] for axis in seen["dimension"]] == [7, 5]
    assert {one["name"]: one["value"] for one in seen["attribute"]}["ColorMode"] == 0


def test_before_the_first_image_a_stream_answers_without_one_and_then_shows_what_was_there(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    for number in (1, 2, 3):
        ring.write(frame(number, noise(number)))
    serve(ring.path)
    told, pixels = watch("nifsCmpQL")(0)
    assert (told["shape"], pixels.size, told["attributes"]) == ([0], 0, {"ColorMode": 0})
    _, pixels = watch()(3)
    assert np.array_equal(pixels, noise(3))


def test_an_image_beside_another_has_a_stream_of_its_own_and_a_new_stream_a_channel(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    serve(ring.path)
    detector, sky = watch("looking"), watch("nifsCmpQL")
    arrays = {"science": noise(1), "compressed": noise(2, (14, 15))}
    named = {"compressed": "nifsCmpQL"}
    ring.write(Frame.build("e", FrameKind.VIEW, arrays, night="20260301", stream="looking", streams=named))
    assert np.array_equal(detector(1)[1], arrays["science"])
    told, pixels = sky(1)
    assert np.array_equal(pixels, arrays["compressed"])
    assert told["attributes"]["ArrayName"] == "compressed"


@pytest.mark.parametrize(
    ("stream", "streams", "standard", "expected"),
    [
        ("", {}, ["run"], [("run", "science")]),
        ("", {}, [""], []),
        ("mine", {}, ["run"], [("mine", "science")]),
        ("mine", {"sky": "his"}, ["view", "cmp"], [("mine", "science"), ("his", "sky")]),
        ("mine", {"sky": ""}, ["view", "cmp"], [("mine", "science"), ("cmp", "sky")]),
        ("mine", {"sky": ""}, ["view"], [("mine", "science")]),
    ],
)
def test_which_image_goes_to_which_stream(
    stream: str, streams: dict[str, str], standard: list[str], expected: list[tuple[str, str]]
) -> None:
    arrays = {"reference": np.zeros((2, 3, 4)), "science": noise(1), "sky": noise(2)}
    made = Frame.build("e", FrameKind.VIEW, arrays, night="20260301", stream=stream, streams=streams)
    assert list(streams_of(made, standard)) == expected


def test_names_that_no_channel_can_have() -> None:
    assert channel_name("nifs:", "nifsRunQL") == "nifs:dc:nifsRunQL:Image"
    assert channel_name("t:", "my stream{1}") == "t:dc:my_stream_1_:Image"


def test_streams_that_nobody_uses_give_way(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    look = serve(ring.path, streams="nifsViewQL")
    told: list[str] = []
    streams = MOST_STREAMS + 3
    for number in range(1, streams + 1):
        ring.write(frame(number, noise(1), stream=f"s{number}"))
        while f"channel t:dc:s{number}:Image\n" not in "".join(told):
            told.append(look.child.stderr.readline())
    assert re.findall(r"channel t:dc:(\w+):Image gives way", "".join(told)) == ["s1", "s2", "s3", "s4"]
    assert watch(f"s{streams}")(streams)[0]["attributes"]["Stream"] == f"s{streams}"
    assert watch()(0)[0]["shape"] == [0], "one of the standard ones stays"


def test_a_ring_that_is_made_anew_is_found_and_clients_notice_nothing_else(
    tmp_path: Path, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    path = tmp_path / "again.ring"
    serve(path)
    told_of = watch()
    for life in range(3):
        with FrameRing.create(path, 2, 1 << 20) as ring:
            for number in range(1, life + 2):
                ring.write(frame(number, noise(10 * life + number)))
            assert np.array_equal(told_of(life + 1)[1], noise(10 * life + life + 1))


def test_a_quick_look_that_was_killed_begins_again_where_its_clients_are(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any]
) -> None:
    first = serve(ring.path)
    told_of = watch()
    ring.write(frame(1, noise(1)))
    told_of(1)
    first.kill()
    ring.write(frame(2, noise(2)))
    serve(ring.path)
    assert np.array_equal(told_of(2)[1], noise(2))


def test_a_client_that_hangs_holds_up_nobody_and_its_images_are_let_go(
    ring: FrameRing, serve: Callable[..., Any], watch: Callable[..., Any], process: Callable[..., Any]
) -> None:
    look = serve(ring.path, "--most-mib", "100")
    told_of = watch()
    ring.write(frame(1, noise(1, (SIDE, SIDE))))
    told_of(1)
    hanging = process(str(CLIENT), "--hang", "t:dc:nifsViewQL:Image")
    hanging.line("HANGING")
    written, told = 1, {"disconnected": 0}
    while not told["disconnected"] and written < 1000:
        written += 1
        ring.write(frame(written, np.full((SIDE, SIDE), written, np.float32)))
        told, pixels = told_of(written)
        assert pixels[0, 0] == pixels[-1, -1] == written
    assert told["disconnected"] == 1
    assert hanging.child.poll() is None
    look.child.terminate()
    assert look.line("ENDED")["shown"] == written
    assert "waiting for clients that do not take them" in look.child.stderr.read()
