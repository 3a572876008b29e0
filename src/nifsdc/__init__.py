"""The Gemini NIFS detector controller as an EPICS IOC in Python."""

__version__ = "0.1.0"
