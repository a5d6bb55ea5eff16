"""Which models does a checkpoint fit, what differs, and the commands that tell it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from cvstudio.cli.main import main
from cvstudio.foundation.paths import resource
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.catalogue.identify import identify
from cvstudio.weights.checks import load_into
from cvstudio.weights.declaration import Weights
from cvstudio.weights.differences import MismatchError, compare
from cvstudio.weights.store import hub_folder, load_state_dict


class Evil:
    """A pickle of it runs a command when it is loaded."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


def spec(key: str, build: Callable[[], torch.nn.Module], *, task: str = "classify", **changes: Any) -> ModelSpec:
    weights = Weights(key, f"{key}.pth", f"https://example.org/{key}.pth", "0" * 64, 1000, "MIT", "noise", **changes)

    def load(device: str, checkpoint: Path | None) -> Any:
        from cvstudio.weights.store import require_weights

        state = load_state_dict(require_weights(weights, checkpoint))
        model = build()
        load_into(model, state, f"the network {key}")
        return model

    return ModelSpec(key, key.title(), task, "Test", "Nobody, Nothing, 2000", 2000, load, (weights,), labels=("a",))


@pytest.fixture
def models() -> Iterator[Callable[..., None]]:
    with ExitStack() as lent:
        yield lambda *specs: lent.enter_context(MODELS.lend(*specs))


def small(classes: int = 5) -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Linear(8, classes))


class TestMatching:
    @pytest.mark.parametrize("key", ["pyramid-5", "residual-60"])
    def test_the_embedded_weights_find_their_models(self, key, tmp_path):
        path = shutil.copy(resource("models", f"{key}.safetensors"), tmp_path / "unnamed")
        found = identify(Path(path), Progress())
        assert [model.key for model in found.fitting] == [key]
        assert "published checkpoint" in found.text()
        # By names and shapes as well, where the hash says nothing.
        state = {name: tensor + 1 for name, tensor in load_state_dict(Path(path)).items()}
        torch.save({"state_dict": {"module." + name: tensor for name, tensor in state.items()}}, tmp_path / "own.pth")
        again = identify(tmp_path / "own.pth", Progress())
        assert [model.key for model in again.fitting] == [key]
        assert again.n_tensors == len(state)

    def test_torchvisions_own(self, tmp_path):
        from torchvision.models.detection import ssdlite320_mobilenet_v3_large

        model = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        torch.save(model.state_dict(), tmp_path / "w.pth")
        assert "ssdlite" in [model.key for model in identify(tmp_path / "w.pth", Progress()).fitting]

    def test_each_model_that_it_fits_is_reported(self, models, tmp_path):
        models(spec("one", small), spec("two", small), spec("other", lambda: small(7)))
        torch.save(small().state_dict(), tmp_path / "w.pth")
        assert {model.key for model in identify(tmp_path / "w.pth", Progress()).fitting} == {"one", "two"}

    def test_the_nearest_is_told_where_none_fits(self, models, tmp_path):
        models(spec("one", small), spec("far", lambda: torch.nn.Linear(2, 2)))
        torch.save(small(9).state_dict(), tmp_path / "w.pth")
        found = identify(tmp_path / "w.pth", Progress())
        assert found.fitting == ()
        assert [fit.model.key for fit in found.fits] == ["one"]
        text = found.text()
        assert "It fits none of the models" in text
        assert "2 of another shape" in text
        assert "2.weight  5 x 8     9 x 8" in text

    def test_building_costs_no_memory_of_the_weights(self, models, tmp_path):
        """A network of 40 GB is compared."""
        models(spec("huge", lambda: torch.nn.Linear(100_000, 100_000)))
        torch.save({"weight": torch.zeros(1), "bias": torch.zeros(1)}, tmp_path / "w.pth")
        (fit,) = identify(tmp_path / "w.pth", Progress(), only=MODELS["huge"]).fits
        assert [row.expected for row in fit.differences.rows] == ["100000 x 100000", "100000"]

    def test_a_loader_that_breaks_does_not_stop_the_others(self, models, tmp_path):
        def broken() -> torch.nn.Module:
            raise KeyError("no such block")

        def awkward() -> torch.nn.Module:
            float(torch.linspace(0, 1, 3).sum())  # cannot be told on "meta"
            return small()

        models(spec("broken", broken), spec("awkward", awkward))
        torch.save(small().state_dict(), tmp_path / "w.pth")
        assert [model.key for model in identify(tmp_path / "w.pth", Progress()).fitting] == ["awkward"]

    def test_nothing_is_left_behind(self, models, tmp_path):
        models(spec("one", small))
        torch.save(small().state_dict(), tmp_path / "w.pth")
        identify(tmp_path / "w.pth", Progress())
        assert torch.empty(1).device.type == "cpu"
        assert isinstance(MODELS["one"].load("cpu", tmp_path / "w.pth"), torch.nn.Module)

    def test_squeezenet_imports_as_a_file_and_sees(self, models, data):
        """61 % of a thousand photographs are named; of these fifty, a half at the very least."""
        from PIL import Image
        from torchvision.models import squeezenet1_1
        from torchvision.transforms._presets import ImageClassification

        path = data("weights", "squeezenet1_1_imagenet.pth")
        models(spec("squeeze", lambda: squeezenet1_1(weights=None)))
        assert "squeeze" in [model.key for model in identify(path, Progress()).fitting]
        model, prepare = MODELS["squeeze"].load("cpu", path).eval(), ImageClassification(crop_size=224)
        plain = torch.load(path, weights_only=True)
        assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in plain.items())
        photos = sorted(data("imagenet_samples").glob("*.jpg"))[::5]
        right = 0
        with torch.inference_mode():
            for photo in photos:
                with Image.open(photo) as picture:
                    answer = model(prepare(picture.convert("RGB"))[None])[0]
                right += int(answer.argmax()) == int(photo.name[:4])
        assert right / len(photos) >= 0.5


