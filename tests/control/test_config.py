from __future__ import annotations

from pathlib import Path

import pytest

from nifsdc.config import ConfigError, IocConfig
from nifsdc.database.locate import share


def test_every_shipped_configuration_can_be_read() -> None:
    for path in share("ioc").glob("*.yaml"):
        if "access" not in path.name:
            assert IocConfig.load(path).top.endswith(":")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    config = IocConfig(top="x:", initialise=False)
    (tmp_path / "ioc.yaml").write_text(config.as_yaml())
    assert IocConfig.load(tmp_path / "ioc.yaml") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tob: x", "unknown entry tob; known are top, name"),
        ("top: 5", "top is 5; expected str"),
        ("initialise: 1", "initialise is 1; expected bool"),
        ("data: {ring_slots: many}", "data: ring_slots is 'many'; expected int"),
        ("link: sim", "link must be a section"),
        ("wcs: {arcsec: -0.1}", "wcs: arcsec is -0.1; expected 0 or more"),
        ("- a", "expected entries"),
        ("a: [", "cannot be read"),
    ],
)
def test_mistakes_are_named_with_the_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message.replace(".", r"\.")) as error:
        IocConfig.load(path)
    assert str(path) in str(error.value)
