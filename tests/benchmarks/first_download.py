"""Sum what ``make run`` downloads on a bare machine with Linux: one file of each package of the lock.

uv tells names and sizes (``pip install uv``, as ``make lock`` does); which file pip takes is told by the tags of this
Python. ``--wheel`` builds the program's own wheel and weighs that, too.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from packaging.markers import Marker
from packaging.tags import sys_tags
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / ".setup" / "requirements.lock"
CUDA = ("nvidia-", "cuda-", "triton")
"""Beginnings of the names of packages that torch brings for NVIDIA's cards."""


def locked_packages(folder: Path) -> list[dict[str, Any]]:
    """Packages of the lock with the name and the size of each of their files (PEP 751)."""
    path = folder / "pylock.toml"
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--extra", "dev", "--universal"]
    command += ["--python-version", "3.11", "--constraints", str(LOCK), "--format", "pylock.toml", "--quiet"]
    subprocess.run([*command, "-o", str(path)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    packages: list[dict[str, Any]] = tomllib.loads(path.read_text(encoding="utf-8"))["packages"]
    return packages


def chosen_bytes(package: Mapping[str, Any], ranks: Mapping[Any, int]) -> int:
    """Size of the file of a package that pip takes: the wheel whose tag ranks best, or else its source."""
    sizes: dict[int, int] = {}
    for wheel in package.get("wheels", ()):
        tags = parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]
        fitting = [ranks[tag] for tag in tags if tag in ranks]
        if fitting:
            sizes.setdefault(min(fitting), wheel["size"])
    return sizes[min(sizes)] if sizes else int(package["sdist"]["size"])


def report(sizes: Mapping[str, int], most: int) -> Iterable[str]:
    """Lines of the largest packages and of the sums, in megabytes (10⁶ bytes)."""
    for name in sorted(sizes, key=lambda name: -sizes[name])[:most]:
        yield f"{name:<36} {sizes[name] / 1e6:8.1f} MB"
    cuda = {name: size for name, size in sizes.items() if name.startswith(CUDA)}
    yield f"{f'{len(cuda)} for NVIDIA cards':<36} {sum(cuda.values()) / 1e6:8.1f} MB"
    yield f"{f'all {len(sizes)} packages':<36} {sum(sizes.values()) / 1e6:8.1f} MB"


def wheel_report(folder: Path) -> Iterable[str]:
    """Lines of the program's own wheel."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (path,) = folder.glob("*.whl")
    yield f"{path.name:<36} {path.stat().st_size / 1e6:8.1f} MB"
    with ZipFile(path) as wheel:
        models = {
            info.filename: info.compress_size for info in wheel.infolist() if "resources/models/" in info.filename
        }
    yield f"{'  its embedded models':<36} {sum(models.values()) / 1e6:8.1f} MB"


def main() -> None:
    """Print the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=15, help="packages to print, the largest first")
    parser.add_argument("--wheel", action="store_true", help="build the program's own wheel, too")
    options = parser.parse_args()
    ranks = {tag: rank for rank, tag in enumerate(sys_tags())}
    with tempfile.TemporaryDirectory() as name:
        sizes: dict[str, int] = {}
        for package in locked_packages(Path(name)):
            # A package may be locked in one version for some machines and in another for others.
            if "marker" not in package or Marker(package["marker"]).evaluate():
                sizes[package["name"]] = chosen_bytes(package, ranks)
        lines = [*report(sizes, options.most), *(wheel_report(Path(name)) if options.wheel else ())]
    print("\n".join(lines))


if __name__ == "__main__":
    main()
