"""What every test stands on: its own settings and caches, real data where it is, and a watch for what is left over."""

from __future__ import annotations

import builtins
import gc
import importlib.util
import io
import itertools
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

ROOT = Path(__file__).resolve().parent.parent
XDG = ("CONFIG", "CACHE", "DATA", "STATE")
# Set before anything is imported, so that what runs at import or once a session cannot touch the user's own files.
SESSION_HOME = Path(tempfile.mkdtemp(prefix="cvstudio-tests-"))


def _module(name: str) -> ModuleType:
    """The module `tests/NAME.py`; its `__file__` is a program."""
    path = ROOT / "tests" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _environment_of(home: Path) -> dict[str, str]:
    folders = {f"XDG_{name}_HOME": str(home / name.lower()) for name in XDG}
    return {"HOME": str(home), "USERPROFILE": str(home), "TORCH_HOME": str(home / "torch"), **folders}


os.environ.update(_environment_of(SESSION_HOME), XDG_RUNTIME_DIR=str(SESSION_HOME / "runtime"))
(SESSION_HOME / "runtime").mkdir(mode=0o700)
displays = _module("displays")
displays.use_none()
# As the program itself does: without it tests that run beside each other take many times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Processes beside each other share the cores out, or each would compute on all of them.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    share = max(1, (os.cpu_count() or 1) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    os.environ.update(OMP_NUM_THREADS=str(share), OPENBLAS_NUM_THREADS=str(share))


def pytest_sessionstart() -> None:
    # As the program does. The plugin for Qt has imported PySide6, whose own import would be called for each import
    # statement within a function: hundreds of thousands of times while torch traces networks.
    from ui.environment import import_as_ever

    import_as_ever()


def pytest_unconfigure() -> None:
    # Else libraries that count what they made say at the end that it leaked.
    gc.unfreeze()
    shutil.rmtree(SESSION_HOME, ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, as tests of windows wait much of their time; each takes up to 3 GB."""
    return min((os.cpu_count() or 1) + 1, 8)


def pytest_collection_finish() -> None:
    _keep_what_is_imported()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    yield
    if len(sys.modules) > _kept[-1] + 100:
        _keep_what_is_imported()


def _keep_what_is_imported() -> None:
    """Modules stay, so collecting garbage need not look through them: with torch's that is half a second each time,
    and it is done whenever a network is dropped, which is after most tests."""
    gc.collect()
    gc.freeze()
    _kept.append(len(sys.modules))


_kept: list[int] = []


_home_numbers = itertools.count()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for this test: settings, logs and torch's hub folder are under it.

    The cache alone is the session's: making the samples anew for each test would take minutes.
    """
    # Not pytest's numbered folder, for which all that there are yet are listed: thousands.
    folder = SESSION_HOME / "homes" / str(next(_home_numbers))
    folder.mkdir(parents=True)
    for name, value in _environment_of(folder).items():
        if name != "XDG_CACHE_HOME":
            monkeypatch.setenv(name, value)
    return folder


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Path]]:
    """`forbidden(path)` takes the permission to read a file, or to list and search a folder; returns the path."""
    paths: list[Path] = []

    def forbid(path: Path) -> Path:
        paths.append(path)
        path.chmod(0)
        return path

    def check(name: Any, *, itself: bool) -> None:
        if isinstance(name, str | os.PathLike):
            asked = Path(os.path.abspath(name))
            if any(path in asked.parents or (itself and path == asked) for path in paths):
                raise PermissionError(13, "Permission denied", str(name))

    def guarded(function: Callable[..., Any], *, itself: bool) -> Callable[..., Any]:
        def call(name: Any = ".", *args: Any, **options: Any) -> Any:
            check(name, itself=itself)
            return function(name, *args, **options)

        return call

    if os.geteuid() == 0:  # the superuser may read everything
        for owner, name in ((os, "stat"), (os, "scandir"), (os, "listdir"), (io, "open"), (builtins, "open")):
            monkeypatch.setattr(owner, name, guarded(getattr(owner, name), itself=name != "stat"))
    yield forbid
    monkeypatch.undo()
    for path in paths:
        path.chmod(0o700)


@pytest.fixture(autouse=True, scope="session")
def one_precision() -> Iterator[None]:
    """Networks compute in float32, channels last and through torch, as if that had been measured to be the fastest.

    What is taken else depends on how busy this machine is, and each network of a test's own is measured for seconds.
    """

    def least_secs(precisions: Sequence[Any], secs: Callable[[Any], float]) -> dict[Any, float]:
        return {precision: 0.5**index for index, precision in enumerate(precisions)}

    # For the session, as results that several tests share are made before any fixture of a test.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cvstudio.models.runtime.precision._least_secs", least_secs)
        patch.setattr("cvstudio.models.runtime.precision._bfloat16", lambda device: False)
        patch.setattr("cvstudio.models.runtime.openvino.version", lambda: "")
        yield


