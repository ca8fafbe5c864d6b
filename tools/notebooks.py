"""Run the lessons again, and rebuild what follows from them.

    python tools/notebooks.py regen [NOTEBOOK ...]    run, store what changed, rebuild the derived parts
    python tools/notebooks.py tidy  [NOTEBOOK ...]    rebuild the derived parts without running anything
    python tools/notebooks.py check [NOTEBOOK ...]    show what tidy would change; exit 1 if it would

The derived parts are the navigation cell of each lesson, the lesson index and the picture in README.md, the glossary
and the questions (see ``pages``), and the plain form of the files (no widget state, timings or versions). With an older
suite in ``DOCKERNET_SUITE``, ``regen`` leaves the lessons as they are and stores what that Engine says otherwise, see
``other_engines``. Knows Jupyter and nbval, not Docker.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, pairwise
from pathlib import Path

import nbformat
import other_engines
import pages
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbval.plugin import get_sanitize_patterns

ROOT = Path(__file__).resolve().parent.parent
LESSON_NAMES = "[0-9][0-9]_*.ipynb"
INDEX_BEGIN, INDEX_END = "<!-- lessons:begin -->", "<!-- lessons:end -->"
NAVIGATION = "navigation"
KEPT_CELL_METADATA = {"tags", "nbval_reason", "editable", "deletable", "nbgrader"}
NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_SECONDS = 600
# Names a model in a kernel that is gone; nbval leaves it out, and readers see the picture or text beside it.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class NotebookProblem(Exception):
    """A notebook or README.md that cannot be run or rebuilt; the message names the file and the cell."""


# ---- reading -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lesson:
    """What the first cell of a notebook says: ``# title``, then the one question in a ``>`` quotation."""

    name: str
    title: str
    question: str

    @property
    def number(self) -> str:
        """The two digits that the file name begins with."""
        return self.name[:2]

    @classmethod
    def of(cls, path: Path, notebook: NotebookNode) -> Lesson:
        """Read title and question; a lesson without them is a problem."""
        first = notebook.cells[0].source if notebook.cells else ""
        title = re.match(r"# +(?:(?:Lesson )?\d+\W+)?(\S.*)", first)
        quoted = re.search(r"(?:^>.*\n?)+", first, re.MULTILINE)
        if title is None or quoted is None:
            raise NotebookProblem(f"{path.name}: the first cell must be `# title` and then the question as `> ...`")
        lines = (line.removeprefix(">").strip() for line in quoted[0].splitlines())
        return cls(path.name, title[1].strip(), " ".join(line for line in lines if line))


def read(path: Path) -> NotebookNode:
    """Read a notebook of any 4.x version; cells that have no id yet get one from :func:`normalised`."""
    return nbformat.from_dict(nbformat.reader.reads(path.read_text(encoding="utf-8")))


def text_of(notebook: NotebookNode) -> str:
    """Give the file's content as Jupyter writes it."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


# ---- running -----------------------------------------------------------------------------------------------


class ThisInterpreter(AsyncKernelManager):
    """Starts the interpreter that runs this script, whatever kernel the notebook asks for."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return OnlyThisInterpreter(parent=self)


class OnlyThisInterpreter(KernelSpecManager):
    """Knows one kernel, under every name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Describe the running interpreter, past any ``python3`` that a user has installed."""
        return KernelSpec(resource_dir=RESOURCES, **get_kernel_dict())


