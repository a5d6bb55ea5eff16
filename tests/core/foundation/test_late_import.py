"""A library is executed with its first use, and not with its import."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from cvstudio.foundation.late_import import execute, import_when_used

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package with a submodule, which nothing has imported yet."""
    package = tmp_path / "cvstudio_late"
    package.mkdir()
    (package / "__init__.py").write_text('"""Late."""\nfrom cvstudio_late.part import VALUE\nTWICE = 2 * VALUE\n')
    (package / "part.py").write_text("VALUE = 21\n")
    monkeypatch.syspath_prepend(tmp_path)
    # PySide6, which pytest's plugin imports, looks at each module that is imported.
    monkeypatch.setattr(builtins, "__import__", getattr(builtins, "__orig_import__", builtins.__import__))
    for name in ("cvstudio_late", "cvstudio_late.part"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return package.name


def test_imports_do_not_execute_it_and_the_first_use_does(library: str) -> None:
    import_when_used(library)
    first, second = __import__(library), __import__(library)
    assert first is second
    assert "cvstudio_late.part" not in sys.modules
    assert first.TWICE == 42
    assert sys.modules[library] is first
    assert first.__doc__ == "Late."
    assert type(first) is type(sys)


def test_a_submodule_executes_it(library: str) -> None:
    import_when_used(library)
    part = __import__(f"{library}.part", fromlist=["VALUE"])
    assert part.VALUE == 21
    assert sys.modules[library].part is part
    assert sys.modules[library].TWICE == 42


def test_it_is_executed_when_told(library: str) -> None:
    import_when_used(library)
    execute(library)
    assert "cvstudio_late.part" in sys.modules


def test_what_is_imported_already_stays_and_what_is_missing_fails_as_ever(library: str) -> None:
    imported = __import__(library)
    import_when_used(library)
    assert sys.modules[library] is imported
    import_when_used("cvstudio_missing")
    with pytest.raises(ModuleNotFoundError, match="cvstudio_missing"):
        __import__("cvstudio_missing")


def test_numpy_works_as_ever(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from cvstudio.foundation.late_import import import_when_used\n"
        "import_when_used('numpy')\n"
        "import numpy as np\n"
        "assert 'numpy._core' not in sys.modules\n"
        "import cv2\n"
        "assert np.linalg.det(np.eye(3)) == 1.0 and cv2.countNonZero(np.eye(3)) == 3\n"
        "assert np.__version__ == __import__('importlib.metadata').metadata.version('numpy')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
