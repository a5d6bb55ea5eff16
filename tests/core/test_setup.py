"""The set-up scripts: what they say and what they call, on machines made of stub commands."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ("install", "with-display", "run")
TOOLS = ("sh", "dirname", "uname", "awk", "du", "cat", "mkdir", "rm", "chmod", "cp", "grep", "sed", "env")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the scripts are for a POSIX shell")

# Stands for the system's Python and, copied, for the environment's: everything real but venv, pip and mend.
PYTHON = f"""#!/bin/sh
case "$*" in
    "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python; echo "$*" >>calls ;;
    "-m pip --version") ;;
    "-m pip"*) echo "$*" >>calls; if [ -e pip-fails ]; then exit 1; fi ;;
    *mend.py) echo mend >>calls ;;
    *) exec {sys.executable} "$@" ;;
esac
"""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"setup_{name}", ROOT / ".setup" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Machine:
    """A checkout on a bare machine: PATH holds a few real tools and the stubs that a test adds."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "a checkout"
        shutil.copytree(ROOT / ".setup", self.checkout / ".setup", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", self.checkout)
        self.table = self.checkout / ".setup" / "system-packages.txt"
        self.table.write_text("", encoding="utf-8")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        self.stub("python3", PYTHON)
        self.disk(500)
        self.user(0)

    def stub(self, name: str, text: str) -> None:
        path = self.bin / name
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)

    def disk(self, gigabytes: int) -> None:
        row = f"/dev/disk 0 0 {gigabytes * 2**20} 1% /"
        self.stub("df", f"echo 'Filesystem 1024-blocks Used Available Capacity Mounted'\necho '{row}'")

    def user(self, number: int) -> None:
        self.stub("id", f"echo {number}")

    def lacks_a_library(self) -> None:
        self.table.write_text("window lib:libnotthere.so.9 libnotthere9 notthere-libs notthere\n", encoding="utf-8")

    def call(
        self, script: str = "install", *arguments: str, timeout_secs: float = 60, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.checkout / ".setup" / script), *arguments],
            env={"PATH": str(self.bin), "HOME": str(self.checkout), "DISPLAY": ":99", **environment},
            capture_output=True,
            text=True,
            timeout=timeout_secs,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        path = self.checkout / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def forget_calls(self) -> None:
        (self.checkout / "calls").unlink(missing_ok=True)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_posix_shell_and_can_be_run(name: str) -> None:
    path = ROOT / ".setup" / name
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert subprocess.run([shutil.which("dash") or "sh", "-n", str(path)], check=False).returncode == 0


def test_a_python_that_is_too_old_is_named(machine: Machine) -> None:
    machine.stub("python3", 'case "$*" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac')
    done = machine.call()
    assert done.returncode == 1
    assert re.search(r"expected Python 3\.11 to 3\.14 .* found 3\.9\.2; install one", done.stderr)
    assert not (machine.checkout / ".venv").exists()


def test_another_python_on_path_is_taken(machine: Machine) -> None:
    shutil.move(machine.bin / "python3", machine.bin / "python3.12")
    machine.stub("python3", "exit 1")
    assert machine.call().returncode == 0


def test_a_full_disk_is_said_before_anything_starts(machine: Machine) -> None:
    machine.disk(3)
    done = machine.call()
    assert done.returncode == 1
    assert re.search(r"needs about \d+ GB in .*a checkout, found 3 GB free; make room", done.stderr)
    assert machine.calls == []


def test_it_sets_up_once_and_then_has_nothing_to_do(machine: Machine) -> None:
    done = machine.call()
    assert done.returncode == 0, done.stderr
    assert re.search(r"at most \d+ GB to download and \d+ GB on disk \(500 GB free\)", done.stdout)
    venv, packages, own = machine.calls
    assert venv == "-m venv --clear .venv"
    assert "--require-hashes" in packages
    assert "-r .setup/requirements.lock" in packages
    assert own.endswith("--no-deps --no-build-isolation -e .")
    machine.forget_calls()
    again = machine.call()
    assert (again.returncode, again.stdout, machine.calls) == (0, "", [])


