"""Where each part of a topology stands on the page: the same topology always gives the same page.

Pure values in, pure values out: does not know matplotlib, nor how a topology is observed.
"""

from .marked import SIGNS, with_difference
from .parts import (
    TYPE,
    Align,
    Badge,
    Band,
    Bar,
    Box,
    Change,
    Chip,
    Cross,
    Frame,
    Key,
    Label,
    Layout,
    Mark,
    Point,
    Port,
    Rect,
    Role,
    Sample,
    Shaft,
    Slip,
    Tab,
    Tint,
    Type,
    Wire,
)  # fmt: skip
from .route import with_path
from .sheet import layout

__all__ = [
    "SIGNS", "TYPE", "Align", "Badge", "Band", "Bar", "Box", "Change", "Chip", "Cross", "Frame", "Key", "Label",
    "Layout", "Mark", "Point", "Port", "Rect", "Role", "Sample", "Shaft", "Slip", "Tab", "Tint", "Type", "Wire",
    "layout", "with_difference", "with_path",
]  # fmt: skip
