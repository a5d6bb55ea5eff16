"""Choice of the device that networks run on: automatic, the CPU or an accelerator."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton

from cvstudio.foundation.lanes import Event, Job
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.host import devices
from ui.base.icons import icon
from ui.base.settings import Settings
from ui.control.controller import Controller

SETTING = "device"


class DevicePicker(QToolButton):
    """A button with a menu of devices; the choice is stored, and accelerators are listed when it first opens.

    Signals
    -------
    listed : `choices` has changed
    """

    listed = Signal()

    def __init__(self, controller: Controller, settings: Settings) -> None:
        super().__init__()
        self._pipeline = controller.pipeline
        self._settings = settings
        self._devices: tuple[tuple[str, str], ...] = (("cpu", "CPU"),)
        self._asked = False
        self.setObjectName("device-button")
        self.setIcon(icon("cpu"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setAccessibleName(self.tr("Device"))
        self.setToolTip(self.tr("Where networks run. Automatic chooses the fastest device available."))
        menu = QMenu(self)
        menu.aboutToShow.connect(self.look)
        self.setMenu(menu)
        self._group = QActionGroup(self)
        self._pipeline.set_device(settings.text(SETTING, "auto"))
        self._pipeline.job_event.connect(self._event)
        self.fill()

    def choose(self, device: str) -> None:
        """Run networks on `device` from now on, and at the next start."""
        self._pipeline.set_device(device)
        self._settings.set(SETTING, device)
        self.fill()

    def fill(self) -> None:
        """Fill the menu with the devices found so far, and check the chosen one."""
        requested = self._pipeline.host.requested_device
        self.menu().clear()
        for device, title in self.choices:
            action = self.menu().addAction(title, partial(self.choose, device))
            action.setData(device)
            action.setCheckable(True)
            action.setChecked(device == requested)
            self._group.addAction(action)
        if not self._asked and "torch" not in sys.modules:
            self.menu().addAction(self.tr("Looking for accelerators …")).setEnabled(False)
        self._show_name()

    @property
    def choices(self) -> list[tuple[str, str]]:
        """(key, title) of each device found so far, and of the chosen one."""
        requested = self._pipeline.host.requested_device
        choices = [("auto", self.tr("Automatic")), *self._devices]
        return choices if requested in dict(choices) else [*choices, (requested, requested.upper())]

    def _show_name(self) -> None:
        host = self._pipeline.host
        name = host.device_name if host.device_name != "auto" else self.tr("auto")
        # The style leaves no room between icon and text.
        self.setText(" " + self.tr("Device: {name}").format(name=name))

    def look(self) -> None:
        """List the accelerators, once, on a worker."""
        if self._asked:
            return

        def work(_: Progress) -> Iterator[Any]:
            # torch is imported here, on a worker.
            yield devices()

        self._pipeline.submit("pool", Job(("devices",), self.tr("Looking for accelerators"), work))

    def _event(self, event: Event) -> None:
        if event.job.owner == ("devices",) and event.kind == "output":
            self._asked = True
            self._devices = event.value
            self.fill()
            self.listed.emit()
        elif event.kind == "finished":
            # The first network that runs decides the device that "auto" stands for.
            self._show_name()
