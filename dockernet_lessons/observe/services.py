"""Who waits for others in a place, and whom it asks for names."""

from __future__ import annotations

from dockernet_lessons.display import Table
from dockernet_lessons.facts import Address, Container, Listener, Resolver
from dockernet_lessons.observe.here import Here


def listeners(place: Container | str) -> Table[Listener]:
    """Give the sockets of a place that wait for others, and the programs they belong to.

    >>> listeners("router")
    router$ ss -tulnp
    protocol  address      port  program
    tcp       192.0.2.254  53    dnsmasq
    udp       192.0.2.254  53    dnsmasq

    Source: ss(8).
    """
    here = Here(place)
    return here.table(
        here.place.listeners,
        columns={
            "protocol": lambda each: each.protocol,
            "address": lambda each: _anywhere(each.address),
            "port": lambda each: each.port,
            "program": lambda each: each.process,
        },
        command="ss -tulnp",
    )


def _anywhere(address: Address) -> str:
    return f"{address} (any)" if address.is_unspecified else str(address)


def resolver(place: Container | str) -> Table[Resolver]:
    """Give the name servers that a place asks, and how.

    >>> resolver(web)
    host1$ docker exec web cat /etc/resolv.conf
    name servers  options
    127.0.0.11    ndots:0

    Source: resolv.conf(5).
    """
    here = Here(place)
    return here.table(
        [here.place.resolver] if here.place.resolver else [],
        columns={
            "name servers": lambda each: ", ".join(map(str, each.servers)),
            "search": lambda each: ", ".join(each.search),
            "options": lambda each: ", ".join(each.options),
        },
        command="cat /etc/resolv.conf",
    )
