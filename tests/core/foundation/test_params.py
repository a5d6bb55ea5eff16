from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import (
    Choices,
    Doc,
    Folder,
    Pick,
    Range,
    check_value,
    fields_of,
    from_mapping,
    to_mapping,
)
from cvstudio.foundation.params_text import add_arguments, parse_text


@dataclass(frozen=True)
class Example:
    score: Annotated[float, Range(0, 1), Doc("Score", "Hides what scores less.")] = 0.5
    count: Annotated[int, Range(1, 10), Doc("Count")] = 3
    loud: Annotated[bool, Doc("Loud")] = False
    mode: Annotated[str, Choices(("fast", "exact")), Doc("Mode")] = "fast"
    classes: Annotated[tuple[str, ...], Choices(("cat", "dog")), Doc("Classes")] = ()
    focus: Annotated[tuple[float, float] | None, Range(0, 10, unit="m"), Doc("Focus")] = None
    place: Annotated[tuple[float, float] | None, Pick(), Doc("Place")] = None
    folder: Annotated[str, Folder("none"), Doc("Folder")] = ""


def field(name: str):
    return next(item for item in fields_of(Example) if item.name == name)


def test_kinds_follow_the_annotation():
    kinds = {item.name: item.kind for item in fields_of(Example)}
    assert kinds == {
        "score": "float",
        "count": "int",
        "loud": "bool",
        "mode": "choice",
        "classes": "choices",
        "focus": "interval",
        "place": "point",
        "folder": "folder",
    }


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("score", 1.5, ("0 to 1", "1.5")),
        ("score", float("nan"), ("number",)),
        ("score", "a", ("number", "'a'")),
        ("count", 2.5, ("whole",)),
        ("loud", 1, ("true or false",)),
        ("mode", "slow", ("fast, exact", "slow")),
        ("classes", ["bird"], ("bird", "cat, dog")),
        ("focus", [3, 2], ("smaller",)),
        ("focus", [1, 11], ("0 to 10 m", "11")),
        ("focus", [1], ("two",)),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(name, value, words):
    with pytest.raises(ParamsError) as caught:
        check_value(field(name), value)
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert text.endswith(".")
    assert "\n" not in text


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(ParamsError, match=r"no parameter 'scor'.*score, count"):
        from_mapping(Example, {"scor": 1})


@given(
    st.builds(
        Example,
        score=st.floats(0, 1),
        count=st.integers(1, 10),
        loud=st.booleans(),
        mode=st.sampled_from(["fast", "exact"]),
        classes=st.sets(st.sampled_from(["cat", "dog"])).map(lambda found: tuple(sorted(found))),
        focus=st.none() | st.tuples(st.floats(0, 5), st.floats(5, 10)),
        place=st.none() | st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
    )
)
def test_a_round_trip_through_json_values_is_equal(params):
    assert from_mapping(Example, to_mapping(params)) == params


def test_command_line_values_are_read_by_kind():
    parser = argparse.ArgumentParser()
    add_arguments(parser, Example)
    options = parser.parse_args(["--score", "0.25", "--focus", "1,2.5", "--classes", "dog,cat", "--loud", "yes"])
    read = {
        item.name: parse_text(item, getattr(options, item.name))
        for item in fields_of(Example)
        if getattr(options, item.name)
    }
    assert read == {"score": 0.25, "focus": (1.0, 2.5), "classes": ("cat", "dog"), "loud": True}


@pytest.mark.parametrize(("name", "text"), [("score", "x"), ("loud", "maybe"), ("focus", "1;2"), ("place", "1")])
def test_a_wrong_command_line_value_names_the_flag_or_title(name, text):
    with pytest.raises(ParamsError, match=name.capitalize() + "|--" + name):
        parse_text(field(name), text)


def test_a_field_without_declaration_is_a_defect():
    @dataclass(frozen=True)
    class Bare:
        x: float = 0.0

    with pytest.raises(TypeError, match=r"Bare\.x"):
        fields_of(Bare)


def test_a_folder_is_a_text_and_absolute_from_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert check_value(field("folder"), "") == ""
    assert parse_text(field("folder"), "a/../b") == str(tmp_path / "b")
    assert parse_text(field("folder"), "") == ""
    with pytest.raises(ParamsError, match="path of a folder"):
        check_value(field("folder"), 3)
