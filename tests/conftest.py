"""Channel Access and PVAccess stay on the loopback, on ports of this run; a test leaves nothing behind."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

from .ports import free_port

# libca reads these once, when it is loaded: they must stand before any test imports it.
os.environ["EPICS_CA_ADDR_LIST"] = "127.0.0.1"
os.environ["EPICS_CA_AUTO_ADDR_LIST"] = "NO"
os.environ["EPICS_CA_SERVER_PORT"] = str(free_port())
os.environ["EPICS_CA_REPEATER_PORT"] = str(free_port())
os.environ["EPICS_CAS_SERVER_PORT"] = os.environ["EPICS_CA_SERVER_PORT"]
os.environ["EPICS_CAS_INTF_ADDR_LIST"] = "127.0.0.1"
os.environ["EPICS_CAS_BEACON_ADDR_LIST"] = "127.0.0.1"
os.environ["EPICS_CAS_AUTO_BEACON_ADDR_LIST"] = "NO"
os.environ["EPICS_CAS_BEACON_PORT"] = os.environ["EPICS_CA_REPEATER_PORT"]

os.environ["EPICS_PVA_ADDR_LIST"] = "127.0.0.1"
os.environ["EPICS_PVA_AUTO_ADDR_LIST"] = "NO"
os.environ["EPICS_PVA_BROADCAST_PORT"] = str(free_port())
os.environ["EPICS_PVAS_BROADCAST_PORT"] = os.environ["EPICS_PVA_BROADCAST_PORT"]
os.environ["EPICS_PVAS_SERVER_PORT"] = "0"
os.environ["EPICS_PVAS_INTF_ADDR_LIST"] = "127.0.0.1"
os.environ["EPICS_PVAS_BEACON_ADDR_LIST"] = "127.0.0.1"
os.environ["EPICS_PVAS_AUTO_BEACON_ADDR_LIST"] = "NO"

# It reads the environment when it is called.
from nifsdc.client.repeater import ensure_repeater

ensure_repeater()

# How long an example takes says nothing on a machine with other work: no test fails by it.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")

# A shell lets what it runs in the background ignore SIGINT, and so would every process under test.
signal.signal(signal.SIGINT, signal.default_int_handler)
