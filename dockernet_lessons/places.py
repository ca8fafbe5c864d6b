"""Everything that there is in the testbed at one moment, each network namespace by the name that a learner knows."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from dockernet_lessons import parse, testbed
from dockernet_lessons.facts import Network, Place
from dockernet_lessons.parse import Named


@dataclass(frozen=True, slots=True)
class Observation:
    """Every place of the testbed at one moment, and by which names; some of them can be looked at again."""

    places: tuple[Place, ...]
    named: Mapping[str, Named]

    def again(self, text: str, inodes: Collection[int]) -> tuple[Place, ...]:
        """Give the places as they are once those of some network namespaces were looked at again.

        ``text`` is what ``files/snapshot`` prints of these. What has ended meanwhile is left out.
        """
        found = {place.name: place for place in parse.snapshot(text, self.named)}
        remaining = (place for place in self.places if place.name in found or place.inode not in inodes)
        return parse.with_owners([found.get(place.name, place) for place in remaining])


def observation() -> Observation:
    """Observe every place of the testbed at once, to be looked at again later."""
    bed = testbed.running()
    text = bed.snapshot()
    names = named(bed, parse.keys(text))
    return Observation(parse.snapshot(text, names), names)


def places() -> tuple[Place, ...]:
    """Observe every place of the testbed at once: its own, every container that runs, and the overlays' sandboxes.

    What ends while it is observed is left out.
    """
    return observation().places


def named(bed: testbed.Testbed, keys: Sequence[str]) -> dict[str, Named]:
    """Name what a snapshot holds: hosts before the containers that share with them, and these before their sharers."""
    found = {
        "internet": Named("internet", "internet", "internet"),
        "router": Named("router", "router", "router"),
        "neighbour": Named("neighbour", "neighbour", "neighbour"),
    }
    for host in bed.hosts:
        running = sorted(bed.engine(host).running(), key=lambda each: each.shares is not None)
        found[host] = Named(host, "host", host)
        found |= {f"{host}:{each.id}": Named(each.name, "container", host) for each in running}
        if sandboxes := [key for key in keys if key.startswith(f"{host}:") and key not in found]:
            found |= dict(_sandboxes(host, sandboxes, bed.engine(host).network_ids()))
    return found


def _sandboxes(host: str, keys: Sequence[str], networks: Mapping[str, str]) -> Iterator[tuple[str, Named]]:
    """Name the sandboxes of overlay networks, of which the engine tells by the start of the network's id."""
    for key in keys:
        what = key.removeprefix(f"{host}:")
        for number, name in networks.items():
            if re.fullmatch(rf"\d+-{number[:10]}", what):
                yield key, Named(f"{name} on {host}", "sandbox", host)
            elif what == f"lb_{number[:9]}" or (what == "ingress_sbox" and name == "ingress"):
                yield key, Named(f"{name} balancer on {host}", "sandbox", host)


def networks() -> tuple[Network, ...]:
    """Give the Docker networks of every host."""
    return tuple(network for engine in testbed.running().engines() for network in engine.networks())
