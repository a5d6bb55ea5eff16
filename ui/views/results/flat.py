"""Imports the views that lie beside this folder, so that they register themselves."""

from __future__ import annotations

import ui.views.guesses
import ui.views.heat_view
import ui.views.hog_view
import ui.views.inside_view
import ui.views.neighbours_view
import ui.views.picture_facts
import ui.views.results_table
import ui.views.spectrogram_facts
import ui.views.suppression_view  # noqa: F401
