"""`cvstudio list --timm WORDS`: which classifiers timm has."""

from __future__ import annotations

from cvstudio.foundation.progress import Progress


def list_timm(words: str, progress: Progress) -> int:
    """Print those that fit `words`, with their size, classes and licence; 1 where there is none."""
    progress(None, "importing timm")
    from cvstudio.models.classification.timm_listing import entries, matching

    found = matching(entries(), words)
    for entry in found:
        print(f"--model timm-{entry.name:<56}{entry.side} px, {entry.classes} classes, {entry.licence}")
    return 0 if found else 1
