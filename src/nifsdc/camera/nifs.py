"""The camera of NIFS: its detector and what is particular to it (SDN 11.03 section 4.6, class NIFS)."""

from __future__ import annotations

from nifsdc.camera.accumulator import Keywords
from nifsdc.camera.ir import SdsuIrCamera
from nifsdc.timing.infrared import ExposurePlan, IrRequest


class NifsCamera(SdsuIrCamera):
    """The HAWAII-2 of NIFS behind the image slicer.

    The image processing of the integral-field unit (SDN 11.03 section 4.6.4) belongs here.
    """

    def keywords(self, request: IrRequest, plan: ExposurePlan) -> Keywords:
        """Return what the header says of the array, and of what only the instrument's other parts know."""
        return {
            **super().keywords(request, plan),
            "OBSMODE": "IFU",
            **dict.fromkeys(("GRATING", "FILTER", "APERTURE", "FLIP", "GRATWAVE")),
        }