@pytest.fixture(scope="session")
def data() -> Callable[..., Path]:
    """`data(*parts) -> Path` of real test data; skips, saying why, where it is absent."""
    base = Path(os.environ.get("CVSTUDIO_DATA") or ROOT.parent / "shared" / "data")

    def find(*parts: str) -> Path:
        path = base.joinpath(*parts)
        if not path.exists():
            pytest.skip(f"needs {'/'.join(parts)} in ../shared/data or $CVSTUDIO_DATA")
        return path

    return find


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The module `tests/fake_training.py`."""
    return _module("fake_training")


@pytest.fixture
def new_inputs() -> Iterator[ModuleType]:
    """The module `tests/new_inputs.py`, its analyses registered for this test."""
    from cvstudio.analyses import ANALYSES

    module = _module("new_inputs")
    with ANALYSES.lend(*module.ALL):
        yield module


@pytest.fixture
def colour_models() -> Iterator[ModuleType]:
    """The module `tests/colour_models.py`, its models registered for this test."""
    from cvstudio.models import MODELS

    module = _module("colour_models")
    with MODELS.lend(*module.ALL):
        yield module


@pytest.fixture
def shared_stages(tmp_path: Path) -> Iterator[ModuleType]:
    """The module `tests/shared_stages.py`, its analyses and models registered for this test."""
    from cvstudio.analyses import ANALYSES
    from cvstudio.models import MODELS

    module = _module("shared_stages")
    module.RUNS.of.clear()
    module.KEYS.of.clear()
    checkpoint = tmp_path / "means.pth"
    checkpoint.write_bytes(b"means")
    with ANALYSES.lend(*module.ANALYSES_OF_IT), MODELS.lend(*module.models(checkpoint)):
        yield module


@pytest.fixture
def blob_finder() -> ModuleType:
    """The module `tests/blob_finder.py`: a detector of bright rectangles, and clips of them."""
    module = _module("blob_finder")
    module.SEEN.clear()
    return module


@pytest.fixture
def patch_finder() -> Iterator[ModuleType]:
    """The module `tests/patch_finder.py`, its analysis registered for this test."""
    from cvstudio.analyses import ANALYSES

    module = _module("patch_finder")
    with ANALYSES.lend(module.FIND):
        yield module


@pytest.fixture
def patch_picture(tmp_path: Path, patch_finder: ModuleType) -> Path:
    """A picture, alone in its folder, with the patch."""
    from PIL import Image

    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(patch_finder.pixels_of_picture()).save(folder / "patch.png")
    return folder / "patch.png"


@pytest.fixture
def numbered_clip(tmp_path: Path) -> Path:
    """A video of 24 frames, 12 a second, of one grey each: 10 times the number of the frame."""
    import av
    import numpy as np

    path = tmp_path / "numbered.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=12)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.bit_rate = 4_000_000
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with three pictures of one colour each, and a text."""
    from PIL import Image

    folder = tmp_path / "그림들"
    folder.mkdir()
    for name, colour in (("1.png", (200, 0, 0)), ("2.png", (0, 200, 0)), ("10.png", (0, 0, 200))):
        Image.new("RGB", (40, 24), colour).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def sketch() -> Iterator[ModuleType]:
    """The module `tests/fake_sketch.py`, with its analysis registered."""
    from cvstudio.analyses import ANALYSES

    module = _module("fake_sketch")
    with ANALYSES.lend(module.SKETCH):
        yield module


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """The module `tests/hostile_server.py`: what a server may do to a download."""
    return _module("hostile_server")