class TestTable:
    def test_parts_that_are_missing_as_a_whole_share_a_row(self):
        class Net(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.backbone = torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(30)))
                self.head = torch.nn.ModuleDict({"box": torch.nn.Linear(3, 4), "score": torch.nn.Linear(3, 6)})

        state = {name: value for name, value in Net().state_dict().items() if not name.startswith("backbone")}
        state["head.score.weight"] = torch.zeros(21, 3)
        with pytest.raises(MismatchError) as caught:
            load_into(Net(), state, "the net")
        table = [line.split("  ") for line in str(caught.value).split("\n")[1:]]
        cells = [[cell.strip() for cell in row if cell.strip()] for row in table]
        assert cells == [
            ["tensor", "expected", "found"],
            ["head.score.weight", "6 x 3", "21 x 3"],
            ["backbone.*", "60 tensors", "-"],
        ]
        assert len(caught.value.differences.rows) == 61

    def test_parts_of_parts(self):
        expected = {f"net.{part}.{n}.weight": "1" for part in ("stem", "head") for n in range(9)}
        rows = compare(expected, {}, "it").table().split("\n")[1:]
        assert [row.split()[0] for row in rows] == ["net.stem.*", "net.head.*"]


class TestCommands:
    @pytest.fixture
    def checkpoint(self, tmp_path: Path) -> Path:
        path = tmp_path / "가중치.pth"
        torch.save({"state_dict": load_state_dict(resource("models", "residual-60.safetensors"))}, path)
        return path

    def test_identify(self, checkpoint, capsys):
        assert main(["weights", "identify", str(checkpoint), "-q"]) == 0
        told = capsys.readouterr().out
        assert "가중치.pth: PyTorch checkpoint" in told
        assert "It fits: Small residual network (residual-60)." in told

    def test_identify_against_one_model_lists_all_that_differs(self, checkpoint, capsys):
        assert main(["weights", "identify", str(checkpoint), "--model", "pyramid-5", "-q"]) == 1
        told = capsys.readouterr().out
        assert "Expected a checkpoint of the embedded detector" in told
        assert "more" not in told.splitlines()[-1]

    def test_identify_code(self, tmp_path, capsys):
        torch.save(Evil(), tmp_path / "evil.pth")
        assert main(["weights", "identify", str(tmp_path / "evil.pth"), "-q"]) == 1
        assert "could run code" in capsys.readouterr().err

    def test_list_where_verify(self, capsys):
        assert main(["weights", "list"]) == 0
        assert "ssdlite" in capsys.readouterr().out
        assert main(["weights", "where", "ssdlite"]) == 1
        assert capsys.readouterr().out.strip().startswith(str(hub_folder()))
        assert main(["weights", "where", "residual-60"]) == 0
        assert capsys.readouterr().out.strip() == str(resource("models", "residual-60.safetensors"))
        assert main(["weights", "where", "hog"]) == 1
        assert "included in a library" in capsys.readouterr().err
        assert main(["weights", "verify"]) == 0
        here = sum(bool(model.weights and not model.weights[0].url) for model in MODELS)
        assert capsys.readouterr().out.count("sound") == here

    def test_get_and_verify(self, models, server, hostile, capsys, monkeypatch):
        entry = spec("one", small)
        weights = server.weights()
        models(ModelSpec(**{**vars(entry), "weights": (weights,)}))
        assert main(["weights", "get", "one"]) == 0
        told = capsys.readouterr()
        path = Path(told.out.strip())
        assert path.read_bytes() == hostile.CONTENT
        for fact in ("1.0 MB", "MIT", "noise", weights.url, hostile.SHA256, str(hub_folder()), "GB"):
            assert fact in told.err
        assert main(["weights", "verify", "one"]) == 0
        path.write_bytes(b"damaged")
        assert main(["weights", "verify", "one"]) == 1
        assert "DAMAGED" in capsys.readouterr().out

    def test_run_says_the_command_that_gets_what_is_missing(self, data, capsys, tmp_path):
        photo = data("photos", "dog.jpg")
        assert main(["run", "detect", str(photo), "--model", "ssdlite", "-q", "-o", str(tmp_path / "out")]) == 1
        told = capsys.readouterr().err
        assert "cvstudio weights get ssdlite" in told
        assert "14.1 MB, BSD-3-Clause" in told
        assert "\n" not in told.strip()
