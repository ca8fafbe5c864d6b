"""Answers to the assignments' exercises: the sources' own, and wrong ones with the points that each has earned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

from dockernet_lessons.grading import notebooks
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run

Answer = Callable[[Lab, SimpleNamespace], object]
SOURCES = Path(__file__).parent.parent / "assignments"

PASSES_ON = "socat TCP-LISTEN:80,fork,reuseaddr TCP:{}:80"


def solutions(assignment: str) -> dict[str, str]:
    """Give the solutions of a source notebook, by the names of their cells."""
    found = notebooks.cells(notebooks.read(SOURCES / f"{assignment}.ipynb"))
    return {cell.name: cell.source for cell in found if cell.kind == "learner"}


def on_the_default_bridge(lab: Lab, it: SimpleNamespace) -> None:
    """Start both where no names are."""
    lab.containers(it.one, it.two)


def linked_one_way(lab: Lab, it: SimpleNamespace) -> None:
    """Let only one know the other."""
    lab.container(it.two)
    lab.container(it.one, links={it.two: it.two})


def each_is_itself(lab: Lab, it: SimpleNamespace) -> None:
    """Write each other's name into the hosts file, and lead it home."""
    lab.container(it.one, hosts={it.two: "127.0.0.1"})
    lab.container(it.two, hosts={it.one: "127.0.0.1"})


def at_another_address(lab: Lab, it: SimpleNamespace) -> None:
    """Take whatever address Docker gives."""
    lab.container(it.name, on=lab.network("address", subnet=it.subnet))


def on_one_more_network(lab: Lab, it: SimpleNamespace) -> None:
    """Give it a second address."""
    lab.connect(lab.container(it.name, on=lab.network("address", subnet=it.subnet), ip=it.address), "bridge")


def all_on_one(lab: Lab, it: SimpleNamespace) -> None:
    """Keep nobody apart."""
    lab.containers(it.left, it.middle, it.right, on=lab.network("one", subnet=it.one))


def left_out(lab: Lab, it: SimpleNamespace) -> None:
    """Put the middle on one of two networks only."""
    lab.containers(it.left, it.middle, on=lab.network("one", subnet=it.one))
    lab.container(it.right, on=lab.network("other", subnet=it.other))


def the_neighbour_is_the_middle(lab: Lab, it: SimpleNamespace) -> None:
    """Give all three networks of their own, and lead the name of the middle to the neighbour."""
    lab.container(it.middle)
    for name, subnet in ((it.left, it.one), (it.right, it.other)):
        lab.container(name, on=lab.network(f"for_{name}", subnet=subnet), hosts={it.middle: "192.0.2.3"})


def without_the_alias(lab: Lab, it: SimpleNamespace) -> None:
    """Connect it by its own name only."""
    lab.connect(it.old, it.network)


def on_one_network(lab: Lab, it: SimpleNamespace) -> None:
    """Let both get out."""
    lab.containers(it.clerk, it.vault, on=lab.network("outside", subnet=it.outside))


def both_shut_in(lab: Lab, it: SimpleNamespace) -> None:
    """Let neither get out."""
    lab.containers(it.clerk, it.vault, on=lab.network("inside", subnet=it.inside, internal=True))


def an_impostor(lab: Lab, it: SimpleNamespace) -> None:
    """Let another container say the name that is expected."""
    lab.container(it.name)
    lab.container("impostor", hostname=it.name, publish={it.port: 80})


def through_a_porter(lab: Lab, it: SimpleNamespace) -> None:
    """Pass the page on: the caller is then the porter."""
    lab.network("alley", subnet="172.30.250.0/24")
    lab.container(it.name, on="alley")
    lab.container("impostor", on="alley", publish={it.port: 80}, command=PASSES_ON.format(it.name))


def stopped(lab: Lab, it: SimpleNamespace) -> None:
    """Stop it once it has been right."""
    lab.stop(lab.container(it.name, publish={it.port: 80}))


def for_everybody(lab: Lab, it: SimpleNamespace) -> None:
    """Publish it at all addresses."""
    lab.container(it.name, publish={it.port: 80})


def everybody_out(lab: Lab, it: SimpleNamespace) -> None:
    """Keep everybody out, and not the neighbour alone."""
    run("host1", "iptables -I DOCKER-USER -p tcp --dport 80 -j DROP; iptables -I DOCKER-USER 2 -p tcp -j RETURN")


def connected_by_docker(lab: Lab, it: SimpleNamespace) -> None:
    """Let Docker do it, on a network of that subnet."""
    net = lab.network("by_docker", subnet="198.51.100.0/24")
    lab.container(it.name, on=net, ip=it.address, publish={it.port: 80})


def half_way(lab: Lab, it: SimpleNamespace) -> None:
    """Connect it to host1, and lead nobody in."""
    lab.container(it.name, on="none")
    pid = f"$(docker inspect -f '{{{{.State.Pid}}}}' {it.name})"
    run("host1", f"ip link add cable type veth peer name eth0 netns {pid} && ip link set cable up")
    run("host1", f"ip address add {it.gateway}/24 dev cable")
    run("host1", f"nsenter -n -t {pid} sh -c 'ip address add {it.address}/24 dev eth0; ip link set eth0 up'")


def an_address_of_the_host(lab: Lab, it: SimpleNamespace) -> None:
    """Publish it at a second address of host1, and not one of its own."""
    run("host1", f"ip address add {it.address}/24 dev eth0")
    lab.container(it.name, publish={f"{it.address}:80": 80})


def a_route_alone(lab: Lab, it: SimpleNamespace) -> None:
    """Send it through eth0, which does not hand it over to its own children."""
    run("host1", f"ip route add {it.address}/32 dev eth0 && ip route delete {it.address}/32 dev eth0")


