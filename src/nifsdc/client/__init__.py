"""Clients of a running detector controller, over Channel Access."""

from nifsdc.client.session import CommandFailed, CommandRefused, DcSession, NotConnected, Outcome, Progress

__all__ = ["CommandFailed", "CommandRefused", "DcSession", "NotConnected", "Outcome", "Progress"]
