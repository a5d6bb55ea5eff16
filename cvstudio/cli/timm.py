"""`cvstudio list --timm WORDS`: search of timm's classifiers."""

from __future__ import annotations

from cvstudio.foundation.progress import Progress


def list_timm(words: str, progress: Progress) -> int:
    """Print the classifiers that match `words`, with input size, classes and licence; returns 1 where there is none."""
    progress(None, "importing timm")
    from cvstudio.models.classification.timm_listing import entries, matching

    matches = matching(entries(), words)
    for entry in matches:
        print(f"--model timm-{entry.name:<56}{entry.side} px, {entry.classes} classes, {entry.licence}")
    return 0 if matches else 1
