"""Checkpoints of others: recognised by content, read without running them, and matched to the models that they fit."""

from __future__ import annotations

import argparse
import builtins
import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.progress import Progress
from cvstudio.models.catalogue.identify import identify
from cvstudio.weights.checks import load_into
from cvstudio.weights.importing import Kind, is_checkpoint, read_checkpoint, recognise
from cvstudio.weights.importing.torchscript import load_program
from cvstudio.weights.store import load_state_dict

TENSORS = {"first.weight": torch.arange(6.0).reshape(2, 3), "first.bias": torch.tensor([1.5, -2.0])}


class Calls:
    """A pickle of it calls `function` with `arguments` when it is loaded."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        read_checkpoint(path)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


def same(found: Any, tensors: dict[str, torch.Tensor] = TENSORS) -> None:
    assert set(found) == set(tensors)
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def script(path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(torch.nn.Linear(3, 2)).save(str(path))
    return path


def onnx_file(path: Path) -> Path:
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph), str(path))
    return path


def npz() -> bytes:
    content = io.BytesIO()
    np.savez(content, a=np.zeros(3))
    return content.getvalue()


def old_tar(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            archive.addfile(tarfile.TarInfo(name))
    return path


def traced(path: Path) -> Path:
    """A program with an operator that has changed since, for which torch writes its version where packages have one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(lambda x: x * torch.linspace(0, 1, 4), torch.zeros(1, 4)).save(str(path))
    with zipfile.ZipFile(path) as archive:
        assert any(name.endswith(".data/version") for name in archive.namelist())
    return path


