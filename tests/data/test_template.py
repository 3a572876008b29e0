"""Header templates: what can stand in one, and what is said of one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from nifsdc.data.frame import Card
from nifsdc.data.template import Entry, HeaderTemplate, Moment, Source, TemplateError
from nifsdc.tasks.template_cards import NoValue, TemplateCards


def load(folder: Path, text: str) -> HeaderTemplate:
    path = folder / "header.yaml"
    path.write_text(text, encoding="utf-8")
    return HeaderTemplate.load(path)


def test_an_entry_says_where_its_value_comes_from_and_when(tmp_path: Path) -> None:
    template = load(
        tmp_path,
        """
        PROPID: {constant: GN-2026B-Q-1, comment: programme}
        NIGHTNO: {constant: 12}
        AIRMASS: {channel: "tcs:airMass.VAL", type: float, at: start, default: 1.0, timeout: 20}
        GRATING: {parameter: view_grating}
        DETTEMP: {status: temp2}
        SECZ: {function: "math:fsum", type: float}
        """,
    )
    kinds = {entry.keyword: (entry.source, entry.kind, entry.at) for entry in template.entries}
    assert kinds == {
        "PROPID": (Source.CONSTANT, "text", Moment.END),
        "NIGHTNO": (Source.CONSTANT, "int", Moment.END),
        "AIRMASS": (Source.CHANNEL, "float", Moment.START),
        "GRATING": (Source.PARAMETER, "text", Moment.END),
        "DETTEMP": (Source.STATUS, "float", Moment.END),
        "SECZ": (Source.FUNCTION, "float", Moment.END),
    }
    assert [(entry.of, entry.timeout, entry.default) for entry in template.channels] == [
        ("tcs:airMass.VAL", 20.0, 1.0)
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "expected entries such as"),
        ("A: 1", "A: expected one of constant, parameter"),
        ("A: {constant: 1, status: detTemp}", "A: has constant, status; expected one of"),
        ("A: {constant: 1, unit: K}", "A: has constant, unit; expected one of"),
        ("A: {channel: ''}", "A: channel is ''; expected a name"),
        ("A: {channel: 'x', at: noon}", "A: at is 'noon'; expected start or end"),
        ("A: {channel: 'x', type: complex}", "A: type is 'complex'; expected text, int, float, bool"),
        ("EXPTIME: {channel: 'x', type: text}", "EXPTIME: type is text; the keyword is float"),
        ("A: {channel: 'x', type: int, default: none}", "A: 'none' is no int"),
        ("A: {channel: 'x', timeout: -1}", "A: timeout is -1; expected seconds"),
        ("A: {function: 'math:sinus'}", "A: function math:sinus: .*expected package.module:function"),
        ("A: {function: 'no_such_module:f'}", "expected package.module:function"),
        ("NAXIS: {constant: 2}", "NAXIS describes the file itself"),
        ("lower: {constant: 2}", "'lower' is no keyword"),
        ("A: [", "cannot be read"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=rf"header\.yaml.*{problem}"):
        load(tmp_path, text)


def described(known: dict[str, object]) -> str:
    """A function of the observatory's, as a template names it."""
    return f"{known['OBJECT']} at {known['AIRMASS']}"


def test_what_a_source_cannot_say_stands_as_marked_default(tmp_path: Path) -> None:
    template = load(
        tmp_path,
        f"""
        AIRMASS: {{channel: "tcs:airMass", type: float, at: start, default: 1.0, comment: airmass}}
        OBSERVER: {{channel: "tcs:observer"}}
        NUMBER: {{channel: "tcs:number", type: int}}
        WORDS: {{function: "{__name__}:described"}}
        """,
    )
    answers: dict[str, str | float] = {"AIRMASS": 1.25, "NUMBER": "many"}

    def channel(entry: Entry) -> str | float:
        if entry.keyword not in answers:
            raise NoValue("no server has answered")
        return answers[entry.keyword]

    cards = TemplateCards(template, {Source.CHANNEL: channel})
    begun = cards.begin()
    answers["AIRMASS"] = 2.0
    made, missing = cards.end(begun, {"OBJECT": "M31"})
    assert made == (
        Card("AIRMASS", 1.25, "airmass"),
        Card("OBSERVER", "UNKNOWN", "DEFAULT, no value: who observed"),
        Card("NUMBER", None, "DEFAULT, no value:"),
        Card("WORDS", "M31 at 1.25"),
    )
    assert missing == 2
    del answers["AIRMASS"]
    made, missing = cards.end(cards.begin(), {})
    assert made[0] == Card("AIRMASS", 1.0, "DEFAULT, no value: airmass")
    assert made[3] == Card("WORDS", "UNKNOWN", "DEFAULT, no value:")
    assert missing == 4