@pytest.mark.parametrize("name", ["pyproject.toml", ".setup/requirements.lock"])
def test_a_changed_declaration_is_installed(machine: Machine, name: str) -> None:
    machine.call()
    machine.forget_calls()
    with (machine.checkout / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert machine.call().returncode == 0
    assert [call[:14] for call in machine.calls] == ["-m pip install", "-m pip install"]


def test_a_half_finished_installation_is_mended_by_the_next_call(machine: Machine) -> None:
    (machine.checkout / "pip-fails").touch()
    done = machine.call()
    assert done.returncode == 1
    assert "goes on from here" in done.stderr
    (machine.checkout / "pip-fails").unlink()
    machine.forget_calls()
    assert machine.call().returncode == 0
    assert [call[:14] for call in machine.calls] == ["mend", "-m pip install", "-m pip install"]


def test_a_missing_library_is_installed_with_apt_and_sudo(machine: Machine) -> None:
    machine.lacks_a_library()
    machine.user(1000)
    machine.stub("sudo", 'echo "sudo $*" >>calls\nexec "$@"')
    machine.stub("apt-get", 'case "$*" in *libnotthere9*) : >.setup/system-packages.txt ;; esac')
    done = machine.call()
    assert done.returncode == 0, done.stderr
    update, install = (call for call in machine.calls if call.startswith("sudo"))
    assert update == "sudo apt-get update -q"
    assert install.endswith("apt-get install -q -y --no-install-recommends libnotthere9")


def test_apt_is_left_alone_where_nothing_is_missing(machine: Machine) -> None:
    machine.stub("apt-get", "echo apt-get >>calls")
    assert machine.call().returncode == 0
    assert "apt-get" not in machine.calls


def test_who_may_not_install_is_told_what_to_ask_for(machine: Machine) -> None:
    machine.lacks_a_library()
    machine.user(1000)
    machine.stub("apt-get", "exit 1")
    done = machine.call()
    assert done.returncode == 1
    assert "only an administrator can install them: apt-get install libnotthere9" in done.stderr


@pytest.mark.parametrize(
    ("manager", "said"),
    [
        ("dnf", "sudo dnf install notthere-libs"),
        ("pacman", "sudo pacman -S --needed notthere"),
        ("", "(names as in Debian): libnotthere9"),
    ],
)
def test_without_apt_it_says_what_is_missing(machine: Machine, manager: str, said: str) -> None:
    machine.lacks_a_library()
    if manager:
        machine.stub(manager, "exit 1")
    done = machine.call()
    assert done.returncode == 1
    assert said in done.stderr


def test_a_python_without_venv_gets_the_package(machine: Machine) -> None:
    machine.stub("python3", PYTHON.replace("case", 'case "$*" in *ensurepip*) [ -e has-venv ]; exit ;; esac\ncase', 1))
    machine.stub("apt-get", 'echo "apt-get $*" >>calls; : >has-venv')
    assert machine.call().returncode == 0
    assert f"python3.{sys.version_info.minor}-venv" in machine.calls[1]


def test_the_table_of_libraries_is_whole() -> None:
    system = load("system")
    rows = [line.split() for line in system.TABLE.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert all(len(row) == 5 for row in rows)
    assert {row[0] for row in rows} == {"window", "virtual"}
    table = "a lib:libc.so.6 c c c\na cmd:no-such-command one two three\nb cmd:no-such-either x y z\n"
    assert system.missing("dnf", ["a"], table) == ["two"]
    assert system.missing("pacman", ["a", "b"], table) == ["three", "z"]


def test_an_incomplete_package_is_found_out(tmp_path: Path) -> None:
    mend = load("mend")
    info = tmp_path / "thing-1.0.dist-info"
    info.mkdir()
    (tmp_path / "thing.py").write_text("x = 1\n", encoding="utf-8")
    (info / "METADATA").write_text("Name: thing\nVersion: 1.0\n", encoding="utf-8")
    record = info / "RECORD"
    record.write_text("thing.py,,6\nthing-1.0.dist-info/METADATA,,\n__pycache__/thing.pyc,,\n", encoding="utf-8")
    assert mend.is_whole(PathDistribution(info))
    (tmp_path / "thing.py").write_text("x", encoding="utf-8")
    assert not mend.is_whole(PathDistribution(info))
    (tmp_path / "thing.py").unlink()
    assert not mend.is_whole(PathDistribution(info))
    record.unlink()
    assert not mend.is_whole(PathDistribution(info))


def test_with_display_needs_its_tools(machine: Machine) -> None:
    done = machine.call("with-display", "--virtual", "true")
    assert done.returncode == 1
    assert "expected Xvfb on PATH" in done.stderr


def test_with_display_leaves_a_display_that_is_there(machine: Machine) -> None:
    done = machine.call("with-display", "sh", "-c", "echo on $DISPLAY; exit 5", DISPLAY=":7")
    assert (done.returncode, done.stdout) == (5, "on :7\n")


@pytest.mark.skipif(
    not all(shutil.which(tool) for tool in ("Xvfb", "openbox", "xprop")), reason="needs Xvfb, openbox and xprop"
)
def test_with_display_brings_one_up_and_takes_it_down() -> None:
    command = "echo $DISPLAY; xprop -root _NET_SUPPORTING_WM_CHECK _NET_DESKTOP_GEOMETRY; exit 7"
    done = subprocess.run(
        [str(ROOT / ".setup" / "with-display"), "--virtual", "sh", "-c", command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    display, *facts = done.stdout.splitlines()
    assert "window id" in facts[0]
    assert facts[1].endswith("1920, 1200")
    assert not Path(f"/tmp/.X11-unix/X{display.removeprefix(':')}").exists()


def test_the_wheel_holds_core_window_and_resources(tmp_path: Path) -> None:
    for name in ("cvstudio", "ui", "resources"):
        shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "source")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*command, str(tmp_path / "source")], check=True, timeout=100)
    [wheel] = tmp_path.glob("cvstudio-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [scripts] = [name for name in names if name.endswith("entry_points.txt")]
        assert "cvstudio = ui.launch:main" in archive.read(scripts).decode()
    own = {path.relative_to(ROOT).as_posix() for name in ("cvstudio", "ui") for path in (ROOT / name).rglob("*.py")}
    carried = {f"cvstudio/{path.relative_to(ROOT).as_posix()}" for path in (ROOT / "resources").rglob("*.*")}
    assert carried
    assert own | carried <= set(names)


@pytest.mark.skipif(shutil.which("flock") is None, reason="this system has no flock")
def test_two_set_ups_at_once_go_one_after_the_other(machine: Machine) -> None:
    import fcntl

    found = shutil.which("flock")
    assert found is not None
    (machine.bin / "flock").symlink_to(found)
    lock = machine.checkout / ".cache" / "setup.lock"
    lock.parent.mkdir()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(subprocess.TimeoutExpired) as waiting:
            machine.call(timeout_secs=2)
        assert b"another set-up of this folder is running" in (waiting.value.stdout or b"")
        assert machine.calls == []
    assert machine.call().returncode == 0
    assert any("pip install" in call for call in machine.calls)


def test_the_program_tells_the_version_of_the_package() -> None:
    import cvstudio
    from cvstudio.foundation.version import __version__

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert cvstudio.__version__ == __version__ == declared
