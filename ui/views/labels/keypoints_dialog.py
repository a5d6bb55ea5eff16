"""Dialog that declares the key points of a class: of a usual set, or named one by one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from cvstudio.data.labels import Category, Skeleton
from cvstudio.models.shared.labels import COCO_KEYPOINTS, COCO_SKELETON
from ui.widgets.rows.choice_rows import Combo

WIDTH, HEIGHT = 420, 380
FACE = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
FINGERS = ("thumb", "index", "middle", "ring", "little")
HAND = ("wrist", *(f"{finger} {joint}" for finger in FINGERS for joint in range(1, 5)))
HAND_LINES = tuple(
    (0 if joint == 0 else 4 * finger + joint, 4 * finger + joint + 1) for finger in range(5) for joint in range(4)
)


class KeypointsDialog(QDialog):
    """Names of the key points of a class in their order, and the lines between them.

    Signals
    -------
    chosen : `Skeleton`
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget, category: Category) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Key points of {name}").format(name=category.name))
        self.sets = Combo()
        self.sets.setAccessibleName(self.tr("Set of key points"))
        self.sets.setToolTip(self.tr("Fills in the names and lines of a usual set, which can be changed below"))
        for title, skeleton in (
            (self.tr("Own names"), Skeleton(category.keypoints, category.skeleton)),
            (self.tr("Person, COCO (17 points)"), Skeleton(COCO_KEYPOINTS, COCO_SKELETON)),
            (self.tr("Face (5 points)"), Skeleton(FACE)),
            (self.tr("Hand (21 points)"), Skeleton(HAND, HAND_LINES)),
        ):
            self.sets.addItem(title, skeleton)
        self.names = QPlainTextEdit()
        self.names.setTabChangesFocus(True)
        self.names.setAccessibleName(self.tr("Names of the key points"))
        self.names.setToolTip(self.tr("One name per line, in the order in which the points are placed"))
        self.lines = QLineEdit()
        self.lines.setAccessibleName(self.tr("Lines of the skeleton"))
        self.lines.setPlaceholderText(self.tr("1-2, 2-3"))
        self.lines.setToolTip(
            self.tr("Pairs of points that a line joins, by their numbers from 1 on, such as 1-2, 2-3")
        )
        self.problem = QLabel()
        self.problem.setObjectName("quiet")
        self.problem.setWordWrap(True)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(8)
        layout.addWidget(self.sets)
        layout.addWidget(QLabel(self.tr("Names, one per line")))
        layout.addWidget(self.names, 1)
        layout.addWidget(QLabel(self.tr("Lines between points")))
        layout.addWidget(self.lines)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self.resize(WIDTH, HEIGHT)
        self.sets.currentIndexChanged.connect(lambda _: self._show_set())
        # A class named "person" usually wants those of a person.
        person = category.name.casefold() == "person" and not category.keypoints
        self.sets.setCurrentIndex(1 if person else 0)
        self._show_set()

    def _show_set(self) -> None:
        skeleton: Skeleton = self.sets.currentData()
        self.names.setPlainText("\n".join(skeleton.keypoints))
        self.lines.setText(", ".join(f"{start + 1}-{end + 1}" for start, end in skeleton.lines))

    def skeleton(self) -> Skeleton:
        """What is typed. Raises ValueError, with a sentence for the user."""
        names = [" ".join(line.split()) for line in self.names.toPlainText().splitlines()]
        names = [name for name in names if name]
        if not names:
            raise ValueError(self.tr("Expected the name of a key point on each line, found none."))
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                self.tr("“{name}” is there twice; each key point has a name of its own.").format(name=twice)
            )
        lines = []
        for pair in self.lines.text().replace(";", ",").split(","):
            if not pair.strip():
                continue
            ends = [end.strip() for end in pair.split("-")]
            valid = len(ends) == 2 and all(end.isdecimal() and 1 <= int(end) <= len(names) for end in ends)
            if not valid or ends[0] == ends[1]:
                text = self.tr("A line joins two points, such as 1-2, with numbers up to {count}; found “{pair}”.")
                raise ValueError(text.format(count=len(names), pair=pair.strip()))
            lines.append((int(ends[0]) - 1, int(ends[1]) - 1))
        return Skeleton(tuple(names), tuple(lines))

    def _accept(self) -> None:
        try:
            skeleton = self.skeleton()
        except ValueError as error:
            self.problem.setText(str(error))
            return
        self.accept()
        self.chosen.emit(skeleton)
