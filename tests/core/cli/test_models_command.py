"""`cvstudio models`: the table and the card on a terminal."""

from __future__ import annotations

import pytest

from cvstudio.cli.main import main


def test_the_table_of_a_task_sorted_by_a_column(capsys):
    assert (
        main(
            [
                "models",
                "--task",
                "detect",
                "--search",
                "yolox",
                "--columns",
                "key,params,score",
                "--sort",
                "score",
                "-r",
            ]
        )
        == 0
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Key", "Params", "Score"]
    assert [line.split()[0] for line in lines[1:]] == [f"yolox-{name}" for name in ("x", "l", "m", "s", "tiny", "nano")]
    assert lines[1].split()[1:] == ["99.1", "M", "51.1"]


def test_the_card_of_a_model_ends_with_its_layers(capsys):
    assert main(["models", "residual-60", "--depth", "2", "-q"]) == 0
    told = capsys.readouterr().out
    for words in ("Small residual network", "non-commercial", "62.9 top-1 of 60 classes", "He et al."):
        assert words in told
    lines = {line.split()[0]: line for line in told.splitlines() if line.strip()}
    assert lines["Layer"].split() == ["Layer", "Output", "Params", "MACs", "Sees,", "pixels"]
    assert "32 × 32 × 32" in lines["stem"]
    assert lines["stem"].endswith("7 × 7")
    assert lines["head"].endswith("whole picture")
    assert "4.17 M parameters, 160 M multiply-adds for a picture of 128 x 128" in told


def test_a_classical_model_has_a_card_without_layers(capsys):
    assert main(["models", "hog", "-q"]) == 0
    assert "included in a library" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["models", "yolox-smal"], "did you mean"), (["models", "--columns", "cost"], "no column 'cost'")],
)
def test_what_does_not_exist_is_said_in_one_sentence(arguments, words, capsys):
    assert main(arguments) == 1
    assert words in capsys.readouterr().err


def test_what_is_measured_stands_in_the_table(capsys):
    chosen = ["--search", "goldfish espresso", "--columns", "key,ms"]
    assert main(["models", *chosen, "--measure", "--device", "cpu", "-q"]) == 0
    line = capsys.readouterr().out.splitlines()[1]
    assert line.startswith("residual-60")
    assert float(line.split()[-1]) > 0
