"""What the quick-look streams of a camera are called, from the defaults of its parameters."""

from __future__ import annotations

from collections.abc import Mapping

RUN_STREAM, VIEW_STREAMS = "qlStream", ("viewQlStream", "cmpQlStream")
"""parameters that name streams"""
UNNAMED = "run"
"""stream of the runs of a camera that names none"""


def run_stream(defaults: Mapping[str, object]) -> str:
    """Return the stream of the images of runs.

    Parameters
    ----------
    defaults
        default of each parameter, by its name
    """
    return str(defaults.get(RUN_STREAM, UNNAMED))


def view_streams(defaults: Mapping[str, object]) -> list[str]:
    """Return the streams of views and of what is made of them; none where the camera takes no views."""
    return [str(defaults[name]) for name in VIEW_STREAMS if name in defaults]
