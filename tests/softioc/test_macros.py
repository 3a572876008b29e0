"""Macro expansion beside the real macLib (libCom, which comes with pyepics), and what it is told on top."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from epics import ca
from hypothesis import given, settings
from hypothesis import strategies as st

from nifsdc.records.db_macros import MacroError, Macros, parse_definitions

SIZE = 4096


class MacLib:
    """EPICS base's macro library; without its messages it leaves what is undefined as ``$(name)``."""

    def __init__(self) -> None:
        self.lib = ctypes.CDLL(ca.find_libCom())
        self.lib.macParseDefns.restype = ctypes.c_long
        self.lib.macExpandString.restype = ctypes.c_long

    def expand(self, definitions: str, text: str) -> str:
        handle, pairs = ctypes.c_void_p(), ctypes.POINTER(ctypes.c_char_p)()
        assert self.lib.macCreateHandle(ctypes.byref(handle), None) == 0
        self.lib.macSuppressWarning(handle, 1)
        self.lib.macParseDefns(handle, definitions.encode(), ctypes.byref(pairs))
        if pairs:
            self.lib.macInstallMacros(handle, pairs)
        result = ctypes.create_string_buffer(SIZE)
        self.lib.macExpandString(handle, text.encode(), result, SIZE - 1)
        self.lib.macDeleteHandle(handle)
        return result.value.decode()


@pytest.fixture(scope="module")
def maclib() -> MacLib:
    return MacLib()


def plain(text: str) -> str:
    """What cannot be replaced, as macLib writes it when it is quiet."""
    return text.replace(",undefined)", ")").replace(",recursive)", ")")


DEFINITIONS = (
    'top=nifs:,n=3,x3=ex,q="a, b",e=,esc=a\\,b,sq=\'$(top)\',two=$(top)$(n),loop=$(loop),d="say \\"x\\""'
)


@pytest.mark.parametrize(
    "text",
    [
        'record(ao,"$(top)x") {',
        "${top}$(n)",
        "$(x$(n))",
        "$(none)",
        "$(none=7)",
        "$(none=)",
        "$(none=$(top)y)",
        '$(none="a,b")',
        "$(none=a,b)",
        "$(two)",
        "$(loop)",
        "[$(e)]",
        "$(q)",
        '"$(q)"',
        "'$(top)'",
        "$(sq)",
        "\"'$(top)'\"",
        r"\$(top)",
        r'field(DESC, "\"$(top)\" \\ $(n)")',
        "$(esc)",
        "$(d)",
        "$(two,top=x:)",
        "$(two,top=x:,n=$(n)9)",
        "$(none=$(two),n=5)",
        "$top $ $(",
        "# it's $(top)",
        "$(n",
        "$(none=(x))",
        "$(none={x})",
    ],
)
def test_same_as_maclib(maclib: MacLib, text: str) -> None:
    assert plain(Macros(parse_definitions(DEFINITIONS)).expand(text).text) == maclib.expand(DEFINITIONS, text)


# macLib reads beyond the end of some texts whose references are not closed: those here all are.
words = st.sampled_from(["", "x", "y:", " ", "a", "b"])
references = st.recursive(
    st.sampled_from(["$(a)", "${b}", "$(none)", "$(a$(none=))"]),
    lambda inner: st.builds(
        lambda name, default, scope, more: f"$({name}={default}{scope}){more}",
        words,
        st.one_of(words, inner, inner.map(lambda text: f'"{text}"')),
        st.one_of(
            st.just(""), st.sampled_from([",a=", ",b=", ",a=7,b="]).flatmap(lambda s: inner.map(s.__add__))
        ),
        st.one_of(words, inner),
    ),
    max_leaves=6,
)
texts = st.lists(st.one_of(words, references, st.sampled_from(['"', "'", "\\x", "$", "="])), max_size=8).map(
    "".join
)


@settings(max_examples=300, deadline=None)
@given(a=st.sampled_from(["", "1", "$(b)", "two words", "$(none=z)"]), text=texts)
def test_same_as_maclib_for_any_text(maclib: MacLib, a: str, text: str) -> None:
    definitions = f"a={a},b=bee"
    assert plain(Macros(parse_definitions(definitions)).expand(text).text) == maclib.expand(definitions, text)


def test_what_is_undefined_is_told() -> None:
    expanded = Macros({"a": "$(b)", "r": "$(r)"}).expand("$(x)$(a)$(r)$(y=1)")
    assert expanded.text == "$(x,undefined)$(b,undefined)$(r,recursive)1"
    assert expanded.failed == ("$(x,undefined)", "$(b,undefined)", "$(r,recursive)")


def test_the_environment_comes_last() -> None:
    macros = Macros({"top": "nifs:"}, {"top": "other:", "HOME": "/home"})
    assert macros.expand("$(top)$(HOME)$(HOME=default)").text == "nifs:/homedefault"


def test_deep_references_end() -> None:
    assert Macros({}).expand("$(a=" * 60 + "x" + ")" * 60).text == "x"
    with pytest.raises(MacroError, match="deep"):
        Macros({}).expand("$(a=" * 200)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("top=nifs:,P=x", {"top": "nifs:", "P": "x"}),
        (' a = 1 , b="x,y" ', {"a": "1", "b": '"x,y"'}),
        ("a=$(b=1,2),c=", {"a": "$(b=1,2)", "c": ""}),
        ("", {}),
    ],
)
def test_definitions(text: str, values: dict[str, Any]) -> None:
    assert parse_definitions(text) == values


@pytest.mark.parametrize("text", ["top", "=x", "a=1,b"])
def test_bad_definitions(text: str) -> None:
    with pytest.raises(MacroError, match="expected name=value"):
        parse_definitions(text)
