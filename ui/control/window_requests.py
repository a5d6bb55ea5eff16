"""What panels and dialogs ask of the window, without knowing it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal


class WindowRequests(QObject):
    """Owned by the controller; whoever needs the window emits a signal, and the window answers.

    Signals
    -------
    open_files, open_folder : ask the user for files, or for a folder, and open them
    export : ask for a format and a path, and write the current result
    compare : ask what the current result is to be compared with
    catalogue : show all models of this task; of "" all
    use_model : (analysis, model), by their keys: analyse what is open with the model, or else the analysis's sample
    custom_model : the file of a network, or its declaration, that is to be declared; None asks the user for one
    timm_search : show the list of timm's classifiers
    status : a text for the status line, which is on the screen when `emit` returns: what follows holds up the window
    """

    open_files = Signal()
    open_folder = Signal()
    export = Signal()
    compare = Signal()
    catalogue = Signal(str)
    use_model = Signal(str, str)
    custom_model = Signal(object)
    timm_search = Signal()
    status = Signal(str)
