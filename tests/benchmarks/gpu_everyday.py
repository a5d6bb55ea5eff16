r"""The default detector's recipe on a GPU, from a packed copy of its data: trained, exported and measured.

    .venv/bin/python tests/benchmarks/gpu_everyday.py pack DATA everyday.tar
    .venv/bin/python tests/benchmarks/gpu_everyday.py train everyday.tar FOLDER [--device cuda] [--smoke]

`pack` puts what the recipe reads of the folder DATA (../shared/data), and the photographs of coco128 that it is
measured on, into one file of about 220 MB, which is one copy to another machine. `train` unpacks it into FOLDER (a
folder of data does as well), runs the recipe as `cvstudio train everyday-detector` does, and prints what each epoch
took; weights and card are in FOLDER/export. What is made once, views and the teacher's answers, stays in FOLDER/run,
and the same command goes on after the last whole epoch. On a large card with 16 cores it is to take less than 8
minutes, most of them for decoding and cutting out views; no such machine has measured it yet. `--smoke` tries the
script itself out, without a GPU: ten pictures of each set, three epochs, and no export, which measures all of coco128.
"""

from __future__ import annotations

import argparse
import tarfile
import time
from pathlib import Path

from cvstudio.foundation.progress import Progress
from cvstudio.training import RECIPES
from cvstudio.training.base import Settings
from cvstudio.training.loop import train

RECIPE = RECIPES["everyday-detector"]
MEASURED_ON = "coco128"
SMOKE_PICTURES, SMOKE_EPOCHS = 10, 3


def pack(data: Path, file: Path) -> None:
    """Write the recipe's data into one file, uncompressed, as pictures are."""
    with tarfile.open(file, "w") as archive:
        for name in (*RECIPE.files, MEASURED_ON):
            archive.add(data / name, name)
    print(f"{file}: {file.stat().st_size / 1e6:.0f} MB")


def unpacked(given: Path, folder: Path) -> Path:
    """The folder of the data: `given` itself, or where its content is now."""
    if given.is_dir():
        return given
    data = folder / "data"
    done = folder / "data is whole"
    if not done.exists():
        with tarfile.open(given) as archive:
            archive.extractall(data, filter="data")
        done.touch()
    return data


def run(data: Path, folder: Path, device: str, *, smoke: bool) -> None:
    import torch

    from cvstudio.training.export import export

    began = time.monotonic()
    limit, epochs = (SMOKE_PICTURES, SMOKE_EPOCHS) if smoke else (None, None)
    settings = Settings(data, folder / "run", device, limit=limit, epochs=epochs)
    assert RECIPE.make is not None
    task = RECIPE.make(settings)
    last = began

    def told(epoch: int) -> None:
        nonlocal last
        now = time.monotonic()
        print(f"epoch {epoch} of {task.epochs}: {now - last:.1f} s, {now - began:.0f} s in all", flush=True)
        last = now

    figures = train(task, settings, Progress(), epoch_done=told)
    print(", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    if device.startswith("cuda"):
        print(f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GB of the GPU's memory at most")
    if not smoke:
        card = export(RECIPE, task, settings, folder / "export", Progress())
        print(card.read_text(encoding="utf-8"))
    print(f"{time.monotonic() - began:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("data", type=Path)
    packing.add_argument("file", type=Path)
    training = commands.add_parser("train")
    training.add_argument("data", type=Path)
    training.add_argument("folder", type=Path)
    training.add_argument("--device", default="cuda")
    training.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    if options.command == "pack":
        pack(options.data, options.file)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    data = unpacked(options.data, options.folder)
    run(data, options.folder, "cpu" if options.smoke else options.device, smoke=options.smoke)


if __name__ == "__main__":
    main()
