"""Each trap that the dependencies lay, and that it is not stepped into."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / ".setup" / "requirements.lock"


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter from the root of the checkout."""
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def entries() -> list[str]:
    """Every entry of the lock file with its hashes, without comments."""
    text = re.sub(r"^\s*#.*\n", "", LOCK.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [entry for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE) if entry.strip()]


def locked() -> dict[str, str]:
    """Versions that the lock file has for this Python and system, by package name."""
    from packaging.requirements import Requirement

    wanted = [Requirement(entry.split("\\")[0].strip()) for entry in entries()]
    return {
        item.name: next(iter(item.specifier)).version
        for item in wanted
        if item.marker is None or item.marker.evaluate()
    }


def specifier(package: str) -> str:
    """What pyproject.toml demands of `package`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [found] = [item for item in project["dependencies"] if re.match(rf"{package}\b", item)]
    return str(found).removeprefix(package)


def allows(package: str, version: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return version in SpecifierSet(specifier(package))


def test_python_is_new_enough() -> None:
    assert sys.version_info >= (3, 11)


def test_opencv_is_below_5_and_has_its_classical_detectors() -> None:
    import cv2

    assert int(cv2.__version__.split(".")[0]) == 4
    assert allows("opencv-python", "4.14.0")
    assert not allows("opencv-python", "5.0.0")
    hog = cv2.HOGDescriptor()
    hog.setSVMDetector(cv2.HOGDescriptor_getDefaultPeopleDetector())
    assert hog.checkDetectorSize()
    for name in ("frontalface_default", "frontalface_alt2", "profileface", "eye", "upperbody", "fullbody"):
        cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / f"haarcascade_{name}.xml"))
        assert not cascade.empty(), name


def test_no_headless_opencv_shadows_the_full_one() -> None:
    installed = {item.name.lower().replace("_", "-") for item in importlib.metadata.distributions()}
    for names in (installed, set(locked())):
        assert "opencv-python" in names
        assert not {"opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"} & names


@pytest.mark.parametrize("version", ["6.10.2", "6.11.0", "6.11.1", "6.12.0", "6.12.1", "6.13.0"])
def test_the_broken_qt_versions_are_shut_out(version: str) -> None:
    assert not allows("PySide6", version)


def test_the_installed_and_the_locked_qt_are_allowed() -> None:
    import PySide6

    assert allows("PySide6", PySide6.__version__)
    assert allows("PySide6", locked()["pyside6"])


def test_two_thousand_signals_do_not_abort() -> None:
    code = """
from PySide6.QtCore import QCoreApplication, QObject, Signal
class Sender(QObject):
    sent = Signal(object)
app, sender, seen = QCoreApplication([]), Sender(), []
sender.sent.connect(seen.append)
for number in range(2000):
    sender.sent.emit(number)
assert seen == list(range(2000))
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


def test_importing_cv2_alone_does_point_qt_elsewhere() -> None:
    # The trap itself: once this fails, `ui.environment.prepare` has nothing left to undo.
    if sys.platform != "linux":
        pytest.skip("the wheels carry a Qt of their own on Linux only")
    done = run_python("import cv2, os; print(os.environ['QT_QPA_PLATFORM_PLUGIN_PATH'])")
    assert "cv2" in Path(done.stdout.strip()).parts, done.stderr


def test_the_application_starts_after_cv2_with_its_own_plugins() -> None:
    code = """
import os
import cv2
from ui import environment
environment.prepare()
for name in environment.QT_VARIABLES:
    assert "cv2" not in os.environ.get(name, ""), name
from PySide6.QtGui import QImageReader
from PySide6.QtWidgets import QApplication, QLabel
app = QApplication([])
environment.after_application()
assert QImageReader.allocationLimit() == environment.ALLOCATION_LIMIT_MB
label = QLabel("text")
label.show()
app.processEvents()
print("started on", app.platformName())
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert "started on" in done.stdout


def test_a_plugin_path_of_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    from ui import environment

    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/somewhere/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/somewhere/cv2/qt/fonts")
    environment.prepare()
    assert os.environ["QT_QPA_PLATFORM_PLUGIN_PATH"] == "/somewhere/plugins"
    assert "QT_QPA_FONTDIR" not in os.environ


def test_qt_takes_pictures_over_256_mb(qapp: object) -> None:
    from PySide6.QtGui import QImageReader

    largest_picture_bytes = 200_000_000 * 4
    assert QImageReader.allocationLimit() * 2**20 >= largest_picture_bytes


def test_openexr_is_allowed_before_cv2_comes() -> None:
    code = """
import sys
import cvstudio
assert "cv2" not in sys.modules
import cv2
import numpy as np
depth = np.linspace(0, 9, 12, dtype=np.float32).reshape(3, 4)
done, data = cv2.imencode(".exr", depth)
assert done
assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), depth)
"""
    without = {"OPENCV_IO_ENABLE_OPENEXR": ""}
    done = run_python("import os; del os.environ['OPENCV_IO_ENABLE_OPENEXR']\n" + code, **without)
    assert done.returncode == 0, done.stderr


def test_torch_and_torchvision_are_a_pair() -> None:
    import torch
    import torchvision
    from packaging.requirements import Requirement

    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [1.0, 1.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]])
    kept = torchvision.ops.nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5)
    assert kept.tolist() == [0, 2]
    # In one process, so that a torch which torchvision was not built for shows here and not at a user's.
    wanted = [Requirement(item) for item in importlib.metadata.requires("torchvision") or []]
    [pair] = [item for item in wanted if item.name == "torch"]
    assert torch.__version__.split("+")[0] in pair.specifier
    assert locked()["torch"] in pair.specifier
    assert locked()["torchvision"].split("+")[0] == torchvision.__version__.split("+")[0]


def test_pycocotools_codes_without_the_array_class_that_numpy_warns_of() -> None:
    # Its masks and boxes are of a class from before NumPy 2; the example is from the head of its maskApi.h.
    code = """
import numpy as np
from pycocotools import mask
from cvstudio.exporters.coco import compressed
assert compressed([6, 1, 40, 4, 5, 4, 5, 4, 21]) == "61X13mN000`0"
try:
    np.asarray(mask.decode({"size": [1, 5], "counts": b"05"}))
except DeprecationWarning:
    print("warned")
"""
    done = run_python(code, PYTHONWARNINGS="error::DeprecationWarning")
    assert done.returncode == 0, done.stderr
    # Once it does not, the marks that ignore it in the tests of masks and of exchange formats can go.
    assert done.stdout.strip() == "warned"


def test_the_native_libraries_of_the_system_are_there() -> None:
    done = run_python("import open3d, sounddevice, PySide6.QtOpenGLWidgets")
    assert done.returncode == 0, done.stderr


def test_the_lock_is_hashed_and_names_no_host() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, re.MULTILINE)
    assert len(entries()) > 50
    for entry in entries():
        assert re.match(r"[a-z0-9._-]+==[0-9]", entry), entry
        assert "--hash=sha256:" in entry, entry


COMPILED = frozenset(("pesq",))
"""Extras whose packages have no wheels: a bare machine has no compiler, so nothing that is locked may want them."""


def test_the_lock_holds_what_the_project_asks_for() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert not COMPILED & locked().keys()
    wheels = {name: extra for name, extra in extras.items() if name not in COMPILED}
    for text in (*project["dependencies"], *(wanted for extra in wheels.values() for wanted in extra)):
        wanted = Requirement(text)
        if wanted.name == project["name"]:
            assert wanted.extras <= set(extras)
            continue
        assert locked()[wanted.name.lower().replace("_", "-")] in wanted.specifier, text
