"""How near an annotated video comes to its slower part: `python tests/benchmarks/bench_export_video.py [SECS]` (4).

The first seconds of the 1080p clip go through the embedded detector into MP4. On their own: decoding with the network,
and drawing with encoding (on results that are there already). The export overlaps the two.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cvstudio.exporters import EXPORTERS, ExportItem, export
from cvstudio.exporters.export_all import export_all
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.progress import Progress
from cvstudio.running.runner import Runner, make_instance


def main() -> None:
    stop = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    data = Path(os.environ.get("CVSTUDIO_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    instance = make_instance("detect", {"picture": data / "video" / "talk_1080p.mp4"})
    media = instance.bindings["picture"]

    def item(frames: Iterable[tuple[Any, Any]]) -> ExportItem:
        return ExportItem(media, None, None, {}, {}, frames, stop_secs=stop)

    with tempfile.TemporaryDirectory() as folder, Runner(cache=Cache(budget_bytes=1 << 26, max_entries=8)) as runner:
        path = Path(folder) / "out.mp4"
        list(runner.frames(instance, Progress(), stop_secs=0.2))  # load and warm up
        began = time.perf_counter()
        kept = list(runner.frames(instance, Progress(), stop_secs=stop))
        front = (time.perf_counter() - began) / len(kept)
        began = time.perf_counter()
        export(EXPORTERS["mp4"], path, item(kept), Progress())
        back = (time.perf_counter() - began) / len(kept)
        n_frames = len(kept)
        del kept
        began = time.perf_counter()
        frames = runner.frames(instance, Progress(), stop_secs=stop)
        export_all([(EXPORTERS["mp4"], path)], item(frames), {}, Progress())
        whole = (time.perf_counter() - began) / n_frames
    print(
        f"{n_frames} frames: decode and network {front * 1000:.1f} ms a frame, draw and encode {back * 1000:.1f} ms, "
        f"export {whole * 1000:.1f} ms: {max(front, back) / whole:.2f} of the rate of the slower part, "
        f"{(front + back) / whole:.2f} of one after the other"
    )


if __name__ == "__main__":
    main()
