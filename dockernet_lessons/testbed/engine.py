"""One host's Docker Engine, asked through its API; what goes wrong is said in a learner's words.

The only module that uses the Docker SDK. Knows nothing of lessons: what to make, and under which labels, is told.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from dockernet_lessons.errors import LessonError, NoTestbed
from dockernet_lessons.facts import Network

STOPPED_HINT = "run `lab.start()` again: it starts a new testbed. Nothing outside it is affected."


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """A container as its engine describes it. ``pid`` is 0 unless it runs; ``addresses`` are by network name."""

    name: str
    id: str
    host: str
    pid: int
    state: str
    labels: Mapping[str, str]
    addresses: Mapping[str, str]


class Engine:
    """The Docker Engine of one host of the testbed."""

    def __init__(self, host: str, endpoint: str) -> None:
        self.host = host
        self.endpoint = endpoint
        self._opening = threading.Lock()

    @cached_property
    def _api(self) -> Any:  # the SDK ships no type hints
        import docker  # noqa: PLC0415  # takes a quarter of a second: only where an engine is asked

        with self._opening:
            return docker.APIClient(base_url=self.endpoint, version="auto", timeout=60, max_pool_size=16)

    def close(self) -> None:
        """Close the connection to the engine; it opens again when needed."""
        if api := self.__dict__.pop("_api", None):
            api.close()

    @property
    def version(self) -> str:
        """The engine's version, as ``docker version`` prints it."""
        with self._said_plainly():
            return str(self._api.version()["Version"])

    def load_image(self, archive: Path) -> None:
        """Load an image archive, as ``docker load`` does."""
        with self._said_plainly(), archive.open("rb") as data:
            self._api.load_image(data)

    def copy_image(self, name: str, other: Engine) -> None:
        """Load an image that another engine holds."""
        with self._said_plainly():
            self._api.load_image(b"".join(other._api.get_image(name)))

    def has_image(self, image: str) -> bool:
        """Tell whether the engine holds this image."""
        with self._said_plainly():
            return bool(self._api.images(name=image))

    def networks(self, label: str | None = None) -> list[Network]:
        """Give the engine's networks, by name; only those that carry the label, where one is given."""
        with self._said_plainly():
            found = self._api.networks(filters={"label": label} if label else None)
        return sorted((self._network(record) for record in found), key=lambda network: network.name)

    def _network(self, record: Mapping[str, Any]) -> Network:
        options = record["Options"] or {}
        name = options.get("com.docker.network.bridge.name")
        if name is None and record["Driver"] == "bridge":
            name = f"br-{record['Id'][:12]}"
        subnets = tuple(ip_network(part["Subnet"]) for part in record["IPAM"]["Config"] or () if "Subnet" in part)
        driver = "none" if record["Driver"] == "null" else record["Driver"]
        return Network(record["Name"], driver, self.host, subnets, name, record["Internal"])

    def create_network(
        self,
        name: str,
        *,
        driver: str,
        subnet: str | None,
        options: Mapping[str, str],
        internal: bool,
        labels: Mapping[str, str],
    ) -> None:
        """Make a network, as ``docker network create`` does."""
        from docker.types import IPAMConfig, IPAMPool  # noqa: PLC0415

        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)]) if subnet else None
        with self._said_plainly():
            self._api.create_network(
                name, driver=driver, options=dict(options), ipam=ipam, internal=internal, labels=dict(labels)
            )

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is not there counts as removed."""
        with self._said_plainly(), self._absent_is_fine():
            self._api.remove_network(name)

    def connect(self, container: str, network: str, *, aliases: Sequence[str] = ()) -> None:
        """Connect a container to one more network, as ``docker network connect`` does."""
        with self._said_plainly():
            self._api.connect_container_to_network(container, network, aliases=list(aliases) or None)

    def disconnect(self, container: str, network: str) -> None:
        """Disconnect a container from a network, as ``docker network disconnect`` does."""
        with self._said_plainly():
            self._api.disconnect_container_from_network(container, network)

    def containers(self, label: str | None = None) -> list[ContainerRecord]:
        """Give the engine's containers, running or not, by name; only those with the label, where one is given."""
        with self._said_plainly():
            found = self._api.containers(all=True, filters={"label": label} if label else None)
            records = []
            for each in found:
                with self._absent_is_fine():
                    records.append(self._container(self._api.inspect_container(each["Id"])))
        return sorted(records, key=lambda record: record.name)

    def container(self, name: str) -> ContainerRecord | None:
        """Give the container of this name or id, or ``None`` where there is none."""
        with self._said_plainly(), self._absent_is_fine():
            return self._container(self._api.inspect_container(name))
        return None

    def _container(self, record: Mapping[str, Any]) -> ContainerRecord:
        networks = record["NetworkSettings"]["Networks"] or {}
        return ContainerRecord(
            name=record["Name"].lstrip("/"),
            id=record["Id"],
            host=self.host,
            pid=record["State"]["Pid"],
            state=record["State"]["Status"],
            labels=record["Config"]["Labels"] or {},
            addresses={name: endpoint["IPAddress"] for name, endpoint in networks.items()},
        )

    def create_container(
        self,
        name: str,
        *,
        image: str,
        network: str,
        command: Sequence[str] | None,
        publish: Mapping[int, int],
        links: Mapping[str, str],
        labels: Mapping[str, str],
    ) -> str:
        """Make a container without starting it, as ``docker create`` does; gives its id."""
        with self._said_plainly():
            host_config = self._api.create_host_config(
                network_mode=network,
                port_bindings={inner: outer for outer, inner in publish.items()},
                links=dict(links),
            )
            made = self._api.create_container(
                image,
                name=name,
                hostname=name,
                command=list(command) if command else None,
                labels=dict(labels),
                ports=list(publish.values()) or None,
                host_config=host_config,
            )
        return str(made["Id"])

    def start_container(self, container: str) -> None:
        """Start a container, as ``docker start`` does."""
        with self._said_plainly():
            self._api.start(container)

    def remove_container(self, container: str) -> None:
        """End and remove a container; one that is not there counts as removed."""
        with self._said_plainly(), self._absent_is_fine():
            self._api.remove_container(container, force=True, v=True)

    @contextmanager
    def _absent_is_fine(self) -> Iterator[None]:
        import docker.errors  # noqa: PLC0415

        try:
            yield
        except docker.errors.NotFound:
            return

    @contextmanager
    def _said_plainly(self) -> Iterator[None]:
        """Turn what the SDK raises into an error that says what to do next."""
        import docker.errors  # noqa: PLC0415
        import requests.exceptions  # noqa: PLC0415

        try:
            yield
        except docker.errors.APIError as error:
            said = str(error.explanation or error).strip()
            raise LessonError(f"Docker on {self.host} refused: {said}", hint=_next_step(said)) from error
        except (
            docker.errors.DockerException,
            requests.exceptions.ConnectionError,
            requests.exceptions.Timeout,
        ) as error:
            raise NoTestbed(f"The Docker Engine on {self.host} does not answer any more.", hint=STOPPED_HINT) from error


NEXT_STEPS = (
    ("port is already allocated", "publish another port, or close the lab that uses this one."),
    ("address already in use", "publish another port, or stop the program that listens on this one."),
    ("overlap", "choose a subnet that no other network uses; `lab.networks()` lists them."),
    ("no such image", "lessons use the image 'lesson', which is always there."),
    ("already in use by container", "choose another name, or close the lab that made the other container."),
    ("already exists", "choose another name, or close the lab that made the other network."),
)


def _next_step(said: str) -> str:
    """Choose a hint by Docker's words; where they change, only the hint becomes general, never the error."""
    lowered = said.lower()
    return next(
        (hint for words, hint in NEXT_STEPS if words in lowered),
        "change what Docker names, and run the cell again.",
    )