def hf_folder(folder: Path, weights: str = "model.safetensors", **config: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    if weights.endswith(".safetensors"):
        save_file(TENSORS, folder / weights)
    else:
        torch.save(TENSORS, folder / weights)
    return folder


class TestKinds:
    @pytest.mark.parametrize(
        ("make", "kind"),
        [
            (lambda path: torch.save(TENSORS, path), Kind.TORCH),
            (lambda path: torch.save(TENSORS, path, _use_new_zipfile_serialization=False), Kind.LEGACY),
            (lambda path: path.write_bytes(pickle.dumps({"a": 1})), Kind.PICKLE),
            (lambda path: save_file(TENSORS, path), Kind.SAFETENSORS),
            (script, Kind.TORCHSCRIPT),
            (traced, Kind.TORCHSCRIPT),
            (onnx_file, Kind.ONNX),
            (old_tar, Kind.TAR),
            (lambda path: hf_folder(path, architectures=["X"]), Kind.HF_FOLDER),
            (lambda path: path.write_bytes(b"some text"), None),
            (lambda path: path.write_bytes(b""), None),
            (lambda path: path.mkdir(), None),
            (lambda path: path.write_bytes(npz()), None),
        ],
        ids=lambda value: value.name if isinstance(value, Kind) else "",
    )
    def test_by_content_alone(self, make: Callable[[Path], Any], kind: Kind | None, tmp_path: Path) -> None:
        path = tmp_path / "이름 without a suffix"
        make(path)
        assert recognise(path) is kind
        assert is_checkpoint(path) is (kind is not None)

    def test_an_exported_program(self, tmp_path):
        path = tmp_path / "net.pt2"
        torch.export.save(torch.export.export(torch.nn.Linear(3, 2), (torch.zeros(1, 3),)), path)
        assert recognise(path) is Kind.EXPORTED
        assert "exported PyTorch program" in refused(path)

    @pytest.mark.parametrize("name", ["yolox_nano_coco.onnx", "simplepose_coco17.onnx"])
    def test_real_onnx(self, name, data):
        assert recognise(data("weights", name)) is Kind.ONNX

    @pytest.mark.parametrize("name", ["fsrcnn_x2.pb", "whitebox_cartoon_gan.tflite", "coco.names"])
    def test_real_files_of_other_programs(self, name, data):
        assert recognise(data("weights", name)) is None

    @pytest.mark.parametrize(
        "name",
        [
            *("squeezenet1_1_imagenet.pth", "retinaface_mobilenet0.25.pth", "espnet_p2q8_cityscapes.pth"),
            *("srgan_generator_x4.pth", "mtcnn_pnet.pt", "yolo_fastestv2_coco.pth", "gtcrn_dns3.tar"),
        ],
    )
    def test_real_checkpoints_are_read(self, name, data):
        """What independent code reads of them, with torch's own loader."""
        content = torch.load(data("weights", name), map_location="cpu", weights_only=True)
        plain = content.get("model", content.get("state_dict", content))
        found = read_checkpoint(data("weights", name)).tensors
        assert len(found) == len(plain)
        for (ours, tensor), (theirs, other) in zip(found.items(), plain.items(), strict=True):
            assert ours == theirs.removeprefix("module.")
            assert torch.equal(tensor, other)

    def test_media_are_no_checkpoints(self, data):
        folders = ("photos", "video", "rgbd", "meshes")
        assert not [path for name in folders for path in data(name).rglob("*") if is_checkpoint(path)]

    def test_a_cut_onnx_file_is_none(self, tmp_path):
        path = onnx_file(tmp_path / "a.onnx")
        path.write_bytes(path.read_bytes()[:-3])
        assert recognise(path) is None

    def test_other_programs_files_say_what_to_do(self, tmp_path):
        assert "model of your own" in refused(onnx_file(tmp_path / "a.onnx"))
        assert "add it as a model of your own" in refused(script(tmp_path / "a.pt"))
        assert "before 2017" in refused(old_tar(tmp_path / "a.pth"))


def test_what_must_not_be_read_is_no_checkpoint(tmp_path: Path, forbidden: Callable[[Path], Path]) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    save_file({"weight": torch.zeros(2)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    assert is_checkpoint(folder)
    forbidden(folder)
    assert not is_checkpoint(folder)
    assert not is_checkpoint(folder / "model.safetensors")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_checkpoint(folder)


class TestUnwrapping:
    @pytest.mark.parametrize(
        "content",
        [
            {"state_dict": TENSORS, "epoch": 3, "best": np.float64(0.5), "args": argparse.Namespace(lr=0.1)},
            {"model": {"state_dict": TENSORS}},
            {"net": TENSORS, "acc": np.float32(1)},
            {"module." + name: tensor for name, tensor in TENSORS.items()},
            {"state_dict": {"module._orig_mod." + name: tensor for name, tensor in TENSORS.items()}},
            {"n_averaged": torch.tensor(7), **{"module." + name: tensor for name, tensor in TENSORS.items()}},
        ],
        ids=["state_dict", "nested", "net", "data parallel", "compiled", "averaged model"],
    )
    @pytest.mark.parametrize("zipped", [True, False])
    def test_what_is_saved_around_the_tensors(self, content, zipped, tmp_path):
        path = tmp_path / "a.pth"
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        same(read_checkpoint(path).tensors)

    @pytest.mark.parametrize(("plain", "averaged"), [("state_dict", "state_dict_ema"), ("params", "params_ema")])
    def test_the_averaged_weights_are_taken_and_it_is_said(self, plain, averaged, tmp_path):
        path = tmp_path / "a.pth"
        other = {name: tensor + 1 for name, tensor in TENSORS.items()}
        torch.save({plain: other, averaged: TENSORS}, path)
        found = read_checkpoint(path)
        same(found.tensors)
        assert averaged in found.notes[0]

    def test_a_prefix_of_a_network_of_another_depth_is_overlooked(self):
        target = torch.nn.Sequential(torch.nn.Linear(3, 2))
        state = {"model.backbone." + name: tensor + 1 for name, tensor in target.state_dict().items()}
        load_into(target, state, "it")
        assert torch.equal(target[0].bias, state["model.backbone.0.bias"])
        whole = torch.nn.ModuleDict({"trunk": torch.nn.Linear(3, 2)})
        load_into(whole, torch.nn.Linear(3, 2).state_dict(), "it")


class TestCode:
    """Files that try: nothing is run, and what they would have run is named."""

    @pytest.fixture
    def target(self, tmp_path: Path) -> Path:
        return tmp_path / "created"

    @pytest.mark.parametrize("form", ["zip", "legacy", "pickle 0", "pickle 2", "pickle 5"])
    @pytest.mark.parametrize("deep", [False, True])
    def test_a_system_call(self, form, deep, target, tmp_path):
        path = tmp_path / "evil.pth"
        call = Calls(os.system, f"touch '{target}'")
        content = {"state_dict": {"a": torch.ones(1), "b": {"c": [call]}}} if deep else call
        if form.startswith("pickle"):
            content = {"b": [call]} if deep else call
            # Protocols before 2 have no mark at their beginning: no checkpoint at all.
            path.write_bytes(pickle.dumps(content, protocol=int(form[-1])))
        else:
            torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
        text = refused(path)
        if form != "pickle 0":
            assert f"{os.system.__module__}.system" in text
            assert "could run code" in text
        assert not target.exists()
        # The file is a real attack: an ordinary load runs it.
        pickle.loads(path.read_bytes()) if form.startswith("pickle") else torch.load(path, weights_only=False)
        assert target.exists()

    @pytest.mark.parametrize(
        ("function", "arguments", "name"),
        [
            (builtins.eval, ("1+1",), "builtins.eval"),
            (builtins.exec, ("pass",), "builtins.exec"),
            (getattr, ("x", "y"), "builtins.getattr"),
            (torch.load, ("x",), "torch.serialization.load"),
            (torch.hub.load, ("x", "y"), "torch.hub.load"),
        ],
    )
    def test_other_ways_to_run_something(self, function, arguments, name, tmp_path):
        path = tmp_path / "evil.pth"
        torch.save({"a": torch.ones(1), "b": Calls(function, *arguments)}, path)
        assert name in refused(path)

    def test_a_whole_module_names_its_class(self, tmp_path):
        path = tmp_path / "module.pth"
        torch.save(torch.nn.Linear(2, 2), path)
        assert "torch.nn.modules.linear.Linear" in refused(path)

    def test_hidden_behind_the_memo(self, tmp_path):
        """STACK_GLOBAL takes its names from where an earlier opcode put them."""
        name = "nt" if os.name == "nt" else "posix"
        body = b"\x80\x04" + b"\x8c" + bytes([len(name)]) + name.encode() + b"\x94\x8c\x06system\x94"
        body += b"00h\x00h\x01\x93\x8c\x04true\x85R."
        path = tmp_path / "evil.pth"
        path.write_bytes(body)
        assert f"{name}.system" in refused(path)

    def test_a_name_that_looks_like_one_of_torchs_own(self, tmp_path):
        path = tmp_path / "evil.pth"
        path.write_bytes(b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R.")
        assert "torch.load" in refused(path)

    def test_inside_an_archive_within_the_archive(self, target, tmp_path):
        """What is not the state dict is not read at all."""
        path, inner = tmp_path / "outer.pth", io.BytesIO()
        torch.save(TENSORS, path)
        torch.save(Calls(os.system, f"touch '{target}'"), inner)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("outer/inner.pth", inner.getvalue())
        same(read_checkpoint(path).tensors)
        assert not target.exists()

    def test_a_torch_package(self, target, tmp_path):
        from torch.package import PackageExporter

        path = tmp_path / "package.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with PackageExporter(path) as exporter:
                exporter.save_source_string("evil", f"import os\nos.mkdir({str(target)!r})\n")
                exporter.save_pickle("model", "model.pkl", TENSORS)
        assert recognise(path) is Kind.PACKAGE
        assert "torch.package" in refused(path)
        assert "could run code" in refused(path)
        assert not target.exists()

    def test_torchscript_only_where_it_is_asked_for(self, tmp_path):
        path = script(tmp_path / "program.pt")
        assert "TorchScript" in refused(path)
        found = identify(path, Progress())
        assert found.is_network
        assert "only if you trust who made it" in found.text()
        assert load_program(path)(torch.zeros(1, 3)).shape == (1, 2)
        torch.save(TENSORS, tmp_path / "state.pth")
        with pytest.raises(WeightsError, match="is none"):
            load_program(tmp_path / "state.pth")
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(WeightsError, match="damaged"):
            load_program(path)


class TestArchives:
    def saved(self, path: Path) -> Path:
        torch.save(TENSORS, path)
        return path

    def test_a_bomb(self, tmp_path):
        path = self.saved(tmp_path / "bomb.pth")
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.writestr("bomb/data/0000", bytes(200 << 20))
        assert path.stat().st_size < 1 << 20
        assert "would unpack to 210 MB" in refused(path)

    def test_a_bomb_whose_entries_lie_over_each_other(self, tmp_path):
        path = self.saved(tmp_path / "bomb.pth")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("bomb/data/big", os.urandom(1 << 16))
            big = archive.getinfo("bomb/data/big")
            for number in range(9):
                import copy

                other = copy.copy(big)
                other.filename = f"bomb/data/copy{number}"
                archive.filelist.append(other)
                archive.NameToInfo[other.filename] = other
            archive._didModify = True
        assert "lie over each other" in refused(path)

    def test_a_compressed_archive_of_weights_is_no_bomb(self, tmp_path):
        plain, path = self.saved(tmp_path / "plain.pth"), tmp_path / "small.pth"
        with zipfile.ZipFile(plain) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        same(read_checkpoint(path).tensors)

    @pytest.mark.parametrize("name", ["../escaped", "/etc/cron.d/x", "a/../../b", "C:/x", "a\\..\\..\\b"])
    def test_a_place_outside(self, name, tmp_path):
        path = self.saved(tmp_path / "a.pth")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"x")
        assert "outside of itself" in refused(path)

    def test_two_entries_of_one_name(self, tmp_path):
        path = self.saved(tmp_path / "a.pth")
        with zipfile.ZipFile(path, "a") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr("a/data.pkl", b"x")
        assert "two entries of one name" in refused(path)

    @pytest.mark.parametrize("length", [1 << 63, 10**8 - 1])
    def test_a_header_of_safetensors_that_is_too_long(self, length, tmp_path):
        path = tmp_path / "a.safetensors"
        path.write_bytes(struct.pack("<Q", length) + b'{"a": 1}')
        refused(path)


class TestFolders:
    @pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
    def test_of_the_hub(self, weights, tmp_path):
        folder = hf_folder(tmp_path / "detr", weights, architectures=["DetrForObjectDetection"], model_type="detr")
        found = read_checkpoint(folder)
        same(found.tensors)
        assert (found.kind, found.origin) == (Kind.HF_FOLDER, "DetrForObjectDetection")
        same(load_state_dict(folder))

    def test_of_timm(self, tmp_path):
        assert read_checkpoint(hf_folder(tmp_path / "t", architecture="seresnet50")).origin == "seresnet50"

    def test_in_several_parts(self, tmp_path):
        folder = hf_folder(tmp_path / "big")
        (folder / "model.safetensors").unlink()
        for number, (name, tensor) in enumerate(TENSORS.items()):
            save_file({name: tensor}, folder / f"part{number}.safetensors")
        index = {"weight_map": {name: f"part{number}.safetensors" for number, name in enumerate(TENSORS)}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        same(read_checkpoint(folder).tensors)
        (folder / "part1.safetensors").unlink()
        assert "part1.safetensors is not in" in refused(folder)

    @pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "a\\..\\b"])
    def test_an_index_that_leads_out(self, name, tmp_path):
        folder = hf_folder(tmp_path / "big")
        (folder / "model.safetensors").unlink()
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        assert "outside of it" in refused(folder)

    def test_code_in_a_folder_is_refused_too(self, tmp_path):
        folder = hf_folder(tmp_path / "evil", "pytorch_model.bin", auto_map={"AutoModel": "evil.Net"})
        torch.save({"a": Calls(os.system, "true")}, folder / "pytorch_model.bin")
        assert "system" in refused(folder)

    def test_another_folder_has_one_or_one_is_to_be_chosen(self, tmp_path):
        folder = tmp_path / "run"
        folder.mkdir()
        assert "there is none" in refused(folder)
        (folder / "log.txt").write_text("epoch 1")
        torch.save(TENSORS, folder / "best.pth")
        same(read_checkpoint(folder).tensors)
        torch.save(TENSORS, folder / "last.pth")
        assert "there are 2 (best.pth, last.pth" in refused(folder)
