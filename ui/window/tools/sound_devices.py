"""The choice of the device that plays, kept in the settings."""

from __future__ import annotations

from ui.base.settings import Settings
from ui.control.playback import Playback
from ui.views.timeline import Timeline

SETTING = "sound/device"


def connect_devices(timeline: Timeline, playback: Playback, settings: Settings) -> None:
    """List the devices where the user asks for them, and play on the chosen one, now and at the next start."""

    def show() -> None:
        from cvstudio.media.playback.sound_card import device_names

        timeline.show_devices(device_names(), settings.text(SETTING, ""))

    def choose(name: str) -> None:
        settings.set(SETTING, name)
        playback.set_device(name)

    playback.set_device(settings.text(SETTING, ""))
    timeline.devices_wanted.connect(show)
    timeline.device_chosen.connect(choose)
