"""The camera of NIFS: its detector and what is particular to it (SDN 11.03 section 4.6, class NIFS)."""

from __future__ import annotations

from nifsdc.camera.ir import SdsuIrCamera


class NifsCamera(SdsuIrCamera):
    """The HAWAII-2 of NIFS behind the image slicer.

    The image processing of the integral-field unit (SDN 11.03 section 4.6.4) belongs here.
    """
