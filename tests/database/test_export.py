"""The exported text, read by a parser that knows nothing of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from nifsdc.database.export import export_db
from nifsdc.records.definition import RecordDef

TOKEN = re.compile(r'\s+|#[^\n]*|"((?:\\.|[^"\\])*)"|([A-Za-z0-9_:]+)|([(){},])')


def tokens(text: str) -> list[str]:
    """Words, signs, and quoted texts (with a quote before them, so that they differ from words)."""
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        assert match, text[position : position + 40]
        position = match.end()
        quoted, word, sign = match.groups()
        if quoted is not None:
            unescaped = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], quoted)
            found.append('"' + unescaped)
        elif word or sign:
            found.append(word or sign)
    return found


def parse(text: str) -> list[RecordDef]:
    """Records of a ``.db`` file: record(type, "name") { field(F, "text") alias("name") info(I, "text") }."""
    words = iter(tokens(text))
    records = []
    for word in words:
        assert word == "record"
        assert next(words) == "("
        rtyp, comma, name, close, brace = (next(words) for _ in range(5))
        assert (comma, close, brace) == (",", ")", "{")
        fields: dict[str, str] = {}
        info: dict[str, str] = {}
        aliases: list[str] = []
        while (keyword := next(words)) != "}":
            assert next(words) == "("
            first = next(words)
            if keyword == "alias":
                aliases.append(first[1:])
                assert next(words) == ")"
                continue
            comma, value, close = (next(words) for _ in range(3))
            assert (comma, value[0], close) == (",", '"', ")")
            target = {"field": fields, "info": info}[keyword]
            assert first not in target
            target[first] = value[1:]
        records.append(RecordDef(rtyp, name[1:], fields, tuple(aliases), info))
    return records


def test_the_export_holds_every_record_field_for_field(records: Mapping[str, RecordDef]) -> None:
    parsed = parse(export_db(records.values()))
    assert [record.name for record in parsed] == list(records)
    for record in parsed:
        fields = dict(record.fields)
        if record.rtyp == "sir":
            # The C record support takes no VAL of a sir from a file.
            assert "VAL" not in fields
            fields |= record.info
        expected = records[record.name]
        assert (record.rtyp, record.aliases) == (expected.rtyp, expected.aliases)
        assert fields == dict(expected.fields)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_any_text_survives(text: str) -> None:
    record = RecordDef("stringin", "t:x", {"VAL": text, "DESC": '"quoted" \\ back'}, ("t:y",))
    assert parse(export_db([record])) == [record]
