from __future__ import annotations

import librosa
import numpy as np
import pytest

from cvstudio.data.sound.frequency_scale import frequency, note, position

HERTZ = np.geomspace(20, 22_050, 300)


def test_mels_are_those_of_librosa() -> None:
    np.testing.assert_allclose(position("mel", HERTZ), librosa.hz_to_mel(HERTZ), rtol=1e-12)
    assert position("mel", 0.0) == 0


@pytest.mark.parametrize("scale", ["linear", "log", "mel"])
def test_a_place_leads_back_to_its_frequency(scale: str) -> None:
    places = position(scale, HERTZ)  # type: ignore[call-overload]
    assert np.all(np.diff(places) > 0)
    np.testing.assert_allclose(frequency(scale, places), HERTZ, rtol=1e-9)  # type: ignore[call-overload]
    assert frequency(scale, position(scale, 440.0)) == pytest.approx(440)  # type: ignore[call-overload]


def test_an_octave_is_one_step_of_the_logarithmic_scale() -> None:
    assert position("log", 880.0) - position("log", 440.0) == pytest.approx(1)
    assert position("log", 0.0) == position("log", 20.0)


def test_notes_are_those_of_librosa() -> None:
    for hertz in (27.5, 65.41, 261.63, 440.0, 4186.0):
        name = librosa.hz_to_note(hertz, unicode=True)
        assert note(hertz).split()[0] == name
    assert note(440.0) == "A4 +0 ct"
    assert note(440 * 2 ** (0.3 / 12)) == "A4 +30 ct"
    assert note(466.16).startswith("A♯4 ")
    assert note(3.0) == note(float("nan")) == ""
