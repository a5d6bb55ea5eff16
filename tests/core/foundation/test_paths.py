"""The files that come with the program: found in a checkout and in a wheel, whole, and licensed."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import unicodedata
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from cvstudio.foundation import paths as resources
from cvstudio.foundation.paths import resource, user_cache_dir, user_log_dir

FONTS = ("CVStudioSans-Regular.otf", "CVStudioSans-Bold.otf")
ICONS = sorted(path for path in resource("icons").glob("*.svg") if path.stem != "cvstudio")
SVG = "{http://www.w3.org/2000/svg}"


def _copy_of_module(package: Path) -> ModuleType:
    room = package / "foundation"
    room.mkdir(parents=True)
    source = shutil.copy(resources.__file__, room / "paths.py")
    spec = importlib.util.spec_from_file_location("copied_resources", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_checkout_has_its_resources_beside_the_package(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    (tmp_path / "resources" / "a.txt").write_text("beside")
    module = _copy_of_module(tmp_path / "cvstudio")
    assert module.resource("a.txt").read_text() == "beside"


def test_an_installed_package_has_its_resources_inside(tmp_path: Path) -> None:
    # A folder of that name beside the package (in site-packages) belongs to somebody else.
    (tmp_path / "resources").mkdir()
    module = _copy_of_module(tmp_path / "cvstudio")
    inside = tmp_path / "cvstudio" / "resources"
    inside.mkdir()
    (inside / "a.txt").write_text("inside")
    assert module.resource("a.txt").read_text() == "inside"


def test_a_missing_resource_is_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.svg is missing; install it again"):
        resource("icons", "absent.svg")


@pytest.mark.skipif(sys.platform != "linux", reason="XDG variables are a convention of Linux")
def test_folders_of_the_user_follow_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    assert user_cache_dir() == tmp_path / "cache" / "cvstudio"
    assert user_log_dir() == tmp_path / "state" / "cvstudio" / "log"
    assert not list(tmp_path.iterdir()), "asking for a folder must not make it"


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_is_tinted_by_the_theme(path: Path) -> None:
    root = ET.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    assert root.get("viewBox") == "0 0 24 24"
    colors = {node.get(name) for node in root.iter() for name in ("stroke", "fill")} - {None}
    assert colors <= {"currentColor", "none"}
    assert "currentColor" in colors


def test_icons_are_licensed_and_small() -> None:
    assert len(ICONS) >= 80
    text = resource("icons", "LICENSE-lucide.txt").read_text("utf-8")
    assert "ISC License" in text
    assert "Lucide Icons and Contributors" in text
    assert "Cole Bemis" in text
    assert sum(path.stat().st_size for path in ICONS) < 100_000


def test_the_mark_is_drawn_in_the_accent() -> None:
    path = resource("icons", "cvstudio.svg")
    root = ET.parse(path).getroot()
    assert root.get("viewBox") == "0 0 256 256"
    # Qt draws SVG Tiny 1.2, which has neither masks nor clips nor filters.
    tags = {node.tag.removeprefix(SVG) for node in root.iter()}
    assert tags <= {"svg", "title", "defs", "linearGradient", "stop", "rect", "path", "circle"}


@pytest.mark.parametrize("name", FONTS)
def test_the_face_has_latin_korean_and_tabular_figures(name: str) -> None:
    from PIL import ImageFont

    path = resource("fonts", name)
    assert path.stat().st_size < 2_500_000
    font = ImageFont.truetype(path, 100)
    assert font.getname() == ("CVStudio Sans", name.removesuffix(".otf").split("-")[1])
    assert len({font.getlength(digit) for digit in "0123456789"}) == 1
    missing = font.getmask("\U0010fffd").getbbox(), font.getlength("\U0010fffd")
    ascii_and_latin = [chr(code) for code in (*range(0x21, 0x7F), *range(0xA1, 0x100)) if code != 0xAD]
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4, 97)]
    jamo = sorted({part for syllable in syllables for part in unicodedata.normalize("NFD", syllable)})
    symbols = list("→←↑↓⌘⇧•…×÷±²³°µ≤≥≈≠∞√−Σπσ─│█■▲▶●✓₩€–—“”‘’·")
    for text in ascii_and_latin + syllables + jamo + symbols:
        assert (font.getmask(text).getbbox(), font.getlength(text)) != missing, f"U+{ord(text):04X}"


def test_the_face_is_licensed() -> None:
    text = resource("fonts", "OFL.txt").read_text("utf-8")
    assert text.startswith("Copyright 2014-2021 Adobe")
    assert "SIL OPEN FONT LICENSE Version 1.1" in text
    assert "TERMINATION" in text
