"""Imports the views that lie beside this folder, so that they register themselves."""

from __future__ import annotations
