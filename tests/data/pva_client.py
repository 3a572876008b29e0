"""A client of image channels that knows p4p and numpy and nothing of ours: `pva_client.py CHANNEL FILE`.

Prints a line ``IMAGE {json}`` for each image, once its pixels are in the file (numpy's format). With
``--hang`` it asks for a long queue, says so, and then takes nothing any more.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from p4p.client.thread import Context, Disconnected

WAIT_SECONDS = 120.0


def describe(image: Any) -> dict[str, Any]:
    raw = image.raw
    return {
        "id": raw.uniqueId,
        "shape": image.shape,
        "type": str(image.dtype),
        "attributes": {name: value for name, value in image.attrib.items() if value is not None},
        "descriptors": {field.name: field.descriptor for field in raw.attribute},
        "dimension": [dict(field.items()) for field in raw.dimension],
        "codec": raw.codec.name,
        "sizes": [raw.compressedSize, raw.uncompressedSize],
        "taken": raw.dataTimeStamp.secondsPastEpoch + raw.dataTimeStamp.nanoseconds / 1e9,
        "unit": raw.display.units,
    }


def main(channel: str, out: Path) -> None:
    updates: queue.Queue[Any] = queue.Queue()
    disconnected = -1  # told once before the first connection
    with Context("pva") as context, context.monitor(channel, updates.put, notify_disconnect=True):
        while True:
            image = updates.get(timeout=WAIT_SECONDS)
            if isinstance(image, Disconnected):
                disconnected += 1
                continue
            part = out.with_suffix(".part.npy")
            np.save(part, np.asarray(image))
            part.replace(out)
            print("IMAGE " + json.dumps(describe(image) | {"disconnected": disconnected}), flush=True)


def hang(channel: str) -> None:
    context = Context("pva")
    context.monitor(channel, lambda image: None, request="record[queueSize=10000]field()")
    context.get(channel, timeout=WAIT_SECONDS)
    print("HANGING {}", flush=True)
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGSTOP)


if __name__ == "__main__":
    if sys.argv[1] == "--hang":
        hang(sys.argv[2])
    else:
        main(sys.argv[1], Path(sys.argv[2]))