def run(path: Path, notebook: NotebookNode) -> NotebookNode:
    """Give a copy with fresh outputs, run in the notebook's own folder; name the cell that fails."""
    fresh = nbformat.from_dict(notebook)
    client = NotebookClient(
        fresh,
        kernel_manager_class=ThisInterpreter,
        resources={"metadata": {"path": str(path.parent)}},
        timeout=CELL_SECONDS,
        store_widget_state=False,
        record_timing=False,
    )
    with client.setup_kernel():
        for index, cell in enumerate(fresh.cells):
            if cell.cell_type != "code":
                continue
            where = f"{path.name}: cell {index + 1} of {len(fresh.cells)}"
            try:
                client.execute_cell(cell, index)
            except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
                raise NotebookProblem(
                    f"{where} failed:\n\n{indented(cell.source)}\n\n{error_of(cell, error)}"
                ) from error
            raised = any(output.output_type == "error" for output in cell.outputs)
            if "raises-exception" in cell.metadata.get("tags", []) and not raised:
                raise NotebookProblem(
                    f"{where} is tagged raises-exception, but nothing was raised:\n\n{indented(cell.source)}"
                )
    return fresh


def error_of(cell: NotebookNode, error: Exception) -> str:
    """Tell what went wrong in a cell: its own error where it has one, else what Jupyter said."""
    raised = [output for output in cell.outputs if output.output_type == "error"]
    return f"{raised[-1].ename}: {raised[-1].evalue}" if raised else f"{type(error).__name__}: {error}"


def indented(source: str) -> str:
    """Set code apart from the message around it."""
    return "\n".join(f"    {line}" for line in source.splitlines())


# ---- keeping what did not change ---------------------------------------------------------------------------


def sanitiser(rules: Path, *, pictures: bool = False) -> Callable[[str], str]:
    """Replace what nbval replaces with the same file; with ``pictures``, leave pictures as they are."""
    pairs = [pair for pair in get_sanitize_patterns(rules.read_text()) if not (pictures and "data:image" in pair[0])]

    def sanitise(text: str) -> str:
        for regex, replacement in pairs:
            text = re.sub(regex, replacement, text)
        return text

    return sanitise


def comparable(value: object, sanitise: Callable[[str], str]) -> object:
    """Reduce an output to what must differ before it is stored anew."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, list):
        return [comparable(item, sanitise) for item in value]
    if isinstance(value, dict):
        return {name: comparable(item, sanitise) for name, item in value.items() if name != "execution_count"}
    return value


def keep_equal_outputs(fresh: NotebookNode, stored: NotebookNode, sanitise: Callable[[str], str]) -> None:
    """Put a stored output back wherever the fresh one says the same: no change, no diff."""
    for new, old in zip(fresh.cells, stored.cells, strict=True):
        if new.cell_type == "code":
            merged = [storable(outputs) for outputs in (new.outputs, old.outputs)]
            if comparable(merged[0], sanitise) == comparable(merged[1], sanitise):
                new.outputs = old.outputs


# ---- the plain form ----------------------------------------------------------------------------------------


def storable(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join pieces of one stream, which a kernel cuts by the moment; drop a widget's random name."""
    merged: list[NotebookNode] = []
    for output in outputs:
        last = merged[-1] if merged else None
        if output.output_type == "stream" and last is not None and last.get("name") == output.name:
            last.text += output.text
        else:
            merged.append(nbformat.from_dict(output))
            merged[-1].get("data", {}).pop(WIDGET_VIEW, None)
    return merged


def stable_ids(cells: Sequence[NotebookNode]) -> Iterable[str]:
    """Keep the first use of each id; name the other cells by their place."""
    seen: set[str] = set()
    for place, cell in enumerate(cells, start=1):
        wanted = NAVIGATION if is_navigation(cell) else cell.get("id", f"lesson-cell-{place:02}")
        candidates = (wanted, *(f"lesson-cell-{place:02}{suffix}" for suffix in ("", *"bcdefgh")))
        identity = next(name for name in candidates if name not in seen)
        seen.add(identity)
        yield identity


