from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.cli import main as cli
from cvstudio.foundation.errors import BindingError, CustomModelError, UnknownKeyError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.registry import Registry
from cvstudio.models import MODELS
from cvstudio.models.custom.declaration import read_declaration
from cvstudio.models.custom.infer_declaration import infer_declaration
from cvstudio.models.custom.store import add, list_path, registered, remove, save
from cvstudio.models.runtime.host import Host
from cvstudio.models.terms import Place, terms
from cvstudio.running.runner import make_instance


@pytest.fixture
def net(constant: Callable[..., Path]) -> Path:
    return constant({"out": np.array([[1, 2]], np.float32)})


@pytest.fixture
def declared(net: Path, declare: Callable[..., Path]) -> Path:
    return declare(net, "classify", "logits", ["cat", "dog"], title="Pets", licence="MIT", trained_on="my photos")


def start_again() -> Registry[Any]:
    """The registry as the next start of the program makes it."""
    sys.modules.pop("cvstudio.models.custom.registered")
    for key in [model.key for model in MODELS if model.key.startswith("own-")]:
        MODELS.remove(key)
    MODELS._broken.clear()
    import cvstudio.models.custom.registered  # noqa: F401

    return MODELS


def test_an_added_network_is_there_now_and_at_the_next_start(declared: Path, net: Path) -> None:
    spec = add(declared)
    assert (spec.key, spec.title, spec.task, spec.labels) == ("own-pets", "Pets", "classify", ("cat", "dog"))
    assert MODELS["own-pets"] is spec
    told = terms(spec)
    assert (told.licence, told.place, told.size_bytes) == ("MIT", Place.HERE, net.stat().st_size)
    assert registered() == (declared,)
    again = start_again()["own-pets"]
    assert again.labels == spec.labels
    assert again.load("cpu", None).labels == ("cat", "dog")


def test_adding_again_reads_the_declaration_anew(declared: Path) -> None:
    add(declared)
    declared.write_text(declared.read_text(encoding="utf-8").replace("MIT", "BSD"), encoding="utf-8")
    assert add(declared).weights[0].licence == "BSD"
    assert registered() == (declared,)


def test_two_networks_of_one_key_are_refused(declared: Path, net: Path, declare: Callable[..., Path]) -> None:
    add(declared)
    other = declare(net, "classify", "logits", ["a", "b"], name="other.yaml", title="Pets")
    with pytest.raises(CustomModelError, match=r"'pets' is taken; write another 'key' into other\.yaml"):
        add(other)
    assert registered() == (declared,)


def test_a_removed_network_leaves_its_files(declared: Path, net: Path) -> None:
    add(declared)
    remove("own-pets")
    assert registered() == ()
    assert declared.is_file()
    assert net.is_file()
    with pytest.raises(UnknownKeyError):
        MODELS["own-pets"]
    with pytest.raises(CustomModelError, match="no own model 'own-pets'"):
        remove("own-pets")


def test_a_file_that_is_gone_is_told_and_found_again(declared: Path, net: Path, tmp_path: Path) -> None:
    add(declared)
    net.rename(tmp_path / "elsewhere")
    spec = start_again()["own-pets"]
    assert terms(spec).place is Place.GONE
    host = Host("cpu")
    before = host.network_key(spec)
    with pytest.raises(CustomModelError, match="put it back, or remove the model"):
        host.network(spec, None, Progress())
    (tmp_path / "elsewhere").rename(net)
    assert host.network_key(spec) != before
    assert host.network(spec, None, Progress()).labels == ("cat", "dog")


def test_another_network_in_the_file_is_another_key(declared: Path, net: Path) -> None:
    spec, host = add(declared), Host("cpu")
    before = host.network_key(spec)
    os.utime(net, ns=(1, 1))
    assert host.network_key(spec) != before


def test_a_broken_declaration_is_a_row_and_takes_nothing_with_it(
    declared: Path, net: Path, declare: Callable[..., Path]
) -> None:
    other = declare(net, "classify", "logits", ["a", "b"], name="other.yaml", title="Other")
    add(declared)
    add(other)
    declared.write_text("cvstudio-model: 1\n", encoding="utf-8")
    models = start_again()
    assert "own-other" in models
    assert [row.module for row in models.broken] == [declared.name]
    assert "the name of an ONNX" in models.broken[0].reason
    remove("own-" + "net")  # by the name of its file, as the declaration tells none
    assert registered() == (other,)


def test_a_damaged_list_is_a_row_and_is_not_overwritten(declared: Path) -> None:
    list_path().parent.mkdir(parents=True, exist_ok=True)
    list_path().write_text("{", encoding="utf-8")
    assert [row.module for row in start_again().broken] == [list_path().name]
    with pytest.raises(CustomModelError, match="cannot be read"):
        add(declared)
    assert list_path().read_text(encoding="utf-8") == "{"


def test_a_declaration_is_written_beside_the_file_or_into_the_users_folder(net: Path, monkeypatch: Any) -> None:
    model = infer_declaration(net)
    assert save(model) == net.with_suffix(".yaml")
    assert read_declaration(net.with_suffix(".yaml")) == model

    from cvstudio.models.custom import store

    def refuse(path: Path, *rest: Any) -> None:
        if path.parent == net.parent:
            raise PermissionError(13, "Permission denied")
        real(path, *rest)

    real = store.write_declaration
    monkeypatch.setattr(store, "write_declaration", refuse)
    aside = save(model)
    assert aside.parent == list_path().parent / "own-models"
    assert read_declaration(aside) == model


def test_a_checkpoint_given_by_hand_takes_the_place_of_the_file(declared: Path, constant: Callable[..., Path]) -> None:
    other = constant({"out": np.array([[5, 6]], np.float32)}, name="newer.onnx")
    network = add(declared).load("cpu", other)
    assert network.model.file == other


def test_the_command_line_adds_shows_lists_and_removes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["own", "show", str(net)]) == 0
    assert "decoder: logits" in capsys.readouterr().out
    assert not net.with_suffix(".yaml").exists()
    assert cli.main(["own", "add", str(net)]) == 0
    assert "--model own-net" in capsys.readouterr().out
    assert cli.main(["own", "list"]) == 0
    assert str(net.with_suffix(".yaml")) in capsys.readouterr().out
    assert cli.main(["list"]) == 0
    assert "own-net" in capsys.readouterr().out
    assert cli.main(["own", "remove", "own-net"]) == 0
    assert cli.main(["own", "remove", "own-net"]) == 1
    assert capsys.readouterr().err.strip().endswith("shows those that there are.")


def test_an_analysis_without_any_network_says_what_to_do(data: Callable[..., Path], monkeypatch: Any) -> None:
    photo = data("photos", "dog.jpg")
    with pytest.raises(BindingError, match="Semantic segmentation needs a network, and none is built in; add your own"):
        make_instance("segment", {"picture": photo})


def test_an_analysis_without_a_default_takes_the_users_network(
    by_colour: Path, declare: Callable[..., Path], data: Callable[..., Path]
) -> None:
    add(declare(by_colour, "segment", "class-logits", ["red", "green", "blue"]))
    instance = make_instance("segment", {"picture": data("photos", "dog.jpg")})
    assert instance.model == "own-colours"
