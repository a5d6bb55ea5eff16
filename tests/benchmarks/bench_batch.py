"""What a batch costs over its network: `python tests/benchmarks/bench_batch.py [PICTURES [PRECISION]]` (1000, auto).

A folder of photographs goes through the embedded detector into COCO JSON, with and without annotated pictures. The
network alone is `predict` on the same pictures, already decoded, in the same process and computing in the same way.
Waiting threads sleep, as they do in the program; with OMP_WAIT_POLICY=ACTIVE they spin, which makes a network alone
quicker and everything beside it slower.
Memory is that of the process, sampled while the batch runs: its last quarter against its second.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.media import open_media, open_reader
from cvstudio.models import MODELS
from cvstudio.models.runtime.cpu_threads import cpu_streams, let_waiting_threads_sleep
from cvstudio.models.runtime.host import Host
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS
from cvstudio.running.batch import Batch, BatchPlan
from cvstudio.running.runner import make_instance

KEY = "pyramid-lite0"
ALONE = 150
"""Pictures for the network alone: enough for a mean, few enough to be in memory decoded."""

FORMATS = (("coco",), ("coco", "csv"), ("coco", "png"))


def gather(data: Path, count: int, folder: Path) -> list[Path]:
    """`count` photographs in `folder`, as links."""
    sources = [*(data / "coco128" / "images").rglob("*.jpg"), *(data / "imagenet_samples").glob("*.jpg")]
    sources += sorted((data / "voc5" / "images").iterdir())
    made = []
    for number in range(count):
        source = sorted(sources)[number % len(sources)]
        made.append(folder / f"{number:05}{source.suffix}")
        os.symlink(source.resolve(), made[-1])
    return made


def network_alone(network: object, files: list[Path]) -> float:
    """Seconds for each picture."""
    pictures = []
    for file in files:
        with open_reader(open_media(file)) as reader:
            pictures.append(reader.read())
    for picture in pictures[:10]:
        network.predict(picture, NoParams(), Progress())  # type: ignore[attr-defined]
    began = time.perf_counter()
    for picture in pictures:
        network.predict(picture, NoParams(), Progress())  # type: ignore[attr-defined]
    return (time.perf_counter() - began) / len(pictures)


class Memory(threading.Thread):
    """Samples the memory of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.values: list[int] = []
        self._end = threading.Event()

    def run(self) -> None:
        process = psutil.Process()
        while not self._end.wait(0.05):
            self.values.append(process.memory_info().rss)

    def growth(self) -> float:
        """Median of the last quarter over that of the second."""
        self._end.set()
        self.join()
        quarter = len(self.values) // 4
        return statistics.median(self.values[-quarter:]) / statistics.median(self.values[quarter : 2 * quarter])


def main() -> None:
    let_waiting_threads_sleep()
    import torch

    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    data = Path(os.environ.get("CVSTUDIO_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    base = Path(tempfile.mkdtemp(prefix="bench-batch-"))
    threads = torch.get_num_threads()
    try:
        (base / "in").mkdir()
        files = gather(data, count, base / "in")
        wanted = next(name for name in REQUESTED_PRECISIONS if name == (sys.argv[2] if len(sys.argv) > 2 else "auto"))
        network = Host("cpu", precision=wanted).network(MODELS[KEY], None, Progress())
        step = max(1, count // ALONE)
        print(
            f"{network.precision}: {count} pictures, {threads} threads, "
            f"{cpu_streams(MODELS[KEY])} networks side by side"
        )
        for number, formats in enumerate(FORMATS):
            torch.set_num_threads(threads)
            before = network_alone(network, files[::step])
            instance = make_instance("detect", {"picture": files[0]}, model=KEY)
            plan = BatchPlan(instance, (base / "in",), base / f"out {number}", formats)
            memory = Memory()
            memory.start()
            began = time.perf_counter()
            batch = Batch(plan, device="cpu", precision=wanted)
            for _ in batch.run(Progress()):
                pass
            each = (time.perf_counter() - began) / count
            growth = memory.growth()
            torch.set_num_threads(threads)
            after = network_alone(network, files[::step])
            alone = (before + after) / 2
            print(
                f"{'+'.join(formats):<10} network alone {alone * 1000:.1f} ms a picture (before {before * 1000:.1f}, "
                f"after {after * 1000:.1f}), batch {each * 1000:.1f} ms: {each / alone:.2f}x (at most 1.10); memory of "
                f"the last quarter {growth:.3f}x that of the second; {batch.summary.text()}"
            )
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
