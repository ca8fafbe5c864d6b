"""What runs the testbed tree: each carrier gives the same testbed by other means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dockernet_lessons.testbed.tree import Tree


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a carrier can run here, the reason in one sentence, and what would make it usable where it is not."""

    usable: bool
    reason: str
    next_step: str = ""


class Carrier(Protocol):
    """All that the rest of the library needs of a carrier."""

    name: str

    patience: float
    """How many times longer than natively a command may take before it counts as one that does not end."""

    makes_terminals: bool
    """Whether a command inside gets a terminal that is made there, and does not hear of the size of the one here."""

    def verdict(self) -> Verdict:
        """Tell whether this carrier can run on this machine, and why."""

    def tree(self, suite: str, progress: Callable[[str], None]) -> Tree:
        """Get a tree by this carrier's own means where this machine cannot build one. Raises ``BuildFailed``."""

    def prepare(self, tree: Tree, progress: Callable[[str], None]) -> None:
        """Make what a start of this tree needs and the tree itself does not hold; tells what takes long."""

    def start(self, tree: Tree, runtime: Path, *, owner: int | None) -> None:
        """Start the testbed in the background; it ends when the process ``owner`` does. Returns before it is ready."""

    def stop(self, runtime: Path) -> None:
        """End the testbed and remove every trace of it. Nothing happens where none runs."""

    def alive(self, runtime: Path) -> bool:
        """Tell whether the testbed of this runtime folder runs."""

    def command(self, runtime: Path, command: Sequence[str]) -> list[str]:
        """Give the command of this machine that runs ``command`` inside the testbed."""

    def endpoint(self, runtime: Path, host: str) -> str:
        """Give the address of a host's Docker API, for ``docker.DockerClient(base_url=...)``."""
