"""Who may import whom: arrows point down only, and each tool of the trade has one home."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dockernet_lessons"

LAYERS = {
    "display": 0,
    "errors": 0,
    "facts": 0,
    "plans": 0,
    "docker_commands": 1,
    "parse": 1,
    "testbed": 2,
    "inputs": 3,
    "container_inputs": 3,
    "finding": 3,
    "lab": 3,
    "making": 3,
    "network_inputs": 3,
    "port_inputs": 3,
    "observe": 3,
    "places": 3,
    "probe": 3,
    "tidy": 3,
    "whereabouts": 3,
    "topology": 4,
    "layout": 4,
    "words": 4,
    "difference": 4,
    "paint": 4,
    "picture": 4,
    "tracing": 5,
    "matrix": 5,
    "checks": 6,
    "exercises": 6,
    "grading": 7,
    "widgets": 7,
    "jupyter": 7,
    "ready": 7,
    "console": 7,
    "cli": 8,
    "__init__": 9,
}

HOMES = {
    "anywidget": {"widgets"},
    "docker": {"testbed"},
    "dpkt": {"tracing"},
    "ipywidgets": {"widgets"},
    "matplotlib": {"paint"},
    "rich": {"console"},
    "subprocess": {"testbed"},
    "typer": {"cli"},
}


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Give every module of a package with the part of the house that it belongs to."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).parts[0].removesuffix(".py"), path


def imported(path: Path, package: Path) -> Iterator[str]:
    """Give the dotted names that a module imports anywhere, relative ones made absolute."""
    here = (package.name, *path.relative_to(package).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def arrows(package: Path) -> Iterator[tuple[str, str, Path]]:
    """Give every import of one part by another, and the module that does it."""
    parts = {part for part, _ in modules(package)}
    for part, path in modules(package):
        for name in imported(path, package):
            top, _, rest = name.partition(".")
            target = rest.partition(".")[0] if rest.partition(".")[0] in parts else "__init__"
            if top == package.name and target != part:
                yield part, target, path


def complaints(package: Path) -> list[str]:
    """List what breaks the order of the house."""
    found = [f"{part}: give it a layer" for part in sorted({part for part, _ in modules(package)} - set(LAYERS))]
    below = defaultdict(set)
    for part, target, path in arrows(package):
        below[part].add(target)
        if LAYERS.get(part, 0) < LAYERS.get(target, 0):
            found.append(f"{path.name}: {part} (layer {LAYERS.get(part)}) imports {target} ({LAYERS[target]})")
    try:
        TopologicalSorter(below).prepare()
    except CycleError as error:
        found.append(f"imports in a circle: {' -> '.join(error.args[1])}")
    for part, path in modules(package):
        for tool in {name.partition(".")[0] for name in imported(path, package)} & set(HOMES):
            if part not in HOMES[tool]:
                found.append(f"{path.name}: only {' and '.join(HOMES[tool])} may import {tool}")
    return found


def house(root: Path, **texts: str) -> Path:
    """Build a small package that is in order, but for the modules given."""
    package = root / "dockernet_lessons"
    sound = {
        "__init__": "",
        "facts": "import ipaddress\n",
        "lab": "from dockernet_lessons.facts import Link\nfrom .testbed import up\n",
        "cli": "def lab():\n    import typer\n    from dockernet_lessons.lab import Lab\n",
    }
    (package / "testbed").mkdir(parents=True)
    (package / "testbed" / "__init__.py").write_text(
        "import subprocess\nfrom ..facts import Link\nfrom . import engine\n"
    )
    (package / "testbed" / "engine.py").write_text("from dockernet_lessons import facts\n")
    for name, text in {**sound, **texts}.items():
        (package / f"{name}.py").write_text(text)
    return package


def test_the_house_is_in_order() -> None:
    """Every module has a layer, imports only downwards, never in a circle, and each tool has its one home."""
    assert complaints(PACKAGE) == []


def test_an_orderly_package_is_not_complained_about(tmp_path: Path) -> None:
    """Imports from below, from one's own part, relative and inside a function are fine."""
    assert complaints(house(tmp_path)) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("facts", "from dockernet_lessons.lab import Lab", "facts (layer 0) imports lab (3)"),
        ("facts", "from . import lab", "facts (layer 0) imports lab (3)"),
        ("facts", "from .testbed.engine import Engine", "facts (layer 0) imports testbed (2)"),
        ("facts", "import dockernet_lessons.testbed.engine", "facts (layer 0) imports testbed (2)"),
        ("facts", "def late():\n    from .testbed import up", "facts (layer 0) imports testbed (2)"),
        ("facts", "from dockernet_lessons import draw", "facts (layer 0) imports __init__ (9)"),
        ("lab", "from .cli import main", "lab (layer 3) imports cli (8)"),
        ("parse", "import subprocess", "only testbed may import subprocess"),
        ("lab", "def late():\n    import docker.errors", "only testbed may import docker"),
        ("cli", "from matplotlib import pyplot", "only paint may import matplotlib"),
        ("novelty", "", "novelty: give it a layer"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, name: str, text: str, said: str) -> None:
    """Each kind of upward arrow, a tool away from its home and a module without a layer are all told."""
    found = complaints(house(tmp_path, **{name: text}))
    assert [said in complaint for complaint in found].count(True) == 1, found


def test_a_circle_within_a_layer_is_found(tmp_path: Path) -> None:
    """Two modules of one layer may not need each other."""
    package = house(tmp_path, lab="from . import observe", observe="from . import lab")
    assert [complaint for complaint in complaints(package) if complaint.startswith("imports in a circle")]
