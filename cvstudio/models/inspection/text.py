"""Layers and receptive fields in words."""

from __future__ import annotations

from cvstudio.models.inspection.layers import NetworkLayer
from cvstudio.models.inspection.receptive_field import ReceptiveField, Span


def field_text(layer: NetworkLayer) -> str:
    """The receptive field; a plus says that the whole picture has a say through gates."""
    if layer.field is None:
        return ""
    text = layer.field.text()
    return f"{text} +" if text and layer.field.gated and not layer.field.whole else text


def layer_sentence(layer: NetworkLayer) -> str:
    """Everything of a layer in words."""
    parts = [f"{layer.name or layer.kind}: {layer.kind}" if layer.name else layer.kind]
    if layer.shape:
        parts.append(f"puts out {layer.shape_text}")
    if layer.calls > 1:
        parts.append(f"runs {layer.calls} times; shape and field are those of the first")
    if layer.parameters:
        parts.append(f"{layer.parameters:,} parameters")
    if layer.macs:
        parts.append(f"{layer.macs:,} multiply-adds")
    if layer.field is not None:
        parts.append(field_sentence(layer.field))
    return "\n".join(parts)


def field_sentence(field: ReceptiveField) -> str:
    """A receptive field in words."""
    if field.whole:
        return "sees the whole picture"
    if not field.local:
        return "what it sees depends on the place"
    told = f"sees {field.text()} pixels, {_steps(field.down, field.across)}"
    return told + ("; how strong it is depends on the whole picture, by gates" if field.gated else "")


def _steps(down: Span, across: Span) -> str:
    steps = f"{down.stride:g}" if down.stride == across.stride else f"{down.stride:g} × {across.stride:g}"
    begins = f"{down.start:g}" if down.start == across.start else f"{down.start:g} × {across.start:g}"
    return f"every {steps} pixels, the first from {begins} on".replace("-", "−")
