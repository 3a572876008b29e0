"""The documentation as a site: it builds without a warning, no link is broken, and every record is in it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

from nifsdc.cli import main
from nifsdc.control.states import DC_TABLE, OBS_TABLE, SDSU_TABLE
from nifsdc.database import load

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site" / "mkdocs.yml"
ELSEWHERE = ("http:", "https:", "mailto:", "data:", "javascript:")
MARKDOWN_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@dataclass
class Page(HTMLParser):
    """Where a page leads to, what it loads, and what can be led to in it."""

    path: Path
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        for name in ("src", "href"):
            if tag != "a" and name in given and given.get("rel") != "canonical":
                self.loaded.append(given[name])

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(SITE), "-d", str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert made.returncode == 0, made.stderr
    assert "WARNING" not in made.stderr, made.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def broken(page: Page, pages: dict[Path, Page]) -> Iterator[str]:
    for link in (*page.links, *page.loaded):
        if link.startswith(ELSEWHERE):
            continue
        name, anchor = urldefrag(link)
        target = (page.path.parent / unquote(name)).resolve() if name else page.path
        if not target.exists():
            yield f"{page.path.name}: {link}: no such file"
        elif anchor and target in pages and unquote(anchor) not in pages[target].anchors:
            yield f"{page.path.name}: {link}: no such place"


def test_no_link_is_broken_and_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    assert [text for page in pages.values() for text in broken(page, pages)] == []
    assert sum(len(page.links) for page in pages.values()) > 1000
    loaded = [each for page in pages.values() for each in page.loaded]
    assert [each for each in loaded if each.startswith(ELSEWHERE)] == []


def test_a_broken_link_is_found(pages: dict[Path, Page], tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text('<a href="nowhere.html">x</a><a href="#away">y</a><p id="here"><a href="#here">z</a>')
    found = list(broken(Page(path), {path: Page(path)}))
    assert found == ["page.html: nowhere.html: no such file", "page.html: #away: no such place"]


@pytest.mark.parametrize(("camera", "top"), [("nifs", "nifs:"), ("ccd", "ccd:"), ("ft", "ft:")])
def test_every_record_is_in_the_reference_with_all_its_fields(
    site: Path, pages: dict[Path, Page], camera: str, top: str
) -> None:
    text = pages[site / "reference" / camera / "records.html"].text
    listing = text[text.index("Field by field") :].splitlines()
    for record in load(camera=camera).records(top):
        begin = listing.index(f"{record.name}  ({record.rtyp})")
        end = next((n for n in range(begin, len(listing)) if not listing[n]), len(listing))
        told = {line.split(maxsplit=1)[0]: line for line in listing[begin + 1 : end] if line.strip()}
        for name, value in record.fields.items():
            assert told[name].strip() == f"{name} {value}".strip() or told[name].endswith(f" {value}")


def test_every_parameter_and_limit_and_transition_is_in_the_reference(
    site: Path, pages: dict[Path, Page]
) -> None:
    reference = site / "reference"
    definition = load()
    parameters = pages[reference / "nifs" / "parameters.html"].text
    for parameter in definition.parameters:
        assert parameter.name in parameters
        assert parameter.doc in parameters
    assert "0 to 7200" in parameters
    status = pages[reference / "nifs" / "status.html"].text
    for each in definition.status:
        assert each.dc or each.name in status
        for name, limit in each.limits.items():
            assert f"{name} {limit.value:.10g} {limit.severity}" in status
    for name, table in (("dc", DC_TABLE), ("sdsu", SDSU_TABLE), ("obs", OBS_TABLE)):
        picture = (reference / f"states-{name}.svg").read_text(encoding="utf-8")
        for (state, event), after in table.items():
            assert f">{state.name}</text>" in picture
            assert event.name in picture or state is after


def test_every_command_is_in_the_reference(site: Path, pages: dict[Path, Page]) -> None:
    text = pages[site / "reference" / "command-line.html"].text
    for name in main.commands()[1]:
        assert f"nifsdc {name}" in text


def test_files_that_pages_outside_of_the_site_lead_to_are_there() -> None:
    pages = [ROOT / name for name in ("README.md", "CHANGELOG.md", "sim/README.md", "db/README.md")]
    for page in pages:
        for name in MARKDOWN_LINK.findall(page.read_text(encoding="utf-8")):
            assert name.startswith(ELSEWHERE) or (page.parent / name).exists(), f"{page}: {name}"
