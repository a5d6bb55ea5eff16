"""Tables and plots of evaluations, read back by independent readers."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

from cvstudio.evaluation.evaluate import EvaluationPlan
from cvstudio.evaluation.evaluate import measure as measure_model
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.evaluation.tables import class_table, figures_table, tables
from cvstudio.evaluation.writing import write_evaluation
from cvstudio.foundation.errors import ExportError


@pytest.fixture
def measure(colour_models: ModuleType, tmp_path: Path) -> Any:
    box = colour_models.Rectangle
    labelled = colour_models.labelled_set(
        tmp_path / "set",
        [
            [box(0, 5, 5, 30, 20), box(1, 60, 40, 25, 20)],
            [box(0, 5, 5, 30, 20, colour_models.MOVED), box(1, 60, 40, 30, 20, colour_models.RENAMED)],
        ],
    )

    def measured(model: str, **plan: Any) -> Evaluation:
        return measure_model(EvaluationPlan(model, **plan), labelled, store_folder=tmp_path / "store")

    return measured


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_gets_tables_plots_and_the_mapping(measure: Any, tmp_path: Path) -> None:
    done = measure("colour-masks")
    written = write_evaluation(tmp_path / "out", [done])
    names = {path.name for path in written}
    assert names >= {"figures.csv", "classes.csv", "evaluation.json", "class-mapping.json"}
    assert names >= {f"{name}-{form}.csv" for name in ("errors", "confusion", "worst") for form in ("boxes", "masks")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    figures = {row["figure"]: row["colour-masks"] for row in rows(tmp_path / "out" / "figures.csv")}
    assert float(figures["Boxes AP50"]) == done.summary()["Boxes AP50"]
    assert figures["Boxes AP large"] == ""
    errors = {row["kind"]: row["count"] for row in rows(tmp_path / "out" / "errors-boxes.csv")}
    assert errors == {
        "Class": "1",
        "Place": "1",
        "Class and place": "0",
        "Duplicate": "0",
        "Background": "0",
        "Missed": "0",
    }
    assert rows(tmp_path / "out" / "worst-boxes.csv")[0]["picture"] == "001.png"
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert content["models"][0]["class_mapping"] == {"Red": "red", "GREEN": "green", "blue": "blue"}
    assert content["classes"][0]["class"] == "red"
    assert {"true": "red", "predicted": "background", "count": 1} in content["confusion-boxes"]
    for path in written:
        if path.suffix == ".png":
            picture = Image.open(path)
            assert picture.size == (960, 720)
            assert len(picture.convert("L").getcolors() or ()) > 20


def test_two_models_stand_side_by_side(measure: Any, tmp_path: Path) -> None:
    both = [measure("colour-boxes"), measure("colour-masks", score=0.8)]
    table = figures_table(both)
    assert table.csv_columns == ["figure", "colour-boxes", "colour-masks"]
    by_name = {row[0]: row[1:] for row in table.rows}
    assert by_name["Boxes AP"][0] == by_name["Boxes AP"][1]
    assert by_name["Masks AP"][0] is None
    assert by_name["Boxes recall"][0] > by_name["Boxes recall"][1]
    assert "Boxes AP, colour-masks" in class_table(both).csv_columns
    # Who reads a table sees the titles that the table of figures has.
    titles = [column.title for column in figures_table(both).columns[1:]]
    assert titles == ["Colour Boxes", "Colour Masks"]
    assert {f"Boxes AP, {title}" for title in titles} <= {column.title for column in class_table(both).columns}
    written = write_evaluation(tmp_path / "out", both)
    assert {"precision-recall-boxes.png", "confusion-1.png", "confusion-boxes-2.png"} <= {path.name for path in written}
    same = [both[0], dataclasses.replace(both[1], model="colour-boxes")]
    assert figures_table(same).csv_columns == ["figure", "colour-boxes 1", "colour-boxes 2"]


def test_every_table_is_at_the_score_that_was_asked_for(measure: Any, tmp_path: Path) -> None:
    done = measure("colour-boxes")
    recall = measure("colour-boxes", score=0.8).summary()["Boxes recall"]
    assert recall < done.summary()["Boxes recall"]
    write_evaluation(tmp_path / "out", [done], score=0.8)
    write_evaluation(tmp_path / "figures.csv", [done], score=0.8)
    for path in (tmp_path / "out" / "figures.csv", tmp_path / "figures.csv"):
        figures = {row["figure"]: row["colour-boxes"] for row in rows(path)}
        assert float(figures["Boxes recall"]) == recall
    content = json.loads((tmp_path / "out" / "evaluation.json").read_text(encoding="utf-8"))
    assert {row["figure"]: row["colour-boxes"] for row in content["figures"]}["Boxes recall"] == recall


def test_one_file_is_the_figures_or_everything(measure: Any, tmp_path: Path) -> None:
    done = measure("colour-classes")
    assert write_evaluation(tmp_path / "a" / "b.csv", [done]) == [tmp_path / "a" / "b.csv"]
    assert {row["figure"] for row in rows(tmp_path / "a" / "b.csv")} == {"Top-1", "Top-5", "Calibration error"}
    write_evaluation(tmp_path / "b.json", [done])
    content = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    # What is likeliest is in each picture.
    assert content["figures"][0] == {"figure": "Top-1", "colour-classes": 1}
    assert content["worst"] == []
    folder = {path.name for path in write_evaluation(tmp_path / "c", [done])}
    assert folder >= {"reliability.png", "confusion.png", "worst.csv"}


def test_class_maps_have_their_tables(measure: Any, tmp_path: Path) -> None:
    done = measure("colour-maps")
    assert set(done.summary()) == {"mIoU", "Pixel accuracy"}
    assert class_table([done]).csv_columns == ["class", "IoU", "Accuracy"]
    found = tables([done])
    assert found["confusion"].rows[0][2] == 30 * 20 + 14 * 20
    assert found["confusion"].columns[2].title == "Pixels"
    assert "confusion.png" in {path.name for path in write_evaluation(tmp_path / "out", [done])}


def test_korean_class_names_are_drawn(colour_models: Any, tmp_path: Path) -> None:
    box = colour_models.Rectangle
    labelled = colour_models.labelled_set(tmp_path / "set", [[box(0, 5, 5, 30, 20)]])
    korean = dataclasses.replace(
        labelled,
        categories=tuple(
            dataclasses.replace(item, name=name)
            for item, name in zip(labelled.categories, ("빨강", "초록", "파랑"), strict=True)
        ),
    )
    plan = EvaluationPlan("colour-boxes", mapping={"Red": "빨강"})
    # A glyph that is missing would be a warning, which is an error here.
    written = write_evaluation(tmp_path / "out", [measure_model(plan, korean, store_folder=tmp_path / "store")])
    assert any(path.name == "confusion.png" for path in written)


def test_a_place_that_cannot_be_written_is_one_sentence(measure: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written"):
        write_evaluation(tmp_path / "file" / "out.csv", [measure("colour-boxes")])
