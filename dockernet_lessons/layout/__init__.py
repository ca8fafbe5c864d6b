"""Where each part of a topology stands on the page: the same topology always gives the same page.

Pure values in, pure values out: does not know matplotlib, nor how a topology is observed.
"""

from .parts import (
    TYPE,
    Align,
    Bar,
    Box,
    Frame,
    Key,
    Label,
    Layout,
    Point,
    Port,
    Rect,
    Role,
    Sample,
    Tab,
    Tint,
    Type,
    Wire,
)  # fmt: skip
from .sheet import layout

__all__ = [
    "TYPE", "Align", "Bar", "Box", "Frame", "Key", "Label", "Layout", "Point", "Port", "Rect", "Role",
    "Sample", "Tab", "Tint", "Type", "Wire", "layout",
]  # fmt: skip
