"""A control with its label and, below it, what is wrong with what it holds: what forms are made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import ipywidgets

from dockernet_lessons.errors import LessonError
from dockernet_lessons.widgets.panel import column, html


class Field:
    """A control with its label, and below it what is wrong with what it holds."""

    def __init__(self, control: ipywidgets.DOMWidget) -> None:
        self.control = control
        self._note = html("")
        self.box = column(control, self._note)
        self.box.add_class("dockernet-field")

    def complain(self, error: LessonError | None, *, gently: bool = False) -> None:
        """Tell what is wrong and what is allowed, or nothing; gently where nobody made a mistake."""
        kind = "soft" if gently else "bad"
        said = f'<p class="note {kind}">{escape(error.message)} {escape(sentence(error.hint))}</p>' if error else ""
        if said != self._note.value:
            self._note.value = said
        if error is None or gently:
            self.box.remove_class("dockernet-wrong")
        else:
            self.box.add_class("dockernet-wrong")


def sentence(words: str) -> str:
    """Begin with a capital letter, and leave the rest."""
    return words[:1].upper() + words[1:]


def text(label: str, example: str) -> ipywidgets.Text:
    """Give a line to type in, with an example in it."""
    return ipywidgets.Text(description=label, placeholder=example)


def menu(label: str, options: Sequence[str]) -> ipywidgets.Dropdown:
    """Give a menu to choose from."""
    return ipywidgets.Dropdown(description=label, options=options)


def group(members: Sequence[Field]) -> ipywidgets.Box:
    """Put fields into a grid, as many beside each other as there is room for."""
    made = ipywidgets.Box([each.box for each in members])
    made.add_class("dockernet-fields")
    return made