def normalised(notebook: NotebookNode) -> NotebookNode:
    """Give the plain form: nbformat 4.5, stable ids, counts 1..n, and nothing a machine added for itself."""
    plain = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": NOTEBOOK_METADATA, "cells": []})
    numbers = count(1)
    for cell, identity in zip(notebook.cells, stable_ids(notebook.cells), strict=True):
        metadata = {name: value for name, value in cell.metadata.items() if name in KEPT_CELL_METADATA}
        entry = {"id": identity, "cell_type": cell.cell_type, "metadata": metadata, "source": cell.source}
        if cell.get("attachments"):
            entry["attachments"] = cell.attachments
        if cell.cell_type == "code":
            number = None if cell.execution_count is None else next(numbers)
            outputs = storable(cell.outputs)
            for output in outputs:
                if "execution_count" in output:
                    output.execution_count = number
            entry |= {"execution_count": number, "outputs": outputs}
        plain.cells.append(nbformat.from_dict(entry))
    return plain


# ---- derived parts -----------------------------------------------------------------------------------------


def is_navigation(cell: NotebookNode) -> bool:
    """Tell the generated cell from the author's."""
    return NAVIGATION in cell.metadata.get("tags", [])


def navigation(lesson: Lesson, lessons: Sequence[Lesson]) -> NotebookNode:
    """Make the cell with the links to the lesson before, the index and the lesson after."""
    neighbours = dict.fromkeys(("before", "after"))
    for one, other in pairwise(lessons):
        if other.name == lesson.name:
            neighbours["before"] = f"[← {one.number} {one.title}]({one.name})"
        if one.name == lesson.name:
            neighbours["after"] = f"[{other.number} {other.title} →]({other.name})"
    links = (neighbours["before"], "[All lessons](../README.md#lessons)", neighbours["after"])
    metadata = {"tags": [NAVIGATION], "editable": False, "deletable": False}
    return nbformat.v4.new_markdown_cell(" · ".join(filter(None, links)), id=NAVIGATION, metadata=metadata)


def with_navigation(notebook: NotebookNode, cell: NotebookNode) -> NotebookNode:
    """Put the navigation right after the title, in place of any older one."""
    authored = [old for old in notebook.cells if not is_navigation(old)]
    notebook.cells = [authored[0], cell, *authored[1:]]
    return notebook


def with_index(readme: str, lessons: Sequence[Lesson]) -> str:
    """Put the table of lessons between the two marks of README.md."""
    before, begin, rest = readme.partition(INDEX_BEGIN)
    _, end, after = rest.partition(INDEX_END)
    if not (begin and end):
        raise NotebookProblem(f"README.md: the lesson index needs the marks {INDEX_BEGIN} and {INDEX_END}")
    rows = ["| | Lesson | The question it answers |", "|---|---|---|"]
    for lesson in lessons:
        title, question = (text.replace("|", r"\|") for text in (lesson.title, lesson.question))
        rows.append(f"| {lesson.number} | [{title}](notebooks/{lesson.name}) | {question} |")
    return f"{before}{begin}\n" + "\n".join(rows) + f"\n{end}{after}"


def derived(root: Path, notebooks: dict[Path, NotebookNode]) -> dict[Path, str]:
    """Give the content that the notebooks given and README.md should have."""
    every = {path: notebooks.get(path) or read(path) for path in sorted((root / "notebooks").glob(LESSON_NAMES))}
    lessons = [Lesson.of(path, notebook) for path, notebook in every.items()]
    texts = {
        path: text_of(normalised(with_navigation(every[path], navigation(lesson, lessons))))
        for path, lesson in zip(every, lessons, strict=True)
        if path in notebooks
    }
    readme = root / "README.md"
    if not readme.exists():
        raise NotebookProblem(f"{readme} is missing: the lesson index belongs there")
    texts |= pages.pages(root, every)
    return texts | {readme: with_index(readme.read_text(encoding="utf-8"), lessons)}


def readme_picture(root: Path) -> bytes | None:
    """Give the picture that README.md shows: the last one of lesson 03; ``None`` where there is no such lesson."""
    path = root / "notebooks" / "03_bridge.ipynb"
    if not path.exists():
        return None
    outputs = (output for cell in read(path).cells for output in cell.get("outputs", []))
    shown = " ".join(output.get("data", {}).get("text/html", "") for output in outputs)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
    return b64decode(pictures[-1]) if pictures else None


