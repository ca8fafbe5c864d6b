"""Rules of packet filters with their counters, and the settings that decide whether packets come by them at all."""

from __future__ import annotations

from typing import Literal

from dockernet_lessons.display import Table
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Container, Rule, Setting
from dockernet_lessons.inputs import listed, similar
from dockernet_lessons.observe.here import Here, check_version

COMMANDS = {4: "iptables", 6: "ip6tables"}
TABLES = ("raw", "mangle", "nat", "filter")


def nat(host: str = "host1") -> Table[Rule]:
    """Give a host's rules that rewrite addresses, and how many connections each has matched.

    A rule of the nat table sees the first packet of a connection only, so its counter counts connections.
    Source: iptables(8), table nat.
    """
    here = Here(host)
    return here.table(
        [rule for rule in here.place.rules if rule.table == "nat" and rule.version == 4],
        columns={
            "chain": lambda rule: rule.chain,
            "rule": lambda rule: rule.rule,
            "matched": lambda rule: rule.packets,
        },
        command="iptables -t nat -v -S",
    )


def rules(
    place: Container | str = "host1",
    *,
    table: str | None = None,
    chain: str | None = None,
    version: Literal[4, 6] = 4,
) -> Table[Rule]:
    """Give the rules of a place's packet filter, and how many packets each has matched.

    ``table`` is ``raw``, ``mangle``, ``nat`` or ``filter``, or the family and name of a table that nft made; without
    it they all are given. ``chain`` is one chain of them.

    >>> rules(web, table="nat", chain="OUTPUT")
    host1$ nsenter -n -t $(docker inspect -f '{{.State.Pid}}' web) iptables -t nat -v -S OUTPUT
    rule                               matched
    -d 127.0.0.11/32 -j DOCKER_OUTPUT  0

    Source: iptables(8), nft(8).
    """
    check_version(version)
    here = Here(place)
    present = [rule for rule in here.place.rules if rule.version in (version, None)]
    tables = {rule.table: None for rule in present}
    policies = {each.table for each in here.place.chains if each.version in (version, None)}
    if table is not None and table not in (*tables, *policies, *TABLES):
        raise LessonError(
            f"{here.name} has no table of rules called {table!r}.",
            hint=f"it has {listed(tables) or 'no rules'}.{similar(str(table), tables)}",
        )
    found = [rule for rule in present if table in (None, rule.table)]
    chains = {rule.chain: None for rule in found} | {each.chain: None for each in here.place.chains}
    if chain is not None and chain not in chains:
        raise LessonError(
            f"{here.name} has no rules in a chain called {chain!r}.",
            hint=f"there are {listed(chains) or 'none'}.{similar(str(chain), chains)}",
        )
    return here.table(
        [rule for rule in found if chain in (None, rule.chain)],
        columns={
            "table": lambda rule: rule.table if table is None else None,
            "chain": lambda rule: rule.chain if chain is None else None,
            "rule": lambda rule: rule.rule,
            "matched": lambda rule: rule.packets,
        },
        command=_rules_command(table, chain, version),
    )


def _rules_command(table: str | None, chain: str | None, version: int) -> str:
    if table is None:
        return f"{COMMANDS[version]}-save -c"
    if table not in TABLES:
        return f"nft list table {table}"
    return " ".join([COMMANDS[version], "-t", table, "-v", "-S", *([chain] if chain else [])])


def settings(place: Container | str = "host1") -> Table[Setting]:
    """Give those switches of a place's kernel that decide whether it forwards packets and filters bridged ones.

    >>> settings("neighbour")
    neighbour$ sysctl net.ipv4.conf.all.rp_filter net.ipv4.ip_forward net.ipv6.conf.all.forwarding
    setting                       value
    net.ipv4.conf.all.rp_filter   0
    net.ipv4.ip_forward           0
    net.ipv6.conf.all.forwarding  0

    Source: sysctl(8).
    """
    here = Here(place)
    return here.table(
        here.place.settings,
        columns={"setting": lambda each: each.name, "value": lambda each: each.value},
        command=" ".join(["sysctl", *(each.name for each in here.place.settings)]),
    )
