"""OpenGL beside torch in one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
from PySide6.QtWidgets import QApplication

application = QApplication([])
from ui.views.spatial.opengl.context import MemoryContext, OpenGLMissingError

try:
    context = MemoryContext()
except OpenGLMissingError:
    context = None
import torch
from torch.export import export

exported = export(torch.nn.Linear(3, 2).eval(), (torch.zeros(1, 3),))
print(tuple(exported.module()(torch.zeros(1, 3)).shape))
import os

os._exit(0)
"""


def test_torch_exports_a_network_after_something_was_drawn() -> None:
    """Triton's LLVM crashes a process that Mesa's is in."""
    root = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.stdout.strip().endswith("(1, 2)"), done.stderr[-2000:]
    assert done.returncode == 0
