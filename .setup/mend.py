"""Forget the packages that an interrupted installation left incomplete, so that pip takes them anew.

pip counts a package as installed once its metadata is there, whether or not its files are.
"""

from __future__ import annotations

import shutil
from importlib.metadata import Distribution, distributions
from pathlib import Path


def is_whole(distribution: Distribution) -> bool:
    """Whether every file that the package's RECORD lists is there with its size. Byte code does not count."""
    files = distribution.files
    if not files or distribution.read_text("RECORD") is None:
        return False
    for file in files:
        if file.suffix == ".pyc":
            continue
        path = Path(str(distribution.locate_file(file)))
        if not path.is_file() or (file.size is not None and path.stat().st_size != file.size):
            return False
    return True


def main() -> None:
    """Remove the metadata of every incomplete package and say which they were."""
    for distribution in list(distributions()):
        folder = getattr(distribution, "_path", None)
        if isinstance(folder, Path) and folder.suffix == ".dist-info" and not is_whole(distribution):
            print(f"cvstudio: {folder.stem} is incomplete and is installed again")
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
