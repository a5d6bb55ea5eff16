"""The one style sheet. `ui.base.theme` fills in the colours; sizes keep to a grid of 4 and 8 pixels."""

from __future__ import annotations

STYLE_SHEET = """
QMainWindow, QDialog { background: $panel; }
QMainWindow::separator { background: $window; width: 4px; height: 4px; }
QMainWindow::separator:hover { background: $accent; }
QDockWidget > QWidget { background: $panel; }
QDockWidget::title { background: $panel; padding: 8px 8px 4px 8px; text-align: left; }
QDockWidget {
    color: $quiet; border: 1px solid $edge;
    titlebar-close-icon: url("$x"); titlebar-normal-icon: url("$copy");
}
QWidget#section-title { background: $panel; border-top: 1px solid $window; }
QDockWidget::close-button, QDockWidget::float-button {
    border: none; border-radius: 4px; padding: 0; icon-size: 20px;
    subcontrol-origin: margin; position: absolute; top: 8px; width: 20px; height: 20px;
    min-width: 20px; min-height: 20px;
}
QDockWidget::close-button { right: 8px; }
QDockWidget::float-button { right: 32px; }
QDockWidget::close-button:hover, QDockWidget::float-button:hover { background: $hover; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; }
QFrame#welcome, QStackedWidget#centre { background: $window; }

QLabel { background: transparent; }
QLabel#quiet, QLabel#facts { color: $quiet; }
QLabel#message { color: $warning; }
QLabel#card-title { font-weight: bold; }
QLabel#section { font-weight: bold; font-size: ${small_px}px; }
QLabel#small { color: $quiet; font-size: ${small_px}px; }
QLabel#badge {
    color: $warning; border: 1px solid $warning; border-radius: 4px; padding: 0 5px; font-size: ${small_px}px;
}
QLabel#welcome-title { font-size: 22px; font-weight: bold; }
QLabel#empty-text { color: $quiet; }

QToolTip { background: $raised; color: $text; border: 1px solid $line; padding: 6px 8px; }

QWidget#top-bar { background: $panel; }
QToolBar { background: $panel; border: none; padding: 6px 2px; spacing: 4px; }
QWidget#search-box { background: $window; border: 1px solid $line; border-radius: 6px; }
QWidget#search-box:hover { border-color: $edge; }
QWidget#search-box:focus { border-color: $accent; }
QLineEdit#palette-search { padding: 5px 8px; border-radius: 6px; }
QToolButton#open-button { padding: 3px 20px 3px 6px; }
QToolButton#open-button::menu-button { border: none; width: 18px; }
QToolButton#open-button::menu-arrow { image: url("$chevron_down"); width: 14px; height: 14px; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QMessageBox {
    messagebox-information-icon: url("$dialog_info"); messagebox-question-icon: url("$dialog_question");
    messagebox-warning-icon: url("$dialog_warning"); messagebox-critical-icon: url("$dialog_error");
}
QFileDialog {
    backward-icon: url("$dialog_back"); forward-icon: url("$dialog_forward");
    filedialog-parent-directory-icon: url("$dialog_up"); filedialog-new-directory-icon: url("$dialog_folder");
    filedialog-listview-icon: url("$dialog_list"); filedialog-detailedview-icon: url("$dialog_details");
}
QMenuBar { background: $panel; padding: 2px 4px; }
QMenuBar::item { background: transparent; padding: 5px 9px; border-radius: 4px; }
QMenuBar::item:selected { background: $hover; }
QMenu { background: $raised; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 4px; }
QMenu::icon { padding-left: 10px; }
QMenu::item:selected { background: $selection; }
QMenu::item:disabled { color: $disabled; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QMenu::right-arrow { image: url("$chevron_right"); width: 14px; height: 14px; margin-right: 6px; }

QPushButton { background: $raised; border: 1px solid transparent; border-radius: 6px; padding: 5px 12px; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:checked { background: $selection; }
QPushButton:focus { border-color: $accent; }
QPushButton:disabled { color: $disabled; }
QPushButton#primary:enabled, QPushButton:default:enabled { background: $accent; color: $on_accent; }
QPushButton#primary { font-weight: bold; padding: 7px 16px; }
QPushButton#primary:hover:enabled, QPushButton:default:hover:enabled { background: $link; color: $window; }
QPushButton#primary:focus { border-color: $text; }
QPushButton#card { background: $panel; border: 1px solid $line; border-radius: 8px; text-align: left; }
QPushButton#card:hover { background: $raised; }
QPushButton#card:focus { border-color: $accent; }
QPushButton#recent { background: transparent; text-align: left; padding: 0 8px; }
QPushButton#recent:hover, QPushButton#recent:focus { background: $raised; }
QPushButton::menu-indicator {
    image: url("$chevron_down"); width: 14px; height: 14px;
    subcontrol-origin: padding; subcontrol-position: center right; right: 4px;
}
QPushButton#value-button { text-align: left; padding: 3px 8px; border-radius: 4px; }

QToolButton { background: transparent; border: 1px solid transparent; border-radius: 5px; padding: 3px; }
QToolButton:hover { background: $hover; }
QToolButton:pressed, QToolButton:checked { background: $line; }
QToolButton:focus { border-color: $accent; }
QToolButton:disabled { color: $disabled; }
QToolButton::menu-indicator { image: none; }
QToolButton#fold { color: $quiet; padding: 4px 6px 4px 0; }
QToolButton#fold:hover, QToolButton#fold:pressed { background: transparent; color: $text; }

QLineEdit, QSpinBox, QDoubleSpinBox, QPlainTextEdit, QTextEdit {
    background: $window; border: 1px solid $line; border-radius: 4px; padding: 3px 6px;
    selection-background-color: $selection; selection-color: $text;
}
QLineEdit:hover, QSpinBox:hover, QDoubleSpinBox:hover { border-color: $edge; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QPlainTextEdit:focus, QTextEdit:focus {
    border-color: $accent;
}
QLineEdit[wrong="true"], QPlainTextEdit[wrong="true"] { border-color: $error; }
QAbstractSpinBox QLineEdit, QComboBox QLineEdit { background: transparent; border: none; padding: 0; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {
    subcontrol-origin: margin; width: 0px; height: 0px; border: none;
}
QDoubleSpinBox#value { background: transparent; border-color: transparent; padding: 2px 4px; }
QDoubleSpinBox#value:hover { background: $window; border-color: $edge; }
QDoubleSpinBox#value:focus { background: $window; border-color: $accent; }

QComboBox { background: $raised; border: 1px solid transparent; border-radius: 6px; padding: 4px 4px 4px 8px; }
ModelChooser { combobox-popup: 0; }
QComboBox:hover { background: $hover; }
QComboBox:focus, QComboBox:on { border-color: $accent; }
QComboBox:disabled { color: $disabled; }
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url("$chevron_down"); width: 14px; height: 14px; }
QComboBox QAbstractItemView { background: $raised; border: 1px solid $line; padding: 4px; outline: none; }

QAbstractItemView { background: $panel; border: none; outline: none; alternate-background-color: $panel; }
QListView::item { padding: 4px 8px; border-radius: 4px; }
QListView#layer-list::item { padding: 0; }
QListView#neighbour-list::item { padding: 4px 0; }
QAbstractItemView::item:hover { background: $raised; }
QAbstractItemView::item:selected { background: $selection; color: $text; }
QTableView::item { padding: 0 8px; }
QTreeView#layer-tree::item { padding: 2px 8px 2px 2px; }
QTreeWidget#differences::item { padding: 2px 12px 2px 4px; border-radius: 0; }
QTableView { gridline-color: transparent; selection-background-color: $selection; selection-color: $text; }
QHeaderView { background: $panel; }
QHeaderView::section {
    background: $panel; color: $quiet; border: none; border-bottom: 1px solid $line; padding: 4px 8px;
    font-size: ${small_px}px;
}
QHeaderView::section:hover { color: $text; }
QHeaderView::up-arrow, QHeaderView::down-arrow { subcontrol-origin: padding; subcontrol-position: center right; }
QHeaderView::up-arrow { image: url("$chevron_up"); width: 12px; height: 12px; }
QHeaderView::down-arrow { image: url("$chevron_down"); width: 12px; height: 12px; }

QTabBar::tab { background: transparent; color: $quiet; padding: 6px 12px; border-bottom: 2px solid transparent; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabWidget::pane { border: none; }

QCheckBox, QRadioButton { background: transparent; spacing: 8px; }
QCheckBox::indicator, QAbstractItemView::indicator {
    width: 14px; height: 14px; border: 1px solid $edge; border-radius: 3px; background: $window;
}
QCheckBox::indicator:focus { border-color: $accent; }
QCheckBox::indicator:checked, QAbstractItemView::indicator:checked {
    background: $accent; border-color: $accent; image: url("$check");
}

QRadioButton::indicator {
    width: 14px; height: 14px; border: 1px solid $edge; border-radius: 8px; background: $window;
}
QRadioButton::indicator:focus { border-color: $accent; }
QRadioButton::indicator:checked {
    width: 6px; height: 6px; border: 5px solid $accent; border-radius: 8px; background: $on_accent;
}

QProgressBar {
    background: $raised; border: none; border-radius: 3px; min-height: 6px; max-height: 6px; text-align: center;
}
QProgressBar::chunk { background: $accent; border-radius: 3px; }

QScrollBar { background: transparent; border: none; margin: 0; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: $line; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 24px; }
QScrollBar::handle:horizontal { min-width: 24px; }
QScrollBar::handle:hover { background: $edge; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QSplitter::handle { background: $window; }
QSplitter::handle:hover { background: $accent; }
QStatusBar { background: $panel; border: none; color: $quiet; font-size: ${small_px}px; }
QStatusBar::item { border: none; }
QStatusBar QLabel { padding: 2px 6px; font-size: ${small_px}px; }

QFrame#palette, QFrame#popup { background: $raised; border: 1px solid $line; }
QFrame#popup QPushButton, QFrame#notice QPushButton { background: $hover; }
QFrame#popup QPushButton:hover, QFrame#notice QPushButton:hover { background: $line; }
QFrame#palette QListView, QFrame#popup QListView { background: transparent; }
QFrame#canvas-bar { background: $panel; border: 1px solid $line; border-radius: 8px; }
QFrame#canvas-bar QLabel { color: $quiet; font-size: ${small_px}px; padding: 0 4px; }
QPushButton#side-title {
    background: $panel; color: $quiet; border: 1px solid $line; padding: 3px 10px; font-size: ${small_px}px;
}
QPushButton#side-title:hover { color: $text; }
QPushButton#side-title:checked { color: $text; border-color: $accent; }
QFrame#notice { background: $raised; border: 1px solid $line; border-radius: 8px; }
QFrame#timeline { background: $panel; }
QLabel#duration { color: $quiet; }
"""
