"""One IOC put together: records, server, dictionaries, control tasks, worker tasks, camera, link."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from nifsdc import logs
from nifsdc.camera.camera import ExposingCamera
from nifsdc.camera.frame_transfer import FrameTransferCamera
from nifsdc.config import ConfigError, IocConfig
from nifsdc.control.bridge import Bridge, Value
from nifsdc.control.cameras import Assembly, assemble
from nifsdc.control.control import Control
from nifsdc.control.header_channels import HeaderChannels, check_names, header_template
from nifsdc.control.responses import Responses
from nifsdc.control.routines import CommandRoutine
from nifsdc.control.show import Show
from nifsdc.control.workers import TaskSet, Workers
from nifsdc.data.client import DataClient
from nifsdc.data.delivery import Delivery
from nifsdc.data.ledger import Ledger
from nifsdc.data.packing import Packing
from nifsdc.data.recover import recover
from nifsdc.data.ring import FrameRing
from nifsdc.data.ring_memory import ALIGNMENT
from nifsdc.data.spool import Spool
from nifsdc.data.template import Source
from nifsdc.data.wcs import Sky
from nifsdc.database import CommandDef, Definition, subroutines
from nifsdc.records.ca_server import CaServer
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef
from nifsdc.records.types import EventMask
from nifsdc.sdsu.controller import Controller
from nifsdc.sdsu.links.base import Link
from nifsdc.sdsu.links.choose import BadLink, open_link
from nifsdc.tasks.bookkeeping import noting
from nifsdc.tasks.data import DataTask, SingleReads
from nifsdc.tasks.displays import VIEW_BYTES, VIEW_SLOTS, Displays
from nifsdc.tasks.header import Installation, ObservationHeader
from nifsdc.tasks.messages import Reporter
from nifsdc.tasks.observing import ObservingTask
from nifsdc.tasks.readout import ReadoutTask
from nifsdc.tasks.runs import RunDestination, RunTask
from nifsdc.tasks.skies import Skies
from nifsdc.tasks.slave import SlaveTask
from nifsdc.tasks.store_rate import StoreRate
from nifsdc.tasks.template_cards import TemplateCards
from nifsdc.timing.clock_quality import ClockWatch
from nifsdc.timing.service import TimeService

HEARTBEAT_SECONDS = 1.0
CONTROL_KIND = "control"
EVERY_VALUE = (
    "prep",
    "acq",
    "rdout",
    "state",
    "dcSnlState",
    "obsSnlState",
    "sdsuSnlState",
    "slaveState",
    "lastPath",
    "scratchPath",
)
"""status records whose every value reaches the clients; of the others the newest of a burst does"""

_log = logging.getLogger("nifsdc.ioc")


class Ioc:
    """Everything between the network and the controller, for one camera.

    Parameters
    ----------
    config
        the installation
    definition
        the database as data
    extra
        further records: those the IOC tells of itself with, for one
    """

    def __init__(self, config: IocConfig, definition: Definition, extra: Iterable[RecordDef] = ()) -> None:
        self._config = config
        self._definition = definition
        self._dc = f"{config.top}dc:"
        self._sad = f"{config.top}sad:dc:"
        self._stack = ExitStack()
        self._parameters = definition.parameter_dictionary(config.top)
        self._setpoints = {p.name: p.setpoint.name for p in definition.parameters if p.setpoint}
        routines = {command.snam: self._routine(command) for command in definition.commands}
        template = header_template(config)
        self._channels = HeaderChannels(template, config.top)
        records = [*definition.records(config.top), *extra, *self._channels.records]
        self.database = Database(
            records, {**subroutines.SUBROUTINES, **routines}, allow_external=bool(template.channels)
        )
        self.server = CaServer(self.database)
        bridge = Bridge(self.server.call, self._write, frozenset(self._sad + name for name in EVERY_VALUE))
        self._status = definition.status_dictionary(config.top, bridge.publish)
        self._bridge = bridge
        sources = {
            Source.PARAMETER: lambda entry: self._parameters.get(str(entry.of)),
            Source.STATUS: lambda entry: self._status.get(str(entry.of)),
            Source.CHANNEL: self._channels.value,
        }
        check_names(template, self._parameters, self._status)
        try:
            self.control = self._build_control(TemplateCards(template, sources))
        except BaseException:
            self._stack.close()
            raise

    # --- putting it together ------------------------------------------------------------------------------

    def _routine(self, command: CommandDef) -> Callable[..., int]:
        return CommandRoutine(
            command,
            self._parameters,
            refusal=lambda name, values: self.control.refusal(name, values),
            accepted=lambda name: self.control.accepted(name),
            show=self._show_setpoints,
        )

    def _show_setpoints(self, names: Iterable[str]) -> None:
        """Have set-point channels show what is in force, without marking their command again."""
        channels = [
            (name, f"{self._dc}{self._setpoints[name]}.VAL") for name in names if name in self._setpoints
        ]

        def show() -> None:
            for name, channel in channels:
                field = self.database.find(channel)
                if field is None:
                    raise KeyError(channel)
                self.database.store(field, self._parameters.get(name))
                self.database.post(field.record, "VAL", EventMask.VALUE | EventMask.LOG)

        if channels:
            self._bridge.call(show)

    def _build_control(self, template: TemplateCards) -> Control:
        config, definition = self._config, self._definition
        rate = StoreRate()
        camera_of = assemble(config, rate.seconds)
        spool = Spool(Path(config.data.spool))
        ledger = Ledger(spool.folder, config.ring)
        recovery = recover(config.ring, spool, ledger, (config.read_ring,))
        self._ring = self._stack.enter_context(FrameRing.create(config.ring, config.data.ring_slots))
        displays = self._displays(camera_of)
        singles = self._single_reads(camera_of, rate)
        reads = singles.ring if singles is not None else None
        client = self._stack.enter_context(
            DataClient(
                config.data.server_host,
                config.data.server_port,
                name=config.top,
                packing=Packing(config.data.compression),
            )
        )
        delivery = Delivery(client, spool)
        wcs = config.wcs
        installation = Installation(
            config.name,
            config.observatory,
            config.telescope,
            camera_of.detector_type,
            config.detector_id,
            config.gain,
            config.read_noise,
            simulated=config.link.kind == "sim",
            sky=Sky(wcs.arcsec, (wcs.pixel_x, wcs.pixel_y), wcs.angle, wcs.mirrored) if wcs.arcsec else None,
        )
        watch = self._stack.enter_context(ClockWatch())
        clock = TimeService(quality=lambda: watch.latest)
        header = ObservationHeader(installation, self._status, template, clock)

        def build(reporter: Reporter) -> TaskSet:
            report = noting(reporter, ledger)
            camera = camera_of.build(Controller(self._link()))
            readout: ObservingTask
            if isinstance(camera, FrameTransferCamera):
                away = RunDestination(spool.folder, self._runs_client(), clock)
                readout = RunTask(camera, away, header, displays, self._status, report)
            else:
                assert isinstance(camera, ExposingCamera)
                readout = ReadoutTask(camera, self._ring, displays, header, self._status, reads, report)
            slave = SlaveTask(camera, readout, displays, self._status, report)
            data = DataTask(self._ring, client, delivery, self._status, report, singles)
            return TaskSet(slave, readout, data)

        logged = self._stack.enter_context(logs.LogCounts())
        show = Show(self._status, self._write_message, camera_of.kind, clock, logged)
        responses = Responses(
            self.database,
            self._dc,
            {command.name: command.car for command in definition.commands if command.car},
            {command.name: command.id_record for command in definition.commands if command.id_record},
        )
        control = Control(
            self._parameters,
            {p.name: p.choices for p in definition.parameters if p.choices},
            responses,
            show,
            lambda report: Workers(build, report),
            lambda seconds, call: asyncio.get_running_loop().call_later(seconds, call),
            self._bridge.call,
            config.link.kind,
            camera_of.kind,
        )
        show.initial(config, camera_of.detector_type)
        show.recovered(recovery)
        for begun in recovery.interrupted:
            ledger.end(begun.exposure_id)
        return control

    def _single_reads(self, camera_of: Assembly, rate: StoreRate) -> SingleReads | None:
        """Return where single reads of the camera wait for the disk; None if it gives out none."""
        nbytes = camera_of.read_bytes
        if not nbytes:
            return None
        slots, room = self._config.data.read_slots, nbytes + ALIGNMENT
        ring = self._stack.enter_context(FrameRing.create(self._config.read_ring, slots, room))
        return SingleReads(ring, nbytes, rate)

    def _runs_client(self) -> DataClient:
        """Return a connection for runs of frames alone, which would delay all else."""
        data = self._config.data
        return self._stack.enter_context(
            DataClient(data.server_host, data.server_port, name=f"{self._config.top} runs")
        )

    def _displays(self, camera_of: Assembly) -> Displays:
        """Return what shows images of the camera."""
        config, views = self._config, camera_of.views
        if views is None:
            return Displays(self._ring)
        ring = self._stack.enter_context(FrameRing.create(config.view_ring, VIEW_SLOTS, VIEW_BYTES))
        return Displays(self._ring, ring, Skies(views, Path(config.data.sky).expanduser()), camera_of.slicer)

    def _link(self) -> Link:
        try:
            return open_link(str(self._config.link), connect=False)
        except BadLink as error:
            raise ConfigError(f"link: {error}") from error

    # --- records ------------------------------------------------------------------------------------------

    def _write(self, channel: str, value: Value) -> None:
        self.database.set(channel, value)

    def _write_message(self, name: str, text: str) -> None:
        self._bridge.call(lambda: self.database.set(f"{self._sad}{name}.IMSS", text))

    def _watch_commands(self) -> None:
        """Have each command's start pulse start it, once the put that caused it has ended altogether."""
        for command in self._definition.commands:
            if command.kind == CONTROL_KIND:
                self.database.watch(
                    f"{self._dc}{command.name}P:st",
                    lambda _, name=command.name: self._bridge.call(lambda: self.control.start(name)),  # type: ignore[misc]
                )

    # --- life ---------------------------------------------------------------------------------------------

    async def run(self, ready: Callable[[int], None]) -> None:
        """Serve until cancelled.

        Parameters
        ----------
        ready
            called with the Channel Access port once commands are taken: after the first initialisation has
            ended, if there is one
        """
        self.database.init()
        self._watch_commands()
        listening = asyncio.get_running_loop().create_future()
        serving = asyncio.ensure_future(self.server.run(ready=listening.set_result))
        beating: asyncio.Future[None] | None = None
        try:
            await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                await serving
            self._channels.start(self.database, self.server.call)
            self.control.workers.start()
            beating = asyncio.ensure_future(self._beat())
            await self._begin()
            ready(listening.result())
            await serving
        finally:
            for task in (serving, beating):
                if task is not None:
                    task.cancel()
            await asyncio.gather(serving, *([beating] if beating else []), return_exceptions=True)
            self.close()

    async def _begin(self) -> None:
        """Start the controller up if that is wished; it has a deadline of its own."""
        if self._config.initialise:
            settled = asyncio.Event()
            self.control.initialise(settled.set)
            await settled.wait()

    async def _beat(self) -> None:
        while True:
            try:
                self.control.heartbeat()
            except Exception:
                _log.exception("the heartbeat missed a beat")
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def close(self) -> None:
        """End the worker tasks and give everything back."""
        late = self.control.workers.stop()
        if late:
            _log.warning("%s did not end in time", ", ".join(late))
        self._channels.close()
        self._stack.close()
