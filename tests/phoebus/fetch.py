"""What the run needs from elsewhere, fetched into a cache folder outside the checkout, once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nifsdc" / "screens"
HERE = Path(__file__).parent
FETCH_SECONDS = 1800.0

CORE_PVA, JCA = "5.0.5", "2.4.11"
"""PVAccess as in Phoebus 5, and the Channel Access of Java that it uses"""
READER = "@diamondlightsource/cs-web-lib"
PACKAGES = {
    READER: "0.9.14",
    "@emotion/sheet": "1.4.0",
    "buffer": "6.0.3",
    "esbuild": "0.28.2",
    "react": "18.3.1",
    "react-dom": "18.3.1",
    "react-redux": "7.2.9",
    "react-router-dom": "6.30.6",
    "redux": "4.2.1",
    "string_decoder": "1.3.0",
}
DEBIAN = {
    "chromedriver": "chromium-driver",
    "java": "default-jre",
    "javac": "default-jdk",
    "mvn": "maven",
    "node": "nodejs",
}
"""packages of programs that are not called after them"""
_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>nifsdc</groupId><artifactId>channels</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.phoebus</groupId><artifactId>core-pva</artifactId><version>{pva}</version></dependency>
    <dependency><groupId>org.epics</groupId><artifactId>jca</artifactId><version>{jca}</version></dependency>
  </dependencies>
</project>
"""


class Missing(RuntimeError):
    """Something that is needed cannot be had here; the text says what, and why."""


def java_channels() -> list[str]:
    """Return the command that starts `Channels.java`, up to options of its own."""
    for program in ("java", "javac", "mvn"):
        _need(program)
    folder = CACHE / f"java-{CORE_PVA}-{JCA}"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "pom.xml").write_text(_POM.format(pva=CORE_PVA, jca=JCA))
        copy = ["mvn", "-B", "-q", "dependency:copy-dependencies", "-DincludeScope=runtime"]
        _run("the libraries of Phoebus from Maven", [*copy, f"-DoutputDirectory={folder / 'lib'}"], folder)
        (folder / "done").touch()
    classes = ["-cp", f"{folder / 'lib'}/*", "-d", str(folder / "classes")]
    _run("a look at channels, compiled", ["javac", *classes, str(HERE / "Channels.java")], folder)
    return ["java", "-cp", f"{folder / 'classes'}:{folder / 'lib'}/*"]


def page() -> Path:
    """Return a folder with ``index.html``, which shows a screen in a browser."""
    for program in ("node", "npm"):
        _need(program)
    folder = CACHE / f"web-{PACKAGES[READER]}"
    modules = folder / "node_modules"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        wanted = {name: version for name, version in PACKAGES.items() if name != READER}
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts"]
        _run("React and esbuild from npm", ["npm", "install", *quiet], folder)
        # Its bundle has all that it needs in it; what npm would install for it is 350 MB.
        _run(f"{READER} from npm", ["npm", "pack", f"{READER}@{PACKAGES[READER]}"], folder)
        archive = next(folder.glob("diamondlightsource-*.tgz"))
        shutil.unpack_archive(archive, folder)
        (modules / READER).parent.mkdir(exist_ok=True)
        (folder / "package").rename(modules / READER)
        archive.unlink()
        for unused in (modules / READER).rglob("*.map"):
            unused.unlink()
        (folder / "done").touch()
    shutil.copy(HERE / "page.jsx", folder)
    (folder / "site").mkdir(exist_ok=True)
    shutil.copy(HERE / "index.html", folder / "site")
    bundle = [
        str(modules / ".bin" / "esbuild"),
        "page.jsx",
        "--bundle",
        "--jsx=automatic",
        "--log-level=error",
    ]
    defined = ['--define:process.env.NODE_ENV="production"', "--define:import.meta.env={}"]
    _run(
        "the page of a screen, bundled",
        [*bundle, *defined, "--define:global=window", "--outfile=site/page.js"],
        folder,
    )
    return folder / "site"


def browser() -> tuple[str, str]:
    """Return the programs of a browser and of its driver."""
    return _need("chromium"), _need("chromedriver")


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        package = DEBIAN.get(program, program)
        raise Missing(f"{program} is not installed; on Debian it is in the package {package}")
    return found


def _run(what: str, command: list[str], folder: Path) -> None:
    begin = time.monotonic()
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{what}: not within {FETCH_SECONDS:g} s") from None
    if done.returncode:
        raise Missing(f"{what}: {(done.stdout + done.stderr).strip()[-600:]}")
    print(f"{what}: {time.monotonic() - begin:.1f} s", flush=True)
