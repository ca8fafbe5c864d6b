"""The docker commands that make what a lab makes, for use outside the course."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence


def create_network(name: str, *, driver: str, subnet: str | None, internal: bool, options: Mapping[str, str]) -> str:
    """Give the command that makes a network.

    >>> create_network("shop", driver="bridge", subnet="172.30.0.0/24", internal=False, options={})
    'docker network create --driver bridge --subnet 172.30.0.0/24 shop'
    """
    words = ["docker", "network", "create", "--driver", driver]
    words += ["--subnet", subnet] if subnet else []
    words += ["--internal"] if internal else []
    words += [word for key, value in options.items() for word in ("--opt", f"{key}={value}")]
    return shlex.join([*words, name])


def run(
    name: str,
    *,
    network: str,
    publish: Mapping[int, int],
    links: Mapping[str, str],
    command: Sequence[str] | None,
    image: str,
) -> str:
    """Give the command that makes and starts a container.

    >>> run("web", network="shop", publish={8080: 80}, links={}, command=None, image="lesson")
    'docker run --detach --name web --hostname web --network shop --publish 8080:80 lesson'
    """
    words = ["docker", "run", "--detach", "--name", name, "--hostname", name]
    words += ["--network", network] if network != "bridge" else []
    words += [word for outer, inner in publish.items() for word in ("--publish", f"{outer}:{inner}")]
    words += [word for other, alias in links.items() for word in ("--link", f"{other}:{alias}")]
    return shlex.join([*words, image, *(command or ())])
