"""All commands of the window; menu, palette and shortcuts sheet are made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from cvstudio.media import MediaKind
from ui.base.command import Command
from ui.base.command_words import KOREAN
from ui.base.hold_key import HoldKey
from ui.panels import PANELS
from ui.window.command_groups.compare_commands import compare_commands
from ui.window.command_groups.precision_commands import precision_commands
from ui.window.command_groups.sound_commands import sound_commands
from ui.window.command_groups.step_commands import step_commands
from ui.window.side_columns import SIDES
from ui.window.tools.spatial_commands import spatial_commands
from ui.window.top_bar import FOLD_KEYS

if TYPE_CHECKING:
    from ui.window.window_base import Window


ZOOM_STEP = 1.25
"""Factor of one step of zooming by the keyboard."""


def window_commands(window: Window) -> list[Command]:
    """The commands in the order of their menus."""
    commands = [
        *_file(window),
        *_edit(window),
        *_view(window),
        *_playback(window),
        *step_commands(window.controller),
        *sound_commands(lambda: window.workspace.sound),
        *_help(window),
        *_panels(window),
    ]
    return [replace(command, keywords=(*command.keywords, *KOREAN.get(command.key, ()))) for command in commands]


def _file(window: Window) -> list[Command]:
    tr, project = window.tr, window.project
    export = ("save result", "내보내기")
    labels = ("ground truth", "annotations", "labelled set", "정답", "라벨 열기", "어노테이션")
    return [
        Command("open", tr("Open …"), window.opener.ask_files, "file", ("Ctrl+O",), "folder-open", ("load", "열기")),
        Command("open-folder", tr("Open Folder …"), window.opener.ask_folder, "file", ("Ctrl+Shift+O",), "images"),
        Command(
            "open-labels",
            tr("Open Labels …"),
            window.opener.ask_labels,
            "file",
            (),
            "square",
            (*labels, "COCO", "CVAT", "LabelMe"),
        ),
        Command(
            "open-labels-folder",
            tr("Open Folder of Labels …"),
            window.opener.ask_labels_folder,
            "file",
            (),
            "square",
            (*labels, "YOLO", "Pascal VOC", "masks", "class per folder"),
        ),
        Command(
            "open-camera",
            tr("Open Camera …"),
            window.opener.ask_camera,
            "file",
            (),
            "camera",
            ("webcam", "live", "카메라"),
        ),
        Command(
            "own-model",
            tr("Add Your Own Model …"),
            window.opener.ask_custom_model,
            "file",
            (),
            "plus",
            ("ONNX", "TorchScript", "import", "network", "weights", "YOLO"),
        ),
        Command(
            "checkpoint",
            tr("Use a Checkpoint File …"),
            window.checkpoints.ask,
            "file",
            (),
            "box",
            ("weights", "import", "safetensors", "state dict", "fine-tuned", "가중치"),
        ),
        Command(
            "timm",
            tr("Find a timm Classifier …"),
            window.timm.ask,
            "file",
            (),
            "search",
            ("timm", "PyTorch Image Models", "pretrained", "more models"),
        ),
        Command("paste", tr("Paste Picture or Files"), window.opener.paste, "file", ("Ctrl+V",), "clipboard-paste"),
        Command("project-open", tr("Open Project …"), project.ask_open, "file", (), "", (), True),
        Command("project-save", tr("Save Project"), project.save, "file", ("Ctrl+S",), "save", ("저장",)),
        Command("project-save-as", tr("Save Project As …"), project.save_as, "file", ("Ctrl+Shift+S",)),
        Command("export", tr("Export …"), window.exporting.ask, "file", ("Ctrl+E",), "share", export, True),
        Command("export-again", tr("Export Again"), window.exporting.repeat, "file", ("Ctrl+Shift+E",)),
        Command(
            "export-labels",
            tr("Export Labels …"),
            window.label_export.ask,
            "file",
            (),
            "",
            (
                "annotations",
                "COCO",
                "YOLO",
                "VOC",
                "LabelMe",
                "CVAT",
                "ground truth",
                "레이블 내보내기",
                "라벨 내보내기",
            ),
        ),
        Command("quit", tr("Quit"), window.close, "file", ("Ctrl+Q",), "", (), True),
    ]


def _edit(window: Window) -> list[Command]:
    tr, controller = window.tr, window.controller
    undo, redo, copy = ("되돌리기",), ("다시 실행",), ("screenshot", "복사")
    again = ("Ctrl+Shift+Z", "Ctrl+Y")

    def settings() -> None:
        # Imported with the first look at it: the window must not wait for it.
        from ui.window.settings_page import show_settings

        show_settings(window)

    return [
        Command("undo", tr("Undo"), controller.undo, "edit", ("Ctrl+Z",), "undo-2", undo, repeats=True),
        Command("redo", tr("Redo"), controller.redo, "edit", again, "redo-2", redo, repeats=True),
        Command(
            "labels-edit",
            tr("Edit Labels on the Picture"),
            window.workspace.labels.toggle,
            "edit",
            ("L",),
            "square",
            ("annotate", "draw boxes", "polygon", "brush", "correct ground truth", "레이블 편집"),
            True,
        ),
        Command(
            "labels-new",
            tr("New Labels …"),
            window.begin_labels,
            "edit",
            (),
            "",
            ("annotate", "label pictures", "새 레이블"),
        ),
        Command(
            "new-scene",
            tr("New Scene …"),
            window.opener.ask_scene,
            "edit",
            (),
            "box",
            (
                *("generate", "generated world", "synthetic", "simulated", "render", "room", "street", "figures"),
                *("people", "ground truth", "data set", "새 장면", "장면 생성", "합성 데이터", "가상 세계"),
            ),
        ),
        Command("copy", tr("Copy View"), window.copy_view, "edit", ("Ctrl+C",), "copy", copy, True),
        Command(
            *("settings", tr("Settings …"), settings, "edit", ("Ctrl+,",), "settings"),
            ("preferences", "options", "language", "cache size", "default model", "folders", "환경 설정", "설정"),
            separated=True,
        ),
    ]


def _view(window: Window) -> list[Command]:
    tr, workspace = window.tr, window.workspace
    # A tap of V toggles for good; holding it toggles only while it is held.
    peek = HoldKey(
        window, Qt.Key.Key_V, workspace.toggle_overlay, lambda held: workspace.toggle_overlay() if held else None
    )

    def zoom(factor: float) -> Callable[[], None]:
        def run() -> None:
            if workspace.space is not None and not workspace.area.isVisible():
                workspace.space.view.zoom(factor)
            else:
                workspace.canvas.zoom_to(workspace.canvas.view().scale * factor)

        return run

    def fit() -> None:
        if workspace.space is not None and not workspace.area.isVisible():
            workspace.space.view.fit()
        else:
            workspace.canvas.fit()

    compare = HoldKey(
        window, Qt.Key.Key_C, lambda: workspace.set_original(True), lambda _: workspace.set_original(False)
    )
    return [
        Command("fit", tr("Zoom to Fit"), fit, "view", ("Ctrl+F",), "scan", ("fit", "맞춤")),
        Command(
            *("actual-size", tr("Zoom to 100%"), workspace.canvas.actual_size, "view", ("Ctrl+1",), "maximize"),
            ("actual size", "pixel for pixel", "1:1"),
        ),
        Command(
            *("zoom-in", tr("Zoom In"), zoom(ZOOM_STEP), "view", ("Ctrl++", "Ctrl+="), "zoom-in", ("magnify", "확대")),
            repeats=True,
        ),
        Command(
            "zoom-out", tr("Zoom Out"), zoom(1 / ZOOM_STEP), "view", ("Ctrl+-",), "zoom-out", ("축소",), repeats=True
        ),
        Command(
            "overlay",
            tr("Show or Hide Results"),
            workspace.toggle_overlay,
            "view",
            ("V",),
            "eye",
            ("결과 보기",),
            hold=peek,
        ),
        Command(
            "compare",
            tr("Compare with the Original"),
            workspace.toggle_original,
            "view",
            ("C",),
            "square-split-horizontal",
            ("before after", "original", "비교", "원본"),
            hold=compare,
        ),
        *compare_commands(window),
        Command("masks", tr("Show or Hide Masks"), window.toggle_masks, "view", ("M",), "shapes"),
        Command(
            "full-screen",
            tr("Full Screen"),
            window.toggle_full_screen,
            "view",
            ("F11",),
            "maximize",
            ("전체 화면",),
            separated=True,
        ),
        Command(
            "panels",
            tr("Hide or Show All Panels"),
            window.toggle_all_panels,
            "view",
            ("Ctrl+B",),
            "panel-left",
            ("distraction free", "zen mode"),
        ),
        *_columns(window),
        *_themes(window),
        Command("layout", tr("Reset Panels"), window.reset_layout, "view", (), "", (), True),
        *_files(window),
        *spatial_commands(window),
        *precision_commands(window.controller, window.settings),
    ]


def _themes(window: Window) -> list[Command]:
    tr = window.tr

    def chosen(name: str) -> bool:
        return window.settings.text("theme", "system") == name

    return [
        Command(
            f"theme-{name}",
            title,
            partial(window.set_theme, name),
            "theme",
            (),
            picture,
            words,
            checked=partial(chosen, name),
        )
        for name, title, picture, words in (
            ("dark", tr("Dark Theme"), "moon", ("dark mode", "night", "다크 모드")),
            ("light", tr("Light Theme"), "sun", ("light mode", "라이트 모드")),
            ("system", tr("System Theme"), "monitor", ()),
        )
    ]


def _columns(window: Window) -> list[Command]:
    tr, words = window.tr, ("collapse", "sidebar", "icons", "접기")
    titles = {"left": tr("Fold the Left Column"), "right": tr("Fold the Right Column")}
    return [
        Command(
            f"fold-{side}",
            titles[side],
            partial(window.dock_layout.columns.toggle, side),
            "view",
            (FOLD_KEYS[side],),
            f"panel-{side}",
            words,
            checked=partial(window.dock_layout.columns.folded, side),
        )
        for side in SIDES
    ]


def _files(window: Window) -> list[Command]:
    tr, library = window.tr, window.controller.library

    def step(files: int) -> Callable[[], None]:
        return lambda: library.step(files)

    return [
        Command("next-file", tr("Next File"), step(1), "files", ("PgDown",), "chevron-down", repeats=True),
        Command("previous-file", tr("Previous File"), step(-1), "files", ("PgUp",), "chevron-up", repeats=True),
        Command("search-folder", tr("Search Folder"), window.search_folder, "files", ("Ctrl+Shift+F",), "search"),
        Command("media-layout", tr("File List or Grid"), window.toggle_media_grid, "files", (), "layout-grid"),
        Command("refresh-folder", tr("Refresh Folder"), library.refresh, "files", ("F5",), "rotate-ccw"),
    ]


def _playback(window: Window) -> list[Command]:
    tr, player = window.tr, window.controller.playback
    play = ("start", "stop", "재생")

    def step(count: int) -> Callable[[], None]:
        """Step frames of what moves and files of what does not, as picture viewers do."""

        def run() -> None:
            media = window.controller.session.state.active_media
            if media is None or media.moving or media.kind is MediaKind.AUDIO:
                window.controller.presenter.step(count)
            else:
                window.controller.library.step(count)

        return run

    def smooth() -> None:
        window.controller.set_smooth(not window.controller.presenter.live.smooth)

    def record_sound() -> None:
        from ui.window.tools.sound_recorder import ask_recording

        ask_recording(window)

    return [
        Command("play", tr("Play or Pause"), player.toggle, "play", ("Space",), "play", play),
        Command("step-on", tr("Next Frame"), step(1), "play", ("Right",), "step-forward", repeats=True),
        Command("step-back", tr("Previous Frame"), step(-1), "play", ("Left",), "step-back", repeats=True),
        Command("smooth", tr("Smooth or Exact Playback"), smooth, "play", (), "", ("dropped frames", "real time")),
        Command("snapshot", tr("Save Frame as Picture"), window.snapshots.keep, "play", ("Ctrl+Shift+K",), "camera"),
        Command(
            "record",
            tr("Start or Stop Recording"),
            window.recorder.toggle,
            "play",
            ("Ctrl+R",),
            "circle-dot",
            ("capture", "webcam video", "녹화"),
        ),
        Command(
            "record-sound",
            tr("Record Sound …"),
            record_sound,
            "play",
            (),
            "circle-dot",
            ("microphone", "dictate", "live spectrogram", "마이크", "녹음"),
        ),
        Command("record-discard", tr("Discard the Recording"), window.recorder.discard, keywords=("cancel", "stop")),
        Command("start", tr("Go to Start"), lambda: player.seek(0.0), "play", ("Home",), "skip-back"),
        Command("end", tr("Go to End"), lambda: player.seek(player.duration_secs), "play", ("End",), "skip-forward"),
    ]


def _help(window: Window) -> list[Command]:
    tr = window.tr
    keys = ("hotkeys", "key bindings", "단축키")

    def palette() -> None:
        # Imported with the first search: the window must not wait for it.
        from ui.window.palette_entries import show_palette

        show_palette(window)

    return [
        Command("palette", tr("Command Palette …"), palette, "help", ("Ctrl+Shift+P",), "search"),
        Command("shortcuts", tr("Keyboard Shortcuts"), window.show_shortcuts, "help", ("F1",), "keyboard", keys),
        Command("welcome", tr("Start Page"), window.show_welcome, "help"),
    ]


def _panels(window: Window) -> list[Command]:
    layout = window.dock_layout
    titles = {panel.key: window.docks[panel.key].windowTitle() for panel in PANELS}
    return [
        Command(
            f"panel-{panel.key}",
            window.tr("Show or Hide {panel}").format(panel=titles[panel.key]),
            partial(window.toggle_panel, panel.key),
            "panels",
            (panel.shortcut,) if panel.shortcut else (),
            menu_title=titles[panel.key],
            checked=partial(layout.in_view, panel.key),
        )
        for panel in sorted(PANELS, key=lambda panel: titles[panel.key].casefold())
    ]
