"""Requests of panels and dialogs to the window, as signals: they need no reference to it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class WindowRequests(QObject):
    """Signals that the window handles; owned by the controller. Main thread only.

    Signals
    -------
    open_files, open_folder, open_labels : show a dialog for files, a folder or labels, and open the user's selection
    open_input : name of a slot of the current analysis, for which a dialog chooses a file
    new_labels : show the labels panel, with the focus where the classes of new labels are named
    delete_parts : remove the selected labels, or say why what a model found stays
    export : show the export dialog for the current result
    class_keypoints : number of the class of the labels whose key points are declared in a dialog
    left_out : show the list of what was left out of the labels of the picture on the canvas
    export_labels : show the export dialog for the labels of the picture on the canvas
    compare : show the list of what the current result can be compared with
    catalogue : task whose models the catalogue shows; "" for all models
    use_model : (key of an analysis, key of a model) to run on the open medium, or else on the analysis's sample
    custom_model : path of a network or declaration to add as a custom model; None shows a file dialog
    timm_search : show the list of timm's classifiers
    show_medium : show the panel with the facts and the read settings of the active medium
    show_spatial : show the panel with the objects and the look of the 3D view
    status : text for the status line, painted before `emit` returns, as the window may be blocked afterwards
    """

    open_files = Signal()
    open_folder = Signal()
    open_labels = Signal()
    open_input = Signal(str)
    new_labels = Signal()
    delete_parts = Signal()
    export = Signal()
    class_keypoints = Signal(int)
    left_out = Signal()
    export_labels = Signal()
    compare = Signal()
    catalogue = Signal(str)
    use_model = Signal(str, str)
    custom_model = Signal(object)
    timm_search = Signal()
    show_medium = Signal()
    show_spatial = Signal()
    status = Signal(str)