@pytest.fixture
def server(hostile: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A `hostile_server.Server` on this machine, reached without a proxy."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    made = hostile.Server()
    yield made
    made.close()


@pytest.fixture
def hub_server(server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`server` as an endpoint of the Hugging Face hub: it answers HEAD as the hub does, and GET by its script."""
    server.become_hub()
    monkeypatch.setenv("HF_ENDPOINT", server.base)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    return server


@pytest.fixture
def digits(fake: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the digits; their recipe and model are registered, and runs are kept under the test's folder."""
    from cvstudio.models import MODELS
    from cvstudio.training import RECIPES

    monkeypatch.setenv("CVSTUDIO_TRAINING", str(tmp_path / "runs"))
    monkeypatch.delenv("CVSTUDIO_DATA", raising=False)
    with RECIPES.lend(fake.RECIPE), MODELS.lend(fake.SPEC):
        yield fake.write_data(tmp_path / "data")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run share; what one makes there under a lock, the others find."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(autouse=True, scope="session")
def samples_once(run_folder: Path) -> Iterator[None]:
    """Samples are made once a run: the process that needs one first makes it, and the others find it."""
    from cvstudio.media.examples import files as samples

    kept = run_folder / "samples"
    kept.mkdir(exist_ok=True)
    own = SESSION_HOME / "cache" / "cvstudio" / "samples"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.symlink_to(kept, target_is_directory=True)

    def once(file: str, make: Callable[[Path, Any], None]) -> Callable[[Path, Any], None]:
        def made(folder: Path, progress: Any) -> None:
            if folder.resolve().parent != kept:
                make(folder, progress)
                return
            with FileLock(kept / "lock"):
                if not (folder / file).exists():
                    make(folder, progress)

        return made

    with pytest.MonkeyPatch.context() as patch:
        for key, make in samples._GENERATORS.items():
            patch.setitem(samples._GENERATORS, key, once(samples.sample(key).file, make))
        yield


@pytest.fixture(scope="session")
def display(run_folder: Path) -> None:
    """A display of this process's own; where that cannot be had, windows open nowhere."""
    if displays.is_possible():
        displays.use(displays.start(run_folder / "display.lock"))


@pytest.fixture(scope="session")
def qapp(display: None) -> QApplication:
    """The application as the program makes it; pytest-qt's own would lack theme and translation."""
    from ui import environment

    environment.prepare()
    from ui.app import make_application

    return make_application()


@pytest.fixture(autouse=True)
def own_settings(request: pytest.FixtureRequest, home: Path) -> None:
    """Qt reads $XDG_CONFIG_HOME once only, so each test of the window is told its settings folder."""
    if _is_window_test(request):
        from PySide6.QtCore import QSettings

        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(home / "config"))


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest, own_settings: None) -> Iterator[None]:
    """Fails a test under tests/ui that leaves a top-level widget, a thread or a running timer behind."""
    if not _is_window_test(request):
        yield
        return
    request.getfixturevalue("qapp")
    before = Leftovers()
    yield
    left = before.since()
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


@pytest.fixture
def leftovers() -> type[Leftovers]:
    """The watch itself, so that a test can show that it sees."""
    return Leftovers


def _is_window_test(request: pytest.FixtureRequest) -> bool:
    return "ui" in request.node.path.relative_to(ROOT).parts


class Leftovers:
    """What exists now, to be compared with what exists after a test.

    Qt's own passing windows (tool tips) and daemon threads of libraries do not count; a daemon thread of ours,
    named "cvstudio…", does.
    """

    IGNORED = ("QTipLabel", "QComboBoxPrivateContainer")
    WAIT_SECS = 3.0

    def __init__(self) -> None:
        self._settle()
        self._widgets, self._timers, self._threads = self._widgets_now(), self._timers_now(), self._threads_now()

    @staticmethod
    def _settle() -> None:
        from PySide6.QtCore import QCoreApplication, QEvent, QThreadPool

        QThreadPool.globalInstance().waitForDone(2000)
        for _ in range(3):
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
            QCoreApplication.processEvents()

    @classmethod
    def _widgets_now(cls) -> list[Any]:
        from PySide6.QtWidgets import QApplication

        found = QApplication.topLevelWidgets()
        return [item for item in found if item.parent() is None and item.metaObject().className() not in cls.IGNORED]

    @staticmethod
    def _timers_now() -> list[Any]:
        import shiboken6
        from PySide6.QtCore import QTimer

        return [item for item in shiboken6.getAllValidWrappers() if isinstance(item, QTimer) and item.isActive()]

    @staticmethod
    def _threads_now() -> list[threading.Thread]:
        return [item for item in threading.enumerate() if not item.daemon or item.name.startswith("cvstudio")]

    def _found(self) -> list[str]:
        widgets = [
            f"widget {type(item).__name__} '{item.objectName() or item.windowTitle()}'"
            for item in self._widgets_now()
            if not any(item is other for other in self._widgets)
        ]
        timers = [
            f"timer of {type(item.parent()).__name__ if item.parent() else 'nobody'}, {item.interval()} ms"
            for item in self._timers_now()
            if not any(item is other for other in self._timers)
        ]
        threads = [f"thread {item.name}" for item in self._threads_now() if item not in self._threads]
        return widgets + timers + threads

    def since(self) -> list[str]:
        """One line for each thing that was not there before and does not go within a moment."""
        deadline = time.monotonic() + self.WAIT_SECS
        self._settle()
        found = self._found()
        while found and time.monotonic() < deadline:
            # Cycles between Python and Qt go only when they are collected; slow, so not where nothing is left.
            gc.collect()
            self._settle()
            found = self._found()
            time.sleep(0.02)
        return found
