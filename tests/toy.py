"""Toy lessons: small enough to read, real enough to run, and with no testbed behind them."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

# A stand-in for the library, with the names that the lessons use: it lies beside the toy notebook.
TOY_LAB = """
from dataclasses import dataclass
from ipaddress import ip_network


@dataclass
class Network:
    name: str
    driver: str
    subnet: str


class Lab:
    def network(self, name, *, driver, subnet):
        return Network(name, driver, subnet)

    def container(self, name, *, on):
        network = on if isinstance(on, Network) else Network(on, on, "127.0.0.0/8")
        return f"{name} {next(ip_network(network.subnet).hosts())} {network.driver}"

    def close(self):
        print("nothing is left")
"""

TOY_CODE = (
    "from toylab import Lab\nlab = Lab()",
    'shop = lab.network("shop", driver="bridge", subnet="172.30.0.0/24")\nshop.name',
    'web = lab.container("web", on=shop)\nprint(web)',
    "40 + 2",
    "lab.close()",
)
TOY_OUTPUT = (None, "'shop'", "web 172.30.0.1 bridge\n", "42", "nothing is left\n")

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="
FIGURE = f'<figure><img alt="web on docker0" src="data:image/png;base64,{PIXEL}" width="40"></figure>'


def result(text: str, count: int, **more: str) -> NotebookNode:
    """Make the output of a cell that ends in a value."""
    data = {"text/plain": text} | {f"text/{name}": value for name, value in more.items()}
    return new_output("execute_result", data=data, execution_count=count)


def printed(text: str, name: str = "stdout") -> NotebookNode:
    """Make the output of a cell that prints."""
    return new_output("stream", name=name, text=text)


def runnable_lesson() -> NotebookNode:
    """Make a lesson that runs beside ``toylab.py``, with the outputs that it really has."""
    cells = [new_markdown_cell("# Toy bridge\n\n> Who is on\n> the bridge?", id="title")]
    for count, (source, output) in enumerate(zip(TOY_CODE, TOY_OUTPUT, strict=True), start=1):
        outputs = []
        if output is not None:
            outputs = [printed(output) if output.endswith("\n") else result(output, count)]
        cells.append(new_code_cell(source, id=f"code-{count}", execution_count=count, outputs=outputs))
    kernel = {"name": "no-such-kernel", "display_name": "None"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def course(root: Path, *names: str) -> list[Path]:
    """Write a course of toy lessons: ``README.md``, ``notebooks/`` and the toy library."""
    folder = root / "notebooks"
    folder.mkdir(parents=True)
    (folder / "toylab.py").write_text(TOY_LAB)
    (root / "README.md").write_text("# Toy\n\n<!-- lessons:begin -->\n<!-- lessons:end -->\n\nEnd.\n")
    for name in names:
        nbformat.write(runnable_lesson(), folder / name)
    return [folder / name for name in names]


PROSE = "Predict first what the next line shows, then run it, and compare what you see with your guess. "


def model_lesson() -> NotebookNode:
    """Make a lesson, never run, that keeps every rule of STYLE.md."""
    title = new_markdown_cell("# Toy bridge\n\n> Who is on the bridge?", id="title")
    card = new_markdown_cell("You will be able to see, draw and explain. You need nothing. 20 minutes.", id="card")
    cells = [title, card]

    def code(source: str, *outputs: NotebookNode, tags: tuple[str, ...] = ()) -> None:
        count = 1 + sum(cell.cell_type == "code" for cell in cells)
        metadata = {"tags": list(tags)} if tags else {}
        cell = new_code_cell(
            source, id=f"code-{count}", execution_count=count, outputs=list(outputs), metadata=metadata
        )
        cells.append(cell)

    code('from dockernet_lessons import Lab, draw, ping\nlab = Lab("toy").start()')
    code("draw(lab)", result("web (container)", 2, html=FIGURE))
    for turn in range(8):
        cells.append(new_markdown_cell(PROSE * 3, id=f"predict-{turn}"))
        code('web = "172.30.0.2"\nweb', result("'172.30.0.2'", turn + 3), tags=("nbval-check-output",))
        cells.append(new_markdown_cell(PROSE * 2, id=f"explain-{turn}"))
    code("lab.close()", printed("nothing is left\n"))
    return new_notebook(cells=cells)
