"""genSub: typed inputs and outputs, EFLG, links (recorded in the traces for A to C; here the rest)."""

from __future__ import annotations

import pytest

from nifsdc.records.errors import PutRefused
from nifsdc.records.gensub import GenSubRecord

from .rig import Rig


def swap(gensub: GenSubRecord) -> int:
    gensub.outputs["A"] = gensub.inputs["B"]
    gensub.outputs["B"] = gensub.inputs["A"]
    return 0


def test_inputs_and_outputs_have_their_types() -> None:
    rig = Rig(
        {
            "genSub g": {
                "SNAM": "swap",
                "FTA": "STRING",
                "FTVB": "LONG",
                "INPA": "src",
                "INPB": "2.5",
                "OUTA": "out PP",
            },
            "longout src": {"VAL": "17"},
            "ao out": {},
        },
        {"swap": swap},
    )
    rig.db.process("g")
    assert (rig["g.A"], rig["g.VALA"], rig["g.VALB"], rig["out"]) == ("17", 2.5, 17, 2.5)


@pytest.mark.parametrize(
    ("eflg", "first", "second"), [("NEVER", 0, 0), ("ON CHANGE", 2, 0), ("ALWAYS", 21, 21)]
)
def test_when_outputs_are_posted(eflg: str, first: int, second: int) -> None:
    rig = Rig({"genSub g": {"SNAM": "swap", "EFLG": eflg, "INPA": "1", "INPB": "2"}}, {"swap": swap})
    counts = []
    for _ in range(2):
        rig.events.clear()
        rig.db.process("g")
        counts.append(sum(name.startswith("VAL") and name != "VAL" for name, _ in rig.posted_of("g")))
    assert counts == [first, second]


def test_arrays() -> None:
    def total(gensub: GenSubRecord) -> int:
        values = gensub.inputs["A"]
        assert isinstance(values, tuple)
        gensub.outputs["A"] = sum(float(each) for each in values)
        gensub.outputs["B"] = values
        return 0

    rig = Rig({"genSub g": {"SNAM": "total", "NOA": "3", "NOVB": "2", "FTVB": "LONG"}}, {"total": total})
    rig.put("g.A", [1.0, 2.0, 4.0])
    rig.db.process("g")
    assert (rig["g.VALA"], rig["g.VALB"]) == (7.0, (1, 2))


def test_failure_alarms_and_val_is_the_code() -> None:
    rig = Rig({"genSub g": {"SNAM": "bad", "BRSV": "MAJOR"}}, {"bad": lambda record: -3})
    rig.db.process("g")
    assert (rig["g"], rig.alarm("g")) == (-3, ("SOFT", "MAJOR"))


def test_subroutine_can_be_changed_to_a_known_one() -> None:
    rig = Rig({"genSub g": {}}, {"swap": swap})
    with pytest.raises(PutRefused, match="no subroutine 'nothing'; known: swap"):
        rig.put("g.SNAM", "nothing")
    rig.put("g.SNAM", "swap")
    rig.put("g.A", 5.0)
    rig.db.process("g")
    assert rig["g.VALB"] == 5.0


def test_name_from_a_link() -> None:
    rig = Rig(
        {"genSub g": {"LFLG": "READ", "SUBL": "name"}, "stringout name": {"VAL": "swap"}}, {"swap": swap}
    )
    rig.put("g.A", 5.0)
    rig.db.process("g")
    assert (rig["g.SNAM"], rig["g.VALB"]) == ("swap", 5.0)
    rig.put("name", "gone")
    rig.db.process("g")
    assert rig["g"] < 0
