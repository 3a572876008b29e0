"""What a process that was killed in the middle leaves: frames stored, exposures without frames told, once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits

from nifsdc.data.frame import Frame, FrameKind
from nifsdc.data.ledger import Begun, Ledger
from nifsdc.data.recover import recover
from nifsdc.data.ring import FrameRing, RingError
from nifsdc.data.spool import Spool

WRITER = """
import os, signal, sys
from pathlib import Path
from nifsdc.data.ledger import Begun, Ledger
from nifsdc.data.ring import FrameRing
from tests.data.conftest import make_frame

ring = FrameRing.create(sys.argv[1], 2, 1 << 16)
ledger = Ledger(Path(sys.argv[2]))
for number in range(3):
    ledger.begin(Begun(f"exp-{number}", f"Night{number}", "observe", f"2026-03-01T00:00:0{number}.000"))
ledger.end("exp-0")
for number in range(2):
    ring.write(make_frame(number, label=f"Night{number}", exposure=f"exp-{number}"))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left(tmp_path: Path) -> tuple[str, Path]:
    """Ring and spool of a process that was killed with a frame in the ring, and an exposure without one."""
    ring, spool = f"nifsdc-{tmp_path.name[:40]}", tmp_path / "spool"
    killed = subprocess.run(
        [sys.executable, "-c", WRITER, ring, str(spool)], cwd=Path(__file__).parents[2], timeout=60
    )
    assert killed.returncode == -9
    return ring, spool


def test_a_frame_in_the_ring_is_kept_and_an_exposure_without_one_is_told(left: tuple[str, Path]) -> None:
    ring, folder = left
    spool, ledger = Spool(folder), Ledger(folder)
    recovery = recover(ring, spool, ledger)
    assert [begun.label for begun in recovery.kept] == ["Night1"]
    assert [begun.label for begun in recovery.interrupted] == ["Night2"]
    assert [spool.load(entry).header.exposure_id for entry in spool.pending()] == ["exp-1"]
    assert recover(ring, spool, ledger) == recovery, "nothing is forgotten before somebody was told"


def test_single_reads_are_kept_before_the_image_that_they_belong_to(left: tuple[str, Path]) -> None:
    ring, folder = left
    spool, ledger = Spool(folder), Ledger(folder)
    with FrameRing.create(f"{ring}-reads", 2, 1 << 16) as reads:
        read = Frame.build("exp-1", FrameKind.READ, {"read": np.zeros((4, 6), np.uint16)}, night="20260301")
        reads.write(read)
        recover(ring, spool, ledger, (f"{ring}-reads",))
    kinds = [spool.load(entry).header.kind for entry in spool.pending()]
    assert kinds == [FrameKind.READ, FrameKind.SCIENCE]


def test_a_ring_that_is_in_use_is_left_alone(left: tuple[str, Path]) -> None:
    ring, folder = left
    with FrameRing.create(ring, 2, 1 << 16), pytest.raises(RingError, match="another process writes"):
        recover(ring, Spool(folder), Ledger(folder))


ASKED = """
import os, signal, sys
from pathlib import Path
from nifsdc.data.ledger import Begun, Ledger

ledger = Ledger(Path(sys.argv[2]), sys.argv[1])
for number in range(3):
    ledger.ask(Begun(f"exp-{number}", f"Night{number}", "observe", f"2026-03-01T00:00:0{number}.000"))
ledger.end("exp-0")
ledger.begin(Begun("exp-1", "Night1", "observe", "2026-03-01T00:00:01.000"))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_exposure_that_was_asked_for_and_had_not_begun_is_told(tmp_path: Path) -> None:
    ring, folder = f"nifsdc-{tmp_path.name[:40]}", tmp_path / "spool"
    killed = subprocess.run([sys.executable, "-c", ASKED, ring, str(folder)], check=False, timeout=60)
    assert killed.returncode == -9
    ledger = Ledger(folder, ring)
    recovery = recover(ring, Spool(folder), ledger)
    assert [begun.label for begun in recovery.interrupted] == ["Night1", "Night2"]
    assert [begun.label for begun in Ledger(folder).left()] == ["Night1"]
    for begun in recovery.interrupted:
        ledger.end(begun.exposure_id)
    assert ledger.left() == ()


def test_an_exposure_that_was_only_noted_is_forgotten_where_the_spool_cannot_be_written(
    tmp_path: Path,
) -> None:
    ring, spool = f"nifsdc-{tmp_path.name[:40]}", tmp_path / "spool"
    spool.write_text("something else")
    ledger = Ledger(spool, ring)
    begun = Begun("exp-1", "A", "observe", "2026-03-01T00:00:00.000")
    ledger.ask(begun)
    ledger.begin(begun)
    assert ledger.left() == (begun,)
    ledger.end("exp-1")
    assert ledger.left() == ()


def test_an_entry_that_is_damaged_is_passed_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin(Begun("exp-1", "A", "observe", "2026-03-01T00:00:00.000"))
    (tmp_path / "begun" / "exp-2.json").write_text('{"exposure_id": ')
    (tmp_path / "begun" / "exp-3.json").write_text('{"label": "B"}')
    assert [begun.exposure_id for begun in ledger.left()] == ["exp-1"]


def test_the_command_stores_what_is_left_once(
    left: tuple[str, Path], tmp_path: Path, data_server: Callable[..., tuple[Any, int]]
) -> None:
    ring, folder = left
    _, port = data_server(tmp_path / "data")
    config = tmp_path / "ioc.yaml"
    data = {"server_port": port, "spool": str(folder)}
    config.write_text(yaml.safe_dump({"top": f"{ring.removeprefix('nifsdc-')}:", "data": data}))
    command = [sys.executable, "-m", "nifsdc", "recover", str(config)]
    first = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert first.returncode == 1, first.stderr
    lost, stored = first.stdout.splitlines()
    assert lost == "LOST exp-2 observe Night2 2026-03-01T00:00:02.000"
    path = stored.removeprefix("STORED exp-1 ")
    with fits.open(path, checksum=True) as hdus:
        assert hdus[0].header["DATALAB"] == "Night1"
    again = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert len(list((tmp_path / "data").glob("[0-9]*/*.fits"))) == 1
    assert Ledger(folder).left() == ()
