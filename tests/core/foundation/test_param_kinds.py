"""Text, colour, box, polygon, strokes and lists as parameters: values, JSON and the command line."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import (
    Choices,
    Colour,
    Doc,
    Field,
    Folder,
    Items,
    Pick,
    Range,
    Text,
    check_value,
    fields_of,
    from_mapping,
    to_mapping,
)
from cvstudio.foundation.params_text import add_arguments, join_items, parse_text, split_items, text_of
from cvstudio.foundation.shapes import (
    MAX_CORNERS,
    MAX_NAMED,
    MAX_STROKE_POINTS,
    MAX_STROKES,
    Box,
    NamedShape,
    NamedShapes,
    Polygon,
    Stroke,
    Strokes,
)


@dataclass(frozen=True)
class Example:
    prompt: Annotated[str, Text(longest=20), Doc("Prompt", "What to make.")] = ""
    notes: Annotated[str, Text(several_lines=True), Doc("Notes")] = ""
    tint: Annotated[str, Colour(), Doc("Tint")] = "#ff8800"
    box: Annotated[Box | None, Pick("box"), Doc("Box")] = None
    region: Annotated[Polygon | None, Pick("polygon"), Doc("Region")] = None
    marks: Annotated[Strokes, Pick("strokes", labels=("ground", "thing")), Doc("Marks")] = ()
    plain: Annotated[Strokes, Pick("strokes"), Doc("Plain")] = ()
    lines: Annotated[NamedShapes, Pick("lines"), Doc("Lines")] = ()
    zones: Annotated[NamedShapes, Pick("zones"), Doc("Zones")] = ()
    names: Annotated[tuple[str, ...], Items(most=4), Doc("Names")] = ()
    scales: Annotated[tuple[float, ...], Items(), Range(0, 10), Doc("Scales")] = (1.0, 2.0)
    sizes: Annotated[tuple[int, ...], Items(), Doc("Sizes")] = ()


def field(name: str) -> Field:
    return next(item for item in fields_of(Example) if item.name == name)


def test_kinds_follow_the_declaration() -> None:
    assert [(item.kind, item.element, item.optional) for item in fields_of(Example)] == [
        ("text", "text", False),
        ("text", "text", False),
        ("colour", "text", False),
        ("box", "text", True),
        ("polygon", "text", True),
        ("strokes", "text", False),
        ("strokes", "text", False),
        ("lines", "text", False),
        ("zones", "text", False),
        ("list", "text", False),
        ("list", "float", False),
        ("list", "int", False),
    ]


@pytest.mark.parametrize(
    ("kind", "mark"),
    [
        (str, Pick("box")),
        (tuple[float, float], Pick("box")),
        (Box, Pick("polygon")),
        (int, Text()),
        (tuple[float, ...], Choices()),
        (str, Items()),
        (float, Folder()),
    ],
)
def test_a_declaration_that_does_not_fit_its_type_is_a_defect(kind: Any, mark: Any) -> None:
    @dataclass(frozen=True)
    class Odd:
        x: Any = None

    Odd.__annotations__["x"] = Annotated[kind, mark, Doc("X")]
    with pytest.raises(TypeError, match="cannot be of type"):
        fields_of(Odd)


@pytest.mark.parametrize(
    ("name", "value", "canonical"),
    [
        ("prompt", "a cat", "a cat"),
        ("notes", "one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("tint", "#F80", "#ff8800"),
        ("tint", "0A0b0C", "#0a0b0c"),
        ("box", [10, 20, 200, 180], (10.0, 20.0, 200.0, 180.0)),
        ("box", None, None),
        ("region", [[10, 10], (50, 10), [50, 50.5]], ((10.0, 10.0), (50.0, 10.0), (50.0, 50.5))),
        ("marks", [{"points": [[1, 2]]}], (Stroke(((1.0, 2.0),), 8.0, "ground"),)),
        ("marks", (Stroke(((1, 2), (3, 4)), 5, "thing"),), (Stroke(((1.0, 2.0), (3.0, 4.0)), 5.0, "thing"),)),
        ("plain", [], ()),
        ("lines", [{"points": [[1, 2], [3, 4]], "name": " Door "}], (NamedShape(((1.0, 2.0), (3.0, 4.0)), "Door"),)),
        (
            "lines",
            [{"points": [[1, 2], [3, 4]]}, {"points": [[1, 2], [3, 4]], "name": "Line 1"}],
            (NamedShape(((1.0, 2.0), (3.0, 4.0)), "Line 2"), NamedShape(((1.0, 2.0), (3.0, 4.0)), "Line 1")),
        ),
        (
            "zones",
            [NamedShape(((0, 0), (1, 0), (1, 1)), "")],
            (NamedShape(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)), "Zone 1"),),
        ),
        ("names", ["b ", "a", "b"], ("b", "a", "b")),
        ("scales", [1, 2.5], (1.0, 2.5)),
        ("sizes", [3.0, 4], (3, 4)),
    ],
)
def test_values_become_canonical_and_hashable(name: str, value: Any, canonical: Any) -> None:
    checked = check_value(field(name), value)
    assert checked == canonical
    assert repr(checked) == repr(canonical)  # 1 == 1.0, but no cache key may hold both
    hash(checked)


POINTS = [[0, 0], [1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("prompt", 3, ("text", "3")),
        ("prompt", "a\nb", ("one line", "2 lines")),
        ("prompt", "x" * 21, ("20 characters", "21")),
        ("prompt", "\udcff", ("UTF-8",)),
        ("tint", "orange", ("#ff8800", "'orange'")),
        ("tint", "#ff88", ("colour",)),
        ("tint", None, ("colour",)),
        ("box", [1, 2, 3], ("LEFT,TOP,RIGHT,BOTTOM", "[1, 2, 3]")),
        ("box", [10, 20, 10, 30], ("right edge", "10,20,10,30")),
        ("box", [0, 0, float("nan"), 5], ("two numbers",)),
        ("box", [0, 0, 10**400, 5], ("two numbers",)),
        ("box", [0, 0, 2e6, 5], ("1,000,000 pixels",)),
        ("box", [True, 0, 2, 5], ("two numbers",)),
        ("region", POINTS[:2], ("3 to 1,000 points", "found 2")),
        ("region", [[0, 0]] * (MAX_CORNERS + 1), ("found 1,001",)),
        ("region", [[0, 0], [1, 0], [1]], ("two numbers", "[1]")),
        ("region", "abc", ("list of points",)),
        ("marks", 5, ("list of strokes",)),
        ("marks", [POINTS], ("points, width and label",)),
        ("marks", [{"points": []}], ("at least one point",)),
        ("marks", [{"points": POINTS, "width": 0}], ("above 0", "found 0")),
        ("marks", [{"points": POINTS, "label": "sky"}], ("'sky'", "ground, thing")),
        ("marks", [{"points": POINTS, "color": "red"}], ("points, width and label",)),
        ("plain", [{"points": POINTS, "label": "thing"}], ("'thing'", "none")),
        ("marks", [{"points": [[0, 0]]}] * (MAX_STROKES + 1), ("500 strokes",)),
        ("marks", [{"points": [[0, 0]] * (MAX_STROKE_POINTS + 1)}], ("10,000 points",)),
        ("lines", 5, ("list of lines",)),
        ("lines", [POINTS[:2]], ("points and a name",)),
        ("lines", [{"points": POINTS, "name": "A"}], ("2 points", "found 3")),
        ("lines", [{"points": [[1, 1], [1, 1]]}], ("2 different points",)),
        ("lines", [{"points": POINTS[:2], "name": "A"}] * 2, ("differ", "'A'")),
        ("lines", [{"points": POINTS[:2], "name": "A/B"}], ("without '/'",)),
        ("lines", [{"points": POINTS[:2], "name": "x" * 61}], ("60 characters",)),
        ("lines", [{"points": POINTS[:2], "name": 3}], ("names",)),
        ("lines", [{"points": POINTS[:2]}] * (MAX_NAMED + 1), ("at most 50", "found 51")),
        ("zones", [{"points": POINTS[:2]}], ("3 to 1,000 points", "found 2")),
        ("names", "abc", ("list", "'abc'")),
        ("names", list("abcde"), ("at most 4", "found 5")),
        ("names", ["a", ""], ("empty",)),
        ("names", ["a", 3], ("text", "3")),
        ("scales", [1, 11], ("0 to 10", "11")),
        ("scales", ["a"], ("number",)),
        ("sizes", [1.5], ("whole number", "1.5")),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(name: str, value: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(ParamsError) as caught:
        check_value(field(name), value)
    text = str(caught.value)
    assert text.startswith(field(name).doc.title)
    assert all(word in text for word in words), text
    assert text.endswith(".")
    assert len(text) < 200
    assert "\n" not in text


coordinates = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
points = st.tuples(coordinates, coordinates)
entries = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12).map(str.strip)
examples = st.builds(
    Example,
    prompt=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20),
    tint=st.integers(0, 0xFFFFFF).map("#{:06x}".format),
    box=st.none() | st.tuples(st.floats(-9, 0), st.floats(-9, 0), st.floats(1, 9), st.floats(1, 9)),
    region=st.none() | st.lists(points, min_size=3, max_size=8).map(tuple),
    marks=st.lists(
        st.builds(
            Stroke,
            st.lists(points, min_size=1, max_size=5).map(tuple),
            st.sampled_from([8.0, 2.5, 30.0]),
            st.sampled_from(["ground", "thing"]),
        ),
        max_size=3,
    ).map(tuple),
    lines=st.lists(
        st.builds(
            NamedShape,
            st.lists(points, min_size=2, max_size=2, unique=True).map(tuple),
            st.sampled_from(["Door", "a:b", "A 1", "문"]),
        ),
        max_size=2,
        unique_by=lambda shape: shape.name,
    ).map(tuple),
    names=st.lists(entries.filter(bool), max_size=4).map(tuple),
    scales=st.lists(st.floats(0, 10), max_size=4).map(tuple),
)


@given(examples)
def test_a_round_trip_through_json_is_equal(params: Example) -> None:
    assert from_mapping(Example, json.loads(json.dumps(to_mapping(params), allow_nan=False))) == params


@given(examples)
def test_a_value_written_for_the_command_line_is_read_again(params: Example) -> None:
    for item in fields_of(Example):
        value = getattr(params, item.name)
        written = text_of(value)
        if item.name not in ("box", "scales"):  # their digits are cut at the twelfth
            assert parse_text(item, written) == value, written


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--prompt", "a cat"], "prompt", "a cat"),
        (["--notes", "one\ntwo"], "notes", "one\ntwo"),
        (["--tint", "#ff8800"], "tint", "#ff8800"),
        (["--tint", "08f"], "tint", "#0088ff"),
        (["--box", "10,20,200,180"], "box", (10.0, 20.0, 200.0, 180.0)),
        (["--box", "none"], "box", None),
        (["--polygon", "10,10;50,10; 50,50"], "region", ((10.0, 10.0), (50.0, 10.0), (50.0, 50.0))),
        (
            ["--marks", "10,10;20,20;30,25/thing:40,40;50,50@3.5"],
            "marks",
            (Stroke(((10, 10), (20, 20), (30, 25)), 8.0, "ground"), Stroke(((40, 40), (50, 50)), 3.5, "thing")),
        ),
        (["--marks", ""], "marks", ()),
        (["--lines", ""], "lines", ()),
        (
            ["--lines", "Door: 1,2;3,4/5,6;7,8"],
            "lines",
            (NamedShape(((1, 2), (3, 4)), "Door"), NamedShape(((5, 6), (7, 8)), "Line 1")),
        ),
        (["--zones", "Yard:0,0;1,0;1,1"], "zones", (NamedShape(((0, 0), (1, 0), (1, 1)), "Yard"),)),
        (["--names", 'a, "b, c",d'], "names", ("a", "b, c", "d")),
        (["--scales", "1,2.5"], "scales", (1.0, 2.5)),
        (["--sizes", "1,2"], "sizes", (1, 2)),
    ],
)
def test_the_command_line_reads_every_kind(arguments: list[str], name: str, value: Any) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Example)
    flag = "--region" if arguments[0] == "--polygon" else arguments[0]
    options = parser.parse_args([flag, *arguments[1:]])
    assert parse_text(field(name), getattr(options, name)) == value


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("box", "1,2,x,4", ("--box", "LEFT,TOP,RIGHT,BOTTOM", "'1,2,x,4'")),
        ("box", "", ("--box",)),
        ("box", "5,5,1,1", ("right edge",)),
        ("region", "1,2;3;4,5", ("two numbers", "(3.0,)")),
        ("region", "a;b", ("--region", "X,Y;X,Y;X,Y")),
        ("marks", "1,2/", ("--marks", "[LABEL:]")),
        ("marks", "sky:1,2", ("'sky'", "ground, thing")),
        ("marks", "1,2@wide", ("--marks",)),
        ("lines", "Door:1,2", ("2 points",)),
        ("lines", "1,2;x,4", ("--lines", "[NAME:]X,Y;X,Y")),
        ("scales", "1,b", ("--scales", "NUMBER")),
        ("sizes", "1,2.5", ("whole",)),
        ("names", '"a', ("--names",)),
        ("tint", "red", ("colour",)),
    ],
)
def test_a_wrong_command_line_value_is_told(name: str, text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ParamsError) as caught:
        parse_text(field(name), text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_help_shows_the_shape_of_every_kind() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Example)
    shown = " ".join(parser.format_help().split())
    for line in (
        "--prompt TEXT",
        "--tint RRGGBB",
        "--box LEFT,TOP,RIGHT,BOTTOM",
        "--region X,Y;X,Y;X,Y…",
        "--marks [LABEL:]X,Y;X,Y…[@WIDTH]/…",
        "--plain X,Y;X,Y…[@WIDTH]/…",
        "--lines [NAME:]X,Y;X,Y/…",
        "--zones [NAME:]X,Y;X,Y;X,Y…/…",
        "--names A,B,…",
        "--scales NUMBER,NUMBER,…",
        "Labels: ground, thing.",
        "Default: 1,2.",
    ):
        assert line in shown, line


@given(st.lists(entries.filter(bool), max_size=5).map(tuple))
def test_a_list_on_one_line_is_read_as_it_was_written(items: tuple[str, ...]) -> None:
    assert split_items(join_items(items)) == items