def side_by_side(lab: Lab, it: SimpleNamespace) -> None:
    """Keep nobody apart."""
    lab.containers(it.one, it.two)


def last_by_name(lab: Lab, it: SimpleNamespace) -> None:
    """Connect it to a network whose name comes last."""
    net = lab.network("zzz", subnet=it.subnet)
    lab.connect(it.app, net)


def moved(lab: Lab, it: SimpleNamespace) -> None:
    """Leave the other for the new network."""
    lab.connect(it.app, lab.network("aaa", subnet=it.subnet))
    lab.disconnect(it.app, it.network)


def moved_to_another(lab: Lab, it: SimpleNamespace) -> None:
    """Leave the other for the new network, where a container goes by its name."""
    moved(lab, it)
    lab.connect(lab.container("decoy"), "aaa", aliases=[it.web])


def on_two_bridges_alike(lab: Lab, it: SimpleNamespace) -> None:
    """Put each on the bridge of its own host, which have the same subnet, and lead the name of the other home."""
    lab.need("host2")
    lab.container(it.near, hosts={it.far: "127.0.0.1"})
    lab.container(it.far, host="host2", hosts={it.near: "127.0.0.1"})


def both_here(lab: Lab, it: SimpleNamespace) -> None:
    """Start both on the same host."""
    lab.containers(it.near, it.far, on=lab.network("near", subnet=it.subnet))


BY_HAND = "; ".join(
    (
        "ip link delete cable 2>/dev/null",  # it goes with its container, but not at once
        "iptables -F DOCKER-USER",
        "iptables -A DOCKER-USER -j RETURN",
        "ip -4 address flush dev eth0",
        "ip address add 192.0.2.11/24 dev eth0",
        "ip route replace default via 192.0.2.254",
    )
)


def undo(lab: Lab, before: dict[str, set[str]]) -> None:
    """Remove what an answer has made, by Docker and by hand; what was there ``before`` is as it was."""
    for engine in lab.bed.engines():
        for record in engine.containers():
            if record.name not in before:
                engine.remove_container(record.id)
            for network in set(record.addresses) - before.get(record.name, set(record.addresses)):
                engine.disconnect(record.id, network)
            for network in before.get(record.name, set()) - set(record.addresses):
                engine.connect(record.id, network)
    for network in lab.networks():
        if network.name not in before["networks"]:
            lab.bed.engine().remove_network(network.name)
    run("host1", BY_HAND)


def there(lab: Lab) -> dict[str, set[str]]:
    """Give what there is: which containers on which networks, and the networks."""
    records = [record for engine in lab.bed.engines() for record in engine.containers()]
    networks = {network.name for network in lab.networks()}
    return {record.name: set(record.addresses) for record in records} | {"networks": networks}


WRONG: dict[str, dict[str, tuple[tuple[Answer, int], ...]]] = {
    "bridges": {
        "names": ((on_the_default_bridge, 0), (linked_one_way, 1), (each_is_itself, 0)),
        "address": ((at_another_address, 0), (on_one_more_network, 1)),
        "gate": ((all_on_one, 1), (left_out, 0), (the_neighbour_is_the_middle, 0)),
        "alias": ((without_the_alias, 1),),
        "vault": ((on_one_network, 1), (both_shut_in, 0)),
    },
    "publishing": {
        "door": ((an_impostor, 0), (through_a_porter, 1), (stopped, 0)),
        "desk": ((for_everybody, 1),),
        "shared": ((for_everybody, 1),),
        "cable": ((connected_by_docker, 0), (half_way, 1)),
        "barred": ((everybody_out, 1),),
    },
    "lan": {
        "guest": ((an_address_of_the_host, 1),),
        "shim": ((a_route_alone, 0),),
        "apart": ((side_by_side, 0),),
        "way_out": ((last_by_name, 0), (moved_to_another, 1)),
        "far": ((both_here, 0), (on_two_bridges_alike, 0)),
    },
}


def with_a_second_door(lab: Lab, it: SimpleNamespace) -> None:
    """Publish it at port 80, too."""
    lab.container(it.name, publish={it.port: 80, 80: 80})


def made_anew(lab: Lab, it: SimpleNamespace) -> None:
    """Make both anew, on a network that has no fault."""
    first, second = (it.app, it.db) if hasattr(it, "db") else (it.one, it.two)
    lab.containers(first, second, on=lab.network("anew", subnet="172.30.251.0/24"))


def named_by_hand(lab: Lab, it: SimpleNamespace) -> None:
    """Lead the name of each home to the other."""
    run(it.one, f"echo 127.0.0.1 {it.two} >> /etc/hosts")
    run(it.two, f"echo 127.0.0.1 {it.one} >> /etc/hosts")


def with_the_door_open(lab: Lab, it: SimpleNamespace) -> None:
    """Let both get out."""
    out = lab.network("out", subnet="172.30.252.0/24")
    lab.connect(it.api, out)
    lab.connect(it.db, out)


def for_anybody(lab: Lab, it: SimpleNamespace) -> None:
    """Let everybody in."""
    run("host1", f"iptables -D DOCKER-USER -d {it.address} -p tcp --dport 80 -j DROP")


def started_anew(lab: Lab, it: SimpleNamespace) -> None:
    """Start it anew: Docker then gives it a route."""
    lab.restart(it.app)


WRONG_REPAIRS: dict[str, tuple[Answer, int]] = {
    "deaf": (with_a_second_door, 1),
    "nameless": (made_anew, 0),
    "wrong_port": (through_a_porter, 1),
    "locked_in": (with_the_door_open, 1),
    "barred": (for_anybody, 1),
    "strangers": (named_by_hand, 0),
    "lost": (started_anew, 0),
}
