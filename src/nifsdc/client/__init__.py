"""Clients of a running detector controller, over Channel Access."""

from nifsdc.client.camera import Camera
from nifsdc.client.errors import CameraError, CommandFailed, CommandRefused, NotConnected, TookTooLong
from nifsdc.client.observation import Observation, Outcome, Progress, Status

__all__ = [
    "Camera",
    "CameraError",
    "CommandFailed",
    "CommandRefused",
    "NotConnected",
    "Observation",
    "Outcome",
    "Progress",
    "Status",
    "TookTooLong",
]
