from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from cvstudio.foundation.errors import WeightsError
from cvstudio.weights.checks import load_into
from cvstudio.weights.declaration import Weights
from cvstudio.weights.store import cached_path, find_weights, hub_folder, load_state_dict, require_weights

CONTENT = b"not really weights"
WEIGHTS = Weights(
    key="test",
    file_name="tiny-1234.pth",
    url="https://example.org/tiny-1234.pth",
    sha256=hashlib.sha256(CONTENT).hexdigest()[:8],
    size_bytes=2_500_000,
    licence="MIT",
    trained_on="nothing",
)
TENSORS = {"first.weight": torch.arange(6.0).reshape(2, 3), "first.bias": torch.tensor([1.5, -2.0])}


class Evil:
    """A pickle of it creates a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.target),)


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        load_state_dict(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("Expected ")
    assert text.endswith(".")
    return text


class TestCache:
    @pytest.mark.parametrize(
        ("torch_home", "xdg"), [("/a/한글", "/b"), ("~/models", None), (None, "/b"), (None, "~/c"), (None, None)]
    )
    def test_the_folder_is_torchs_own(
        self, torch_home: str | None, xdg: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in (("TORCH_HOME", torch_home), ("XDG_CACHE_HOME", xdg)):
            monkeypatch.delenv(name, raising=False)
            if value is not None:
                monkeypatch.setenv(name, value)
        assert hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"

    def test_absent(self) -> None:
        assert cached_path(WEIGHTS) is None
        assert find_weights(WEIGHTS) is None

    def test_present_and_verified(self) -> None:
        path = put(hub_folder() / WEIGHTS.file_name, CONTENT)
        assert cached_path(WEIGHTS) == find_weights(WEIGHTS) == require_weights(WEIGHTS, None) == path

    def test_damaged_then_mended(self) -> None:
        path = put(hub_folder() / WEIGHTS.file_name, CONTENT[:-1] + b"!")
        with pytest.raises(WeightsError, match=r"damaged or incomplete; delete it and get it again from https"):
            find_weights(WEIGHTS)
        put(path, CONTENT)
        os.utime(path, ns=(1, 1))  # even with the same size, another time is a new question
        assert find_weights(WEIGHTS) == path

    def test_hashed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        put(hub_folder() / WEIGHTS.file_name, CONTENT)
        find_weights(WEIGHTS)
        monkeypatch.setattr(hashlib, "file_digest", None)
        find_weights(WEIGHTS)

    def test_absent_says_all_that_is_needed(self) -> None:
        with pytest.raises(WeightsError) as caught:
            require_weights(WEIGHTS, None)
        for fact in (WEIGHTS.file_name, "2.5 MB", "MIT", WEIGHTS.url, str(hub_folder()), "choose a local file"):
            assert fact in str(caught.value)

    def test_a_given_file_wins_and_must_exist(self, tmp_path: Path) -> None:
        put(hub_folder() / WEIGHTS.file_name, CONTENT)
        own = put(tmp_path / "own.pth", b"")
        assert require_weights(WEIGHTS, own) == own
        with pytest.raises(WeightsError, match="no such file"):
            require_weights(WEIGHTS, tmp_path / "gone.pth")

    def test_without_torch(self) -> None:
        code = (
            "import sys\nfrom cvstudio.models import MODELS\nfrom cvstudio.weights.store import find_weights\n"
            "[find_weights(w) for spec in MODELS for w in spec.weights]\nsys.exit('torch' in sys.modules)"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestLoading:
    @pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
    @pytest.mark.parametrize("zipped", [True, False])
    def test_torch(self, wrapper: str | None, zipped: bool, tmp_path: Path) -> None:
        path = tmp_path / "가중치 weights.pth"
        content = TENSORS if wrapper is None else {wrapper: TENSORS, "epoch": 3, "optimizer": {"lr": 0.1}}
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        self.check(path)

    def test_safetensors(self, tmp_path: Path) -> None:
        path = tmp_path / "weights.bin"  # told by its content, not by its name
        save_file(TENSORS, path)
        self.check(path)

    @staticmethod
    def check(path: Path) -> None:
        found = load_state_dict(path)
        assert type(found) is dict
        assert set(found) == set(TENSORS)
        for name, tensor in TENSORS.items():
            np.testing.assert_array_equal(found[name].numpy(), tensor.numpy())

    @pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
    def test_code_is_not_run(self, form: str, tmp_path: Path) -> None:
        target, path = tmp_path / "created", tmp_path / "evil.pth"
        if form == "pickle":
            path.write_bytes(pickle.dumps({"weight": Evil(target)}))
        else:
            torch.save({"weight": Evil(target)}, path, _use_new_zipfile_serialization=form == "zip")
        assert "could run code" in refused(path)
        assert not target.exists()
        # The file is a real attack: an ordinary load does create it.
        torch.load(path, weights_only=False) if form != "pickle" else pickle.loads(path.read_bytes())
        assert target.exists()

    def test_a_whole_module_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "module.pth"
        torch.save(torch.nn.Linear(2, 2), path)
        assert "could run code" in refused(path)

    def test_a_torchscript_program_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "program.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.script(torch.nn.Linear(2, 2)).save(str(path))
        assert "TorchScript" in refused(path)

    @pytest.mark.parametrize("content", [b"", b"x", b"hello world, this is text", b"\xff\xd8\xff\xe0 a photo"])
    def test_no_checkpoint(self, content: bytes, tmp_path: Path) -> None:
        assert "neither" in refused(put(tmp_path / "photo.pth", content))

    def test_another_zip(self, tmp_path: Path) -> None:
        path = tmp_path / "letters.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("letter.txt", "dear")
        assert "another kind of zip" in refused(path)

    @pytest.mark.parametrize("content", [[torch.ones(1)], {"a": 1}, {}, {"a": torch.ones(1), 3: torch.ones(1)}])
    def test_no_state_dict(self, content: object, tmp_path: Path) -> None:
        path = tmp_path / "list.pth"
        torch.save(content, path)
        assert "something else" in refused(path)

    def test_missing_and_folder(self, tmp_path: Path) -> None:
        assert "cannot be read" in refused(tmp_path / "gone.pth")
        assert "there is none" in refused(tmp_path)

    @pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
    def test_truncated_anywhere(self, form: str, tmp_path: Path) -> None:
        path = tmp_path / "whole"
        self.write(form, path)
        whole = path.read_bytes()
        for length in {*range(10, len(whole), max(1, len(whole) // 40)), len(whole) - 1}:
            text = refused(put(tmp_path / "cut", whole[:length]))
            # A pickle that is cut within the name of a class seems to name another class.
            assert "damaged or incomplete" in text or (form == "legacy" and "could run code" in text)

    @staticmethod
    def write(form: str, path: Path) -> None:
        if form == "safetensors":
            save_file(TENSORS, path)
        else:
            torch.save(TENSORS, path, _use_new_zipfile_serialization=form == "zip")

    @settings(deadline=None, max_examples=150)
    @given(
        st.sampled_from(["zip", "legacy", "safetensors"]),
        st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
    )
    def test_flipped_bytes_are_read_or_refused(
        self, tmp_path_factory: pytest.TempPathFactory, form: str, changes: list[tuple[float, int]]
    ) -> None:
        path = tmp_path_factory.mktemp("fuzz") / "weights"
        self.write(form, path)
        content = bytearray(path.read_bytes())
        for place, value in changes:
            content[int(place * len(content))] = value
        path.write_bytes(content)
        with contextlib.suppress(WeightsError):
            load_state_dict(path)


class TestLoadInto:
    @staticmethod
    def network() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, 5))

    def test_fits(self) -> None:
        source, target = self.network(), self.network()
        load_into(target, source.state_dict(), "the test network")
        for name, tensor in source.state_dict().items():
            assert torch.equal(target.state_dict()[name], tensor)

    def test_counters_may_be_missing(self) -> None:
        state = {name: value for name, value in self.network().state_dict().items() if "tracked" not in name}
        load_into(self.network(), state, "the test network")

    def test_differences_in_a_table(self) -> None:
        target = self.network()
        before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
        state = dict(self.network().state_dict())
        state["2.weight"] = torch.zeros(7, 8)
        state["extra"] = torch.tensor(1.0)
        del state["0.bias"]
        with pytest.raises(WeightsError) as caught:
            load_into(target, state, "the test network")
        sentence, *table = str(caught.value).split("\n")
        assert "the test network" in sentence
        assert "1 missing and 1 unknown and 1 of another shape" in sentence
        assert sentence.endswith("choose a checkpoint of the same network and classes.")
        cells = [[cell for cell in row.split("  ") if cell] for row in table]
        assert [[cell.strip() for cell in row] for row in cells] == [
            ["tensor", "expected", "found"],
            ["2.weight", "5 x 8", "7 x 8"],
            ["0.bias", "8", "-"],
            ["extra", "-", "number"],
        ]
        for name, tensor in before.items():
            assert torch.equal(target.state_dict()[name], tensor)

    def test_a_long_table_is_cut(self) -> None:
        state = {
            f"{row}.a.very.long.name.of.a.layer.in.a.deep.network.block.weight": torch.zeros(1) for row in range(10, 99)
        }
        with pytest.raises(WeightsError) as caught:
            load_into(self.network(), state, "the test network")
        lines = str(caught.value).split("\n")
        assert len(lines) == 1 + 1 + 8 + 1
        # What is missing of the second layer shares a row.
        assert lines[4].split() == ["1.*", "4", "tensors", "-"]
        shown = 2 + 4 + 2 + 3
        assert lines[-1] == f"… and {8 + 89 - shown} more"
        assert max(map(len, lines[1:])) <= 80
