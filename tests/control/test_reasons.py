from __future__ import annotations

import pytest

from nifsdc.sdsu.errors import NoReply, UnexpectedReset
from nifsdc.tasks.reasons import brief


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            NoReply("HOST->TIMING CLR (0x434C52): no answer within 6 s, expected DON"),
            "CLR to timing: no answer within 6 s,..",
        ),
        (NoReply("HOST->UTILITY RDM (0x52444D) 0x4000F1: mute"), "RDM to utility: mute"),
        (
            UnexpectedReset("before HOST->TIMING STP (0x535450): SYR"),
            "SYR: controller lost power or was reset",
        ),
    ],
)
def test_a_reason_fits_omss_and_begins_with_the_command(error: Exception, text: str) -> None:
    assert brief(error) == text
    assert len(text) <= 39
