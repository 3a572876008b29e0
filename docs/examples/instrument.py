"""A filter wheel: caput lib:filter.A K; caput lib:apply.DIR START; camonitor lib:wheelC lib:position."""

import asyncio
from functools import partial

from nifsdc.records.ca_server import CaServer
from nifsdc.records.cad import CadRecord
from nifsdc.records.database import Database
from nifsdc.records.definition import RecordDef

FILTERS = ("J", "H", "K")


def move(cad: CadRecord) -> int:
    """PRESET checks, START begins; the reason of a refusal becomes MESS of the cad and of the apply."""
    if cad.directive.name in ("PRESET", "START") and cad.args["A"] not in FILTERS:
        cad.message = f"no filter {cad.args['A']}: expected {' '.join(FILTERS)}"
        return -1
    return turn(cad, position=str(cad.args["A"]))


def turn(cad: CadRecord, position: str) -> int:
    """Begin at START: the CAR is BUSY for half a second, then the SIR has the new position."""
    if cad.directive.name == "START":
        cad.db.set("lib:wheelC.IVAL", "BUSY")
        for channel, value in (("lib:position.VAL", position), ("lib:wheelC.IVAL", "IDLE")):
            cad.db.timers.at(cad.db.now() + 0.5, partial(cad.db.set, channel, value))
    return 0


ENDS = {"OUT": "DIR", "INP": "VAL", "OCL": "ICID", "INM": "MESS"}  # what ties a child to its apply
CHILDREN = {"A": "lib:filter", "B": "lib:park"}
tree = {link + letter: f"{cad}.{end}" for letter, cad in CHILDREN.items() for link, end in ENDS.items()}
records = [RecordDef("apply", "lib:apply", tree), RecordDef("sir", "lib:position", {"FTVL": "STRING"})]
records += [RecordDef("cad", "lib:filter", {"SNAM": "move"}), RecordDef("cad", "lib:park", {"SNAM": "park"})]
records += [RecordDef("car", "lib:wheelC", {"ICID": "lib:apply.CLID"})]
if __name__ == "__main__":
    database = Database(records, {"move": move, "park": partial(turn, position="parked")})
    database.init()
    asyncio.run(CaServer(database).run(ready=lambda port: print(f"READY on port {port}", flush=True)))
