"""What MkDocs calls while it makes the site: pages made from the sources are added to those of docs/."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))

import diagrams
import reference

DECISIONS = "Decisions"
MORE = "More"
"""section for pages that mkdocs.yml has not been told of"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Complete the list of pages: every decision, and whatever else there is in docs/."""
    docs = Path(config.docs_dir)
    nav: list[Any] = config.nav or []
    known = set(_named(nav))
    for section in nav:
        if DECISIONS in section:
            others = sorted(path.name for path in docs.glob("decisions/0*.md"))
            section[DECISIONS] = [section[DECISIONS], *(f"decisions/{name}" for name in others)]
    more = sorted(path.name for path in docs.glob("*.md") if path.name not in known)
    if more:
        nav.append({MORE: more})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the reference: records, states and command line."""
    for name, text in {**reference.pages(), **diagrams.pictures()}.items():
        files.append(File.generated(config, name, content=text))
    return files


def _named(nav: Any) -> list[str]:
    """Return the pages that a list of pages and sections names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [name for part in parts for name in _named(part)]