# ---- the three commands ------------------------------------------------------------------------------------


def regenerated(path: Path, *, rules: Path, pictures: bool) -> NotebookNode:
    """Run one notebook and keep what it already said."""
    stored = read(path)
    fresh = run(path, stored)
    keep_equal_outputs(fresh, stored, sanitiser(rules, pictures=pictures))
    return fresh


def regenerate_for(suite: str, path: Path, rules: Path) -> None:
    """Run one notebook on another Engine, and keep where it says something else than the notebook itself."""
    stored = read(path)
    sanitise = partial(comparable, sanitise=sanitiser(rules))
    outputs = tuple(
        {cell.id: storable(cell.outputs) for cell in each.cells if cell.cell_type == "code" and not ignored(cell)}
        for each in (normalised(run(path, stored)), normalised(stored))
    )
    file = other_engines.store(path, suite, outputs, sanitise)
    print(f"{file.name}: {'differs' if file.exists() else 'says the same'} on {suite}", file=sys.stderr)


def ignored(cell: NotebookNode) -> bool:
    """Tell whether nbval compares nothing of a cell."""
    return bool({"nbval-ignore-output", "nbval-skip"} & {*cell.metadata.get("tags", ())})


def now(path: Path) -> str:
    """Give what a file holds; nothing where it is not there yet."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def write_changed(texts: dict[Path, str]) -> list[Path]:
    """Write the files whose content is new, and name them."""
    changed = [path for path, text in texts.items() if now(path) != text]
    for path in changed:
        path.parent.mkdir(exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    return changed


def differences(texts: dict[Path, str]) -> str:
    """Show as a diff what is on disk and what should be."""
    lines: list[str] = []
    for path, text in texts.items():
        before = now(path).splitlines(keepends=True)
        lines += difflib.unified_diff(before, text.splitlines(keepends=True), str(path), f"{path} (rebuilt)")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; 0 is all well, 1 is a difference or a problem."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["regen", "tidy", "check"])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK", help="default: every lesson")
    parser.add_argument("--root", type=Path, default=ROOT, help="the folder with README.md and notebooks/")
    parser.add_argument("--rules", type=Path, default=ROOT / "tests" / "sanitise.cfg", help="nbval's sanitise file")
    parser.add_argument("--pictures", action="store_true", help="regen: store pictures whose text form is unchanged")
    options = parser.parse_intermixed_args(arguments)
    root = options.root.resolve()
    paths = [path.resolve() for path in options.notebooks] or sorted((root / "notebooks").glob(LESSON_NAMES))
    try:
        suite = os.environ.get("DOCKERNET_SUITE")
        for path in paths if options.command == "regen" else []:
            print(f"running {path.name}", file=sys.stderr)
            if suite and other_engines.is_other(suite):
                regenerate_for(suite, path, options.rules)
                continue
            fresh = regenerated(path, rules=options.rules, pictures=options.pictures)
            write_changed({path: text_of(normalised(fresh))})
        texts = derived(root, {path: read(path) for path in paths})
        picture, shown = root / "docs" / "bridge.png", readme_picture(root)
        stale = shown is not None and (not picture.exists() or picture.read_bytes() != shown)
        if options.command == "check":
            diff = differences(texts) + (f"{picture} is not the picture of lesson 03\n" if stale else "")
            print(diff or "nothing to rebuild", end="" if diff else "\n")
            return 1 if diff else 0
        for path in write_changed(texts):
            print(f"rebuilt {path.relative_to(root)}")
        if stale and shown is not None:
            picture.parent.mkdir(exist_ok=True)
            picture.write_bytes(shown)
            print(f"rebuilt {picture.relative_to(root)}")
    except (NotebookProblem, pages.PageProblem) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
