"""How a lab's things are made on an engine, and swept from all of them: told by their label, never by a name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

from dockernet_lessons import docker_commands
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Network
from dockernet_lessons.inputs import listed
from dockernet_lessons.network_inputs import check_free
from dockernet_lessons.plans import ContainerPlan, NetworkPlan
from dockernet_lessons.testbed import HOSTS, Testbed, image
from dockernet_lessons.testbed.engine import ContainerRecord, Engine

LESSON = "dockernet.lesson"
MADE_AS = "dockernet.made-as"
GATEWAY_BRIDGE = "docker_gwbridge"
INGRESS_END = "gateway_ingress-sbox"
LET_GO_SECONDS = 10.0
GOSSIP_SECONDS = 5.0
SERVES = """
turns=250
while [ $# -ge 2 ]; do
    listens=":$(printf '%04X' "$2") [0-9A-F]*:0000 0A "
    while [ -e "/proc/$1" ] && [ $turns -gt 0 ] && ! grep -qs "$listens" "/proc/$1/net/tcp" "/proc/$1/net/tcp6"; do
        turns=$((turns - 1))
        sleep 0.02
    done
    shift 2
done
"""
"""Waits, for pairs of a process and a TCP port, until somebody listens there or the process has ended; 5 s in all."""

CLOSE_IT = "close the lab that made it: `lab.close()` in its notebook; `dockernet clean` closes all"


def make_network(engine: Engine, lesson: str, plan: NetworkPlan) -> tuple[Network, bool]:
    """Give the network of a plan, and whether it had to be made; one of this lesson made otherwise is replaced."""
    mine = {network.name: network for network in engine.networks(f"{LESSON}={lesson}")}
    if plan.name in mine:
        if plan.name in {network.name for network in engine.networks(f"{MADE_AS}={plan}")}:
            return mine[plan.name], False
        refuse_in_use(engine, plan.name)
        engine.remove_network(plan.name)
    others = engine.networks()
    if any(network.name == plan.name for network in others):
        raise LessonError(
            f"A network called {plan.name} exists on {engine.host} already, and it is not this lab's.",
            hint=f"choose another name, or {CLOSE_IT}.",
        )
    check_free(plan, others)
    engine.create_network(plan, {LESSON: lesson, MADE_AS: str(plan)})
    return _until_allocated(engine, plan), True


def _until_allocated(engine: Engine, plan: NetworkPlan) -> Network:
    """Give a network just made; a swarm tells the subnet of an overlay, be it a wanted one, a moment later."""
    deadline = time.monotonic() + LET_GO_SECONDS
    while True:
        made = next(network for network in engine.networks() if network.name == plan.name)
        if made.subnets or plan.driver != "overlay" or time.monotonic() > deadline:
            return made
        time.sleep(0.02)


def make_containers(
    engine: Engine, lesson: str, plans: dict[str, ContainerPlan]
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the ids of the containers of some plans, by name: of those that ran already, and of those that were made.

    Where one cannot be started, none of this call is left.
    """
    kept = _settle(engine, lesson, plans)
    missing = {name: plan for name, plan in plans.items() if name not in kept}

    def create(name: str, plan: ContainerPlan) -> str:
        try:
            return engine.create_container(name, plan, {LESSON: lesson, MADE_AS: str(plan)})
        except LessonError as error:
            if engine.has_image(plan.image):
                raise
            raise LessonError(
                f"{engine.host} has no image called {plan.image!r}.",
                hint="leave `image` out: lessons use the image 'lesson', and the testbed reaches no registry.",
            ) from error

    made: dict[str, str] = {}
    # They are made side by side and started in order: addresses are handed out at the start.
    with ThreadPoolExecutor(max_workers=8) as pool:
        jobs = {name: pool.submit(create, name, plan) for name, plan in missing.items()}
        try:
            for name, job in jobs.items():
                made[name] = job.result()
                engine.start_container(made[name])
                for network in missing[name].further:
                    engine.connect(made[name], network)
        except BaseException:
            for job in jobs.values():
                with suppress(LessonError):
                    engine.remove_container(job.result())
            raise
    return kept, made


def _settle(engine: Engine, lesson: str, plans: dict[str, ContainerPlan]) -> dict[str, str]:
    """Give the ids of the wanted containers that run already; clear the way for the others."""
    kept = {}
    for name, plan in plans.items():
        record = engine.container(name)
        if record is None:
            continue
        if record.labels.get(LESSON) != lesson:
            raise LessonError(
                f"A container called {name} exists on {engine.host} already, {_owner(record)}.",
                hint=f"choose another name, or {CLOSE_IT}.",
            )
        if record.labels.get(MADE_AS) == str(plan) and record.state == "running":
            kept[name] = record.id
        else:
            engine.remove_container(record.id)
    return kept


def _owner(record: ContainerRecord) -> str:
    lesson = record.labels.get(LESSON)
    return f"made by lab {lesson}" if lesson else "and it is not a lab's"


def refuse_in_use(engine: Engine, name: str) -> None:
    """Refuse to do away with a network that has containers on it."""
    users = [record.name for record in engine.containers() if name in record.addresses]
    if users:
        raise LessonError(
            f"The network {name} is in use by {listed(users)}.",
            hint="remove or disconnect its containers first.",
        )


def sweep(engines: Sequence[Engine], lesson: str | None) -> tuple[int, int]:
    """Remove what carries this lesson's label, or any lesson's, containers first; tell how many of each there were.

    One that cannot be removed does not keep the rest from being removed.
    """
    label = f"{LESSON}={lesson}" if lesson else LESSON
    failed: list[LessonError] = []

    def attempt(remove: Callable[[], object]) -> None:
        try:
            remove()
        except LessonError as error:
            failed.append(error)

    containers = [(engine, record.id) for engine in engines for record in engine.containers(label)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        for gone in [pool.submit(engine.remove_container, each) for engine, each in reversed(containers)]:
            attempt(gone.result)
    networks = [(engine, network) for engine in engines for network in engine.networks(label)]
    managers = {engine: engine.swarm_labels() for engine in engines}
    for engine, labels in managers.items():
        if LESSON in labels and lesson in (None, labels[LESSON]):  # what serves in a lab's swarm is the lab's
            attempt(engine.remove_services)
    for engine, network in reversed(networks):
        if network.driver != "overlay":
            attempt(partial(engine.remove_network, network.name))
        elif managers.get(engine):  # of a network that hosts share, the manager of the swarm disposes
            attempt(partial(_until_let_go, partial(engine.remove_network, network.name)))
    if any(LESSON in labels and lesson in (None, labels[LESSON]) for labels in managers.values()):
        attempt(partial(leave_swarm, [engine for engine in engines if engine.in_swarm()]))
    if failed:
        raise failed[0]
    distinct = {(each.name, each.driver == "overlay" or engine.host) for engine, each in networks}
    return len(containers), len(distinct)


def join_swarm(manager: Engine, workers: Sequence[Engine], lesson: str) -> list[tuple[str, str]]:
    """Join engines into one swarm of this lesson's; give the docker commands of what was done, each with its host.

    Raises ``LessonError`` where one of them is in a swarm that is not this lesson's.
    """
    done = []
    address = {host: at for host, (at, _) in HOSTS.items()}
    if manager.in_swarm():
        if manager.swarm_labels().get(LESSON) != lesson:
            raise _other_swarm(manager)
    else:
        manager.init_swarm(address[manager.host], {LESSON: lesson})
        done.append((manager.host, f"docker swarm init --advertise-addr {address[manager.host]}"))
    for worker in workers:
        if worker.in_swarm():
            if not manager.has_node(address[worker.host]):
                raise _other_swarm(worker)
            continue
        worker.join_swarm(address[manager.host], manager.swarm_token(), address[worker.host])
        token = f"$({docker_commands.on_host(manager.host, 'docker swarm join-token --quiet worker')})"
        done.append((worker.host, f"docker swarm join --token {token} {address[manager.host]}:2377"))
    _until_set_up([manager, *workers])
    return done


def _until_set_up(nodes: Iterable[Engine]) -> None:
    """Wait until each node has the network that Docker makes with a swarm, about a second after joining.

    An engine that leaves while that is being made may keep it.
    """
    deadline = time.monotonic() + LET_GO_SECONDS
    for engine in nodes:
        while not engine.has_ingress() and time.monotonic() < deadline:
            time.sleep(0.05)


def _other_swarm(engine: Engine) -> LessonError:
    return LessonError(
        f"{engine.host} is in a swarm already, and it is not this lab's.",
        hint=f"{CLOSE_IT}, or `docker swarm leave --force` there.",
    )


def leave_swarm(nodes: Sequence[Engine]) -> None:
    """Have all nodes leave their swarm, the workers first, and remove the bridge that Docker would leave behind."""
    for engine in sorted(nodes, key=lambda engine: bool(engine.swarm_labels())):
        if engine.in_swarm():
            engine.leave_swarm()
    for engine in nodes:
        try:
            _until_let_go(partial(engine.remove_network, GATEWAY_BRIDGE), seconds=2)
        except LessonError:  # a node that left while it was still joining forgets its end of the bridge
            with suppress(LessonError):
                engine.disconnect(INGRESS_END, GATEWAY_BRIDGE, force=True)
            _until_let_go(partial(engine.remove_network, GATEWAY_BRIDGE))


def await_pages(bed: Testbed, plans: Mapping[str, ContainerPlan], records: Iterable[ContainerRecord]) -> None:
    """Wait until those just started that serve a page by themselves listen for whoever asks.

    A published port is taken on before that: who came too early would get an empty answer.
    """
    pairs: list[str] = []
    for record in records:
        plan = plans[record.name]
        if plan.command is None and plan.image in (image.NAME, image.TAG) and record.pid:
            pairs += str(record.pid), dict(plan.env).get("PORT", "80")
    if pairs:
        bed.run("testbed", ["sh", "-c", SERVES, "serves", *pairs], check=False)


def await_names(bed: Testbed, network: str, made: Iterable[str]) -> None:
    """Wait until containers of an overlay on different hosts know the names of those just made, and these theirs.

    The hosts tell each other a moment after a container has started. Where they cannot, the wait is over after some
    seconds all the same: a lesson may have cut them off from each other.
    """
    deadline = time.monotonic() + GOSSIP_SECONDS
    records = [record for engine in bed.engines() for record in engine.containers() if network in record.addresses]
    for one in records:
        for other in records:
            if one.pid and one.host != other.host and {one.name, other.name} & {*made}:
                ask = ["getent", "ahostsv4", other.name]
                while bed.run(f"pid:{one.pid}", ask, check=False, timeout=20).exit_code and time.monotonic() < deadline:
                    time.sleep(0.1)


def _until_let_go(remove: Callable[[], object], *, seconds: float = LET_GO_SECONDS) -> None:
    """Remove something that a swarm lets go a moment later."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            remove()
        except LessonError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
