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

from dockernet_lessons.errors import CommandFailed, LessonError, NoTestbed
from dockernet_lessons.facts import Network
from dockernet_lessons.plans import ContainerPlan, NetworkPlan
from dockernet_lessons.testbed import payloads
from dockernet_lessons.testbed.commands import NO_END, Output

ANSWER_SECONDS = 60.0
STOPPED_HINT = "run `lab.start()` again: it starts a new testbed. Nothing outside it is affected."


@dataclass(frozen=True, slots=True)
class Listed:
    """A container that runs, as the engine's list tells it; ``shares`` is the id of the one whose network it has."""

    name: str
    id: str
    shares: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerRecord:
    """A container as its engine describes it.

    ``pid`` is 0 unless it runs; ``addresses`` are by network name; ``published`` as ``docker run --publish`` takes it.
    """

    name: str
    id: str
    host: str
    pid: int
    state: str
    labels: Mapping[str, str]
    addresses: Mapping[str, str]
    image: str = ""
    published: tuple[str, ...] = ()


class Engine:
    """The Docker Engine of one host of the testbed; ``seconds`` is how long an answer of it is waited for."""

    def __init__(self, host: str, endpoint: str, *, seconds: float = ANSWER_SECONDS) -> None:
        self.host = host
        self.endpoint = endpoint
        self.seconds = seconds
        self._opening = threading.Lock()

    @cached_property
    def _api(self) -> Any:  # the SDK ships no type hints
        import docker  # noqa: PLC0415  # takes a quarter of a second: only where an engine is asked

        from dockernet_lessons.testbed.patience import PatientAdapter  # noqa: PLC0415

        with self._opening:
            limits = {"timeout": self.seconds, "max_pool_size": 16}
            api = docker.APIClient(base_url=self.endpoint, version="auto", **limits)
            adapter = PatientAdapter(self.endpoint.removeprefix("unix://"), **limits)
            api.mount("http+docker://", adapter)
            return api

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

    def images(self) -> list[str]:
        """Give the names of the images that the engine holds; ``latest`` need not be said, and is not."""
        with self._said_plainly():
            found = self._api.images()
        return sorted(name.removesuffix(":latest") for image in found for name in image["RepoTags"] or ())

    def logs(self, container: str, *, lines: int) -> str:
        """Give the last lines that a container wrote to its output, as ``docker logs --tail`` does."""
        with self._said_plainly():
            return bytes(self._api.logs(container, tail=lines)).decode(errors="replace")

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

    def create_network(self, plan: NetworkPlan, labels: Mapping[str, str]) -> None:
        """Make a network, as ``docker network create`` does."""
        with self._said_plainly():
            self._api.create_network(plan.name, labels=dict(labels), **payloads.network(plan))

    def remove_network(self, name: str) -> None:
        """Remove a network; one that is not there counts as removed."""
        with self._said_plainly(), self._absent_is_fine():
            self._api.remove_network(name)

    def connect(self, container: str, network: str, *, aliases: Sequence[str] = ()) -> None:
        """Connect a container to one more network, as ``docker network connect`` does."""
        with self._said_plainly():
            self._api.connect_container_to_network(container, network, aliases=list(aliases) or None)

    def disconnect(self, container: str, network: str, *, force: bool = False) -> None:
        """Disconnect a container from a network, as ``docker network disconnect`` does."""
        with self._said_plainly():
            self._api.disconnect_container_from_network(container, network, force=force)

    def network_ids(self) -> dict[str, str]:
        """Give the names of the engine's networks by their ids."""
        with self._said_plainly():
            return {str(record["Id"]): str(record["Name"]) for record in self._api.networks()}

    def running(self) -> list[Listed]:
        """Give the containers that run, by name: in one question, however many they are."""
        with self._said_plainly():
            found = self._api.containers()
        return sorted((_listed(record) for record in found), key=lambda listed: listed.name)

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
        """Give the container of this name or id, or ``None`` where there is none.

        Docker would take the start of an id, too: any container's whose id begins with ``db``, where none is called so.
        """
        with self._said_plainly(), self._absent_is_fine():
            record = self._container(self._api.inspect_container(name))
            return record if name in (record.name, record.id) else None
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
            image=record["Config"]["Image"],
            published=tuple(_published(record["NetworkSettings"].get("Ports") or {})),
        )

    def create_container(self, name: str, plan: ContainerPlan, labels: Mapping[str, str]) -> str:
        """Make a container without starting it, as ``docker create`` does; gives its id."""
        with self._said_plainly():
            version = tuple(map(int, str(self._api.api_version).split(".")))
            endpoint = payloads.endpoint(plan, version)
            networking = {plan.network: self._api.create_endpoint_config(**endpoint)} if endpoint else None
            host_config = self._api.create_host_config(**payloads.host_config(plan))
            host_config["PortBindings"] = payloads.port_bindings(plan)
            made = self._api.create_container(
                name=name,
                labels=dict(labels),
                host_config=host_config,
                networking_config=self._api.create_networking_config(networking) if networking else None,
                **payloads.container(plan, version),
            )
        return str(made["Id"])

    def start_container(self, container: str) -> None:
        """Start a container, as ``docker start`` does."""
        with self._said_plainly():
            self._api.start(container)

    def stop_container(self, container: str) -> None:
        """Stop a container, as ``docker stop`` does; what does not end within a second is ended."""
        with self._said_plainly():
            self._api.stop(container, timeout=1)

    def restart_container(self, container: str) -> None:
        """Stop and start a container, as ``docker restart`` does."""
        with self._said_plainly():
            self._api.restart(container, timeout=1)

    def execute(self, container: str, command: Sequence[str], *, seconds: float) -> Output:
        """Run a command in a container, as ``docker exec`` does, for so long at most.

        Raises ``CommandFailed`` where it does not end in time; an exit code other than 0 is a result.
        """
        from dockernet_lessons.testbed import attached  # noqa: PLC0415  # takes the SDK, as above

        with self._said_plainly():
            made = self._api.exec_create(container, list(command))["Id"]
            said = attached.outputs(self._api.exec_start(made, socket=True), seconds)
            if said is None:
                raise CommandFailed(command, NO_END, f"it did not end within {seconds:g} s")
            return Output(tuple(command), int(self._api.exec_inspect(made)["ExitCode"] or 0), *said)

    def remove_container(self, container: str) -> None:
        """End and remove a container; one that is not there counts as removed."""
        with self._said_plainly(), self._absent_is_fine():
            self._api.remove_container(container, force=True, v=True)

    def in_swarm(self) -> bool:
        """Tell whether the engine is a node of a swarm."""
        with self._said_plainly():
            return bool(self._api.info()["Swarm"]["LocalNodeState"] != "inactive")

    def swarm_labels(self) -> dict[str, str]:
        """Give the labels of the swarm that this engine manages; none where it manages none."""
        with self._said_plainly():
            manages = self._api.info()["Swarm"]["ControlAvailable"]
            return dict(self._api.inspect_swarm()["Spec"]["Labels"] or {}) if manages else {}

    def manages_swarm(self) -> bool:
        """Tell whether the engine manages the swarm that it is in."""
        with self._said_plainly():
            return bool(self._api.info()["Swarm"]["ControlAvailable"])

    def init_swarm(self, address: str, labels: Mapping[str, str]) -> None:
        """Make a swarm and manage it, as ``docker swarm init`` does."""
        with self._said_plainly():
            self._api.init_swarm(advertise_addr=address, swarm_spec=self._api.create_swarm_spec(labels=dict(labels)))

    def swarm_token(self) -> str:
        """Give the token with which a worker joins the swarm that this engine manages."""
        with self._said_plainly():
            return str(self._api.inspect_swarm()["JoinTokens"]["Worker"])

    def has_node(self, address: str) -> bool:
        """Tell whether the engine of this address is a node of the swarm that this engine manages."""
        with self._said_plainly():
            return any(node["Status"].get("Addr") == address for node in self._api.nodes())

    def join_swarm(self, manager: str, token: str, address: str) -> None:
        """Join a swarm, as ``docker swarm join`` does."""
        with self._said_plainly():
            self._api.join_swarm([f"{manager}:2377"], join_token=token, advertise_addr=address)

    def has_ingress(self) -> bool:
        """Tell whether this engine has a swarm's network ``ingress``, set up to its end: with a way out of the host."""
        with self._said_plainly(), self._absent_is_fine():
            return "ingress-sbox" in self._api.inspect_network("docker_gwbridge")["Containers"]
        return False

    def remove_services(self) -> None:
        """Remove all services of the swarm that this engine manages, as ``docker service rm`` does."""
        with self._said_plainly():
            for service in self._api.services():
                self._api.remove_service(service["ID"])

    def leave_swarm(self) -> None:
        """Leave the swarm, even as its last manager, as ``docker swarm leave --force`` does."""
        with self._said_plainly():
            self._api.leave_swarm(force=True)

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


