"""The device link at the system-call boundary: what is on record in the sdsu facts, section 4."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.errors import Busy, LinkLost
from nifsdc.sdsu.links.choose import open_link
from nifsdc.sdsu.links.device import DeviceLink
from nifsdc.sdsu.links.spec import DriverKind
from nifsdc.sdsu.words import Board
from nifsdc_sim.process import SimulatorProcess

from ...waiting import until
from .conftest import fake_driver, raw_start_up
from .fake_driver import FULL_READ, FakeDriver

ARC = 0x41524300
GET_HCTR, GET_PROGRESS, GET_HSTR, DMA_SIZE, FRAMES, SET_HCTR, SET_HCVR, COMMAND = (
    ARC | code for code in (0x01, 0x02, 0x04, 0x06, 0x07, 0x11, 0x12, 0x15)
)
READ_BAR, WRITE_BAR, BUFFER_PROP = ARC | 0x01, ARC | 0x02, ARC | 0x0A
TDL = (0x000203, 0x54444C, 0x123456)
FULL_BUFFER = 32 * FULL_READ * 2


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    with SimulatorProcess(speed=50.0, seed=1) as process:
        yield process


def of(driver: FakeDriver, kind: str) -> list[int]:
    """Return the requests of one system call."""
    return [request for name, request in driver.calls if name == kind]


@contextmanager
def opened(kind: str, simulator: SimulatorProcess) -> Iterator[tuple[DeviceLink, FakeDriver]]:
    simulator.clear_faults()
    link, driver = fake_driver(kind, simulator)
    link.reopen()
    yield link, driver
    link.close()


@pytest.fixture(params=["pci", "pci-old", "pcie"])
def device(
    request: pytest.FixtureRequest, simulator: SimulatorProcess
) -> Iterator[tuple[DeviceLink, FakeDriver]]:
    with opened(request.param, simulator) as both:
        yield both


@pytest.fixture
def pci(simulator: SimulatorProcess) -> Iterator[tuple[DeviceLink, FakeDriver]]:
    with opened("pci", simulator) as both:
        yield both


@pytest.fixture
def pcie(simulator: SimulatorProcess) -> Iterator[tuple[DeviceLink, FakeDriver]]:
    with opened("pcie", simulator) as both:
        yield both


def test_the_pci_driver_is_opened_set_up_and_mapped(pci: tuple[DeviceLink, FakeDriver]) -> None:
    _, driver = pci
    assert [request for name, request in driver.calls][:5] == [0, GET_HCTR, SET_HCTR, DMA_SIZE, FULL_BUFFER]
    assert [name for name, _ in driver.calls][:5] == ["open", "ioctl", "ioctl", "ioctl", "mmap"]


def test_a_command_is_one_request_of_the_pci_driver(pci: tuple[DeviceLink, FakeDriver]) -> None:
    link, driver = pci
    driver.calls.clear()
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)
    assert of(driver, "ioctl").count(COMMAND) == 1
    assert set(of(driver, "ioctl")) <= {COMMAND, GET_HSTR, FRAMES, GET_PROGRESS}
    assert of(driver, "ioctl")[-1] == COMMAND


def test_the_old_pci_driver_has_the_bare_codes(simulator: SimulatorProcess) -> None:
    link, driver = fake_driver("pci-old", simulator)
    link.reopen()
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)
    assert max(of(driver, "ioctl")) == 0x15
    link.close()


def test_words_go_to_the_pcie_card_by_its_registers(pcie: tuple[DeviceLink, FakeDriver]) -> None:
    link, driver = pcie
    driver.calls.clear()
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)
    assert of(driver, "ioctl").count(WRITE_BAR) == 1 + len(TDL)  # the status is cleared first
    assert set(of(driver, "ioctl")) == {READ_BAR, WRITE_BAR}


def test_the_pcie_buffer_is_mapped_and_its_size_checked(pcie: tuple[DeviceLink, FakeDriver]) -> None:
    _, driver = pcie
    names = [name for name, _ in driver.calls]
    assert BUFFER_PROP in of(driver, "ioctl")
    assert of(driver, "mmap") == [4200 * 4200 * 2]  # the driver does not say how much there is before
    assert names.index("mmap") < len(names) - 1 - of(driver, "ioctl")[::-1].index(BUFFER_PROP)


def test_one_program_has_the_card(device: tuple[DeviceLink, FakeDriver]) -> None:
    link, driver = device
    kind = DriverKind.PCIE if "PCIe" in link.name else DriverKind.PCI
    with pytest.raises(LinkLost, match="another host program has it open"):
        DeviceLink(driver.node, kind, system=driver)
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)
    link.close()
    assert driver.calls[-1] == ("close", 0)
    link.reopen()
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)


def stalled(link: DeviceLink, simulator: SimulatorProcess) -> Controller:
    """Return the controller of a readout whose pixels have stopped after a quarter of a block."""
    controller = raw_start_up(link)
    simulator.fault("pixels-stop", "MRA", fraction=0.25)
    controller.stop_idle()
    controller.multiple_read(1)
    until(lambda: link.progress() == (1, FULL_READ // 4), "a quarter of a block")
    return controller


def test_while_it_reads_out_a_card_takes_nothing_but_an_abort(
    device: tuple[DeviceLink, FakeDriver], simulator: SimulatorProcess
) -> None:
    link, driver = device
    controller = stalled(link, simulator)
    with pytest.raises(Busy, match="reading out"):
        link.transact(TDL, 30.0)
    driver.calls.clear()
    controller.abort()
    until(lambda: simulator.status()["phase"] == "idle", "the end of the readout")
    assert COMMAND not in of(driver, "ioctl")
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)


def test_a_reset_during_a_readout_aborts_first(
    device: tuple[DeviceLink, FakeDriver], simulator: SimulatorProcess
) -> None:
    link, _ = device
    stalled(link, simulator)
    assert link.reset(30.0) == (0x020002, 0x535952)
    assert link.progress() == (1, FULL_READ // 4)
    raw_start_up(link).idle()


def test_a_card_that_is_gone_is_reported_as_lost(device: tuple[DeviceLink, FakeDriver]) -> None:
    link, driver = device
    request = COMMAND if "PCIe" not in link.name else READ_BAR
    driver.refuses = dict.fromkeys((request, request ^ ARC), errno.ENODEV)
    with pytest.raises(LinkLost, match=r"ARC .* broke .*init opens it again"):
        link.transact(TDL, 30.0)
    assert driver.calls[-1] == ("close", 0)
    with pytest.raises(LinkLost, match="is down"):
        link.progress()
    driver.refuses = {}
    link.reopen()
    assert link.transact(TDL, 30.0) == (0x020002, 0x123456)


def test_a_buffer_that_cannot_be_mapped_is_reported_and_the_card_let_go(simulator: SimulatorProcess) -> None:
    link, driver = fake_driver("pci", simulator)
    too_large = DeviceLink(
        driver.node, DriverKind.PCI, connect=False, buffer_bytes=FULL_BUFFER + 4096, system=driver
    )
    with pytest.raises(LinkLost, match="cannot be set up"):
        too_large.reopen()
    assert driver.calls[-1] == ("close", 0)
    link.reopen()
    link.close()


def test_a_packet_that_the_pci_driver_cannot_carry_is_refused(pci: tuple[DeviceLink, FakeDriver]) -> None:
    link, _ = pci
    with pytest.raises(ValueError, match="packets of up to 6 words, not 7"):
        link.transact((0x000207, *[0] * 6), 30.0)


def test_an_answer_that_comes_late_is_kept_apart(
    pci: tuple[DeviceLink, FakeDriver], simulator: SimulatorProcess
) -> None:
    link, _ = pci
    simulator.fault("late-reply", "TDL", seconds=1.2)
    with pytest.raises(TimeoutError):
        link.transact(TDL, 0.1)
    found: list[tuple[int, ...]] = []

    def came() -> bool:
        found.extend(link.unasked())
        return bool(found)

    until(came, "the late answer")
    assert found == [(0x020002, 0x123456)]
    assert link.transact((0x000203, 0x54444C, 7), 30.0) == (0x020002, 7)


@pytest.mark.parametrize("driver", ["pci", "pci-old", "pcie"])
def test_where_there_is_no_node_the_link_says_what_to_look_at(driver: str, tmp_path: Path) -> None:
    with pytest.raises(
        LinkLost, match=r"there is no such device: is the driver loaded, and is this the host"
    ):
        open_link(f"device:{tmp_path}/AstroPCI0:{driver}")


def test_a_file_is_no_card(tmp_path: Path) -> None:
    node = tmp_path / "AstroPCI0"
    node.write_bytes(bytes(16))
    with pytest.raises(LinkLost, match="cannot be set up"):
        open_link(f"device:{node}")


def test_the_name_is_known_before_it_is_opened(tmp_path: Path) -> None:
    link = open_link(f"device:{tmp_path}/AstroPCIe3", connect=False)
    assert link.name == f"ARC PCIe card at {tmp_path}/AstroPCIe3"
    assert link.clock.speed == 1.0
    with pytest.raises(LinkLost, match="never opened"):
        Controller(link).test_data_link(Board.TIMING, 1)
