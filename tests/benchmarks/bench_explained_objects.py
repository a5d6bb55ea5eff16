"""Why this detection? The map's top tenth against a random tenth, on a hundred objects of coco128.

Run it: `PYTHONPATH=. .venv/bin/python tests/benchmarks/bench_explained_objects.py [DATA] [COUNT]`; DATA is by default
../shared/data.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.explained_objects import drops_of_tenths

DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("../shared/data")
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 100


def main() -> None:
    drops = drops_of_tenths(DATA / "coco128" / "images", COUNT)
    top, chance = drops.T
    print(f"{len(drops)} objects of coco128, the embedded detector, share of the score that is lost with a tenth:")
    print(f"  the map's top tenth  {top.mean():.3f}")
    print(f"  a random tenth       {chance.mean():.3f}")
    print(f"  the map's is the larger for {(top > chance).sum()} of {len(drops)}")


if __name__ == "__main__":
    main()