def _published(ports: Mapping[str, Sequence[Mapping[str, str]] | None]) -> Iterator[str]:
    """Give what leads to what; a port that is open on all addresses of both versions is one."""
    seen = set()
    for inner, outers in sorted(ports.items()):
        for outer in outers or ():
            everywhere = outer["HostIp"] in ("", "0.0.0.0", "::")  # noqa: S104  # read, not listened at
            at = "" if everywhere else f"{outer['HostIp']}:"
            seen.add(f"{at}{outer['HostPort']}:{inner.removesuffix('/tcp')}")
    yield from sorted(seen)


def _listed(record: Mapping[str, Any]) -> Listed:
    # With --link the list has a container under several names, "/web" and "/shop/web": the shortest is its own.
    name = min(record["Names"], key=len).lstrip("/")
    mode = str(record["HostConfig"]["NetworkMode"])
    return Listed(name, record["Id"], mode.removeprefix("container:") if mode.startswith("container:") else None)


NEXT_STEPS = (
    ("port is already allocated", "publish another port, or close the lab that uses this one."),
    ("address already in use", "publish another port, or stop the program that listens on this one."),
    ("sharing network namespace", "start it on that network instead: here it has no network of its own to add one to."),
    ("in private (none) mode", "take it off that network first: `lab.disconnect(container, 'none')`."),
    ("not manually attachable", "make the network without `attachable=False`, or start a service on it."),
    ("overlap", "choose a subnet that no other network uses; `lab.networks()` lists them."),
    ("no such image", "lessons use the image 'lesson', which is always there."),
    ("already in use by container", "choose another name, or close the lab that made the other container."),
    (
        "vlan link: operation not supported",
        "the kernel lacks it: `Lab(..., needs=('vlan',)).start()` finds one that has it.",
    ),
    ("resource temporarily unavailable", "remove the container that has started so many processes."),
    ("no space left", "the testbed's disk is its memory: remove what you no longer need, or run `dockernet clean`."),
    ("operation not supported", "the kernel lacks it: `Lab(..., needs=('ipvlan',)).start()` finds one that has it."),
    ("already exists", "choose another name, or close the lab that made the other network."),
)


def _next_step(said: str) -> str:
    """Choose a hint by Docker's words; where they change, only the hint becomes general, never the error."""
    lowered = said.lower()
    return next(
        (hint for words, hint in NEXT_STEPS if words in lowered),
        "change what Docker names, and run the cell again.",
    )
