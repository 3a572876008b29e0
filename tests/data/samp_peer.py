"""A SAMP hub and clients by pyvo, which knows nothing of ours: `samp_peer.py FOLDER MTYPE[=ANSWER] ...`.

Each further argument makes a client that takes messages of a type: it keeps a copy of the file of each and
prints ``MESSAGE {json}``; with an answer it says that it cannot show it, and that.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pyvo.samp import SAMPHubServer, SAMPIntegratedClient


def receive(
    client: SAMPIntegratedClient,
    refusal: str,
    folder: Path,
    key: str,
    sender: str,
    identifier: str,
    mtype: str,
    parameters: dict[str, Any],
    extra: dict[str, Any],
) -> None:
    file = folder / f"received-{identifier.replace(';', '-')}.fits"
    given = parameters["cmd"].partition("{")[2].rstrip("}") if "cmd" in parameters else parameters["url"]
    shutil.copyfile(urlparse(given).path, file)
    told = {"type": mtype, "file": str(file), "sender": client.get_metadata(sender)["samp.name"]}
    error = {"samp.status": "samp.error", "samp.error": {"samp.errortxt": refusal}}
    client.reply(identifier, error if refusal else {"samp.status": "samp.ok", "samp.result": {}})
    print("MESSAGE " + json.dumps({**told, **parameters}), flush=True)


def main(folder: Path, *wanted: str) -> None:
    lock = folder / "samp.lock"
    hub = SAMPHubServer(web_profile=False, lockfile=str(lock), addr="127.0.0.1")
    hub.start()
    for number, each in enumerate(wanted):
        mtype, _, refusal = each.partition("=")
        client = SAMPIntegratedClient(name=f"viewer {number}", addr="127.0.0.1")
        client.connect(hub=hub)
        client.bind_receive_call(mtype, partial(receive, client, refusal, folder))
    print("READY " + json.dumps({"hub": f"std-lockurl:{lock.as_uri()}"}), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
