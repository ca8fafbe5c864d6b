"""What iptables-save and nft print: rules with their counters, and what becomes of packets without one."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import Literal, TypeAlias

from dockernet_lessons.facts import Chain, Rule

Version: TypeAlias = Literal[4, 6]
Rules: TypeAlias = tuple[tuple[Rule, ...], tuple[Chain, ...]]

SAVED_RULE = re.compile(r"\[(?P<packets>\d+):\d+\] -A (?P<chain>\S+) ?(?P<rule>.*)")
SAVED_CHAIN = re.compile(r":(?P<chain>\S+) (?P<policy>[A-Z]+) \[(?P<packets>\d+):\d+\]")


def iptables_save(text: str, version: Version = 4) -> Rules:
    r"""Give the rules that ``iptables-save -c`` prints, in its order, and the chains that have a policy.

    >>> save = "*nat\n:OUTPUT ACCEPT [2:80]\n:DOCKER - [0:0]\n[3:252] -A OUTPUT -d 127.0.0.11/32 -j DOCKER\nCOMMIT\n"
    >>> iptables_save(save)[0]
    (Rule(table='nat', chain='OUTPUT', rule='-d 127.0.0.11/32 -j DOCKER', packets=3, version=4),)
    >>> iptables_save(save)[1]
    (Chain(table='nat', chain='OUTPUT', policy='ACCEPT', packets=2, version=4),)

    Source: iptables-save(8).
    """
    rules, chains, table = [], [], ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif found := SAVED_RULE.fullmatch(line):
            rules.append(Rule(table, found["chain"], found["rule"], int(found["packets"]), version))
        elif found := SAVED_CHAIN.fullmatch(line):
            chains.append(Chain(table, found["chain"], found["policy"], int(found["packets"]), version))
    return tuple(rules), tuple(chains)


NFT_BLOCK = re.compile(r"(?P<kind>table|chain) (?P<name>.+) \{")
NFT_COUNTER = re.compile(r"counter packets (?P<packets>\d+) bytes \d+")
NFT_POLICY = re.compile(r"type .* hook .*; policy (?P<policy>\w+);")
NFT_VERSIONS: dict[str, Version] = {"ip": 4, "ip6": 6}


def nft_ruleset(text: str, without: Container[str] = ()) -> Rules:
    r"""Give the rules that ``nft list ruleset`` prints, but for the tables named in ``without``.

    A rule's text is the statement without its counts. A chain has a policy where the kernel calls it.

    >>> table = "table inet shop {\n\tchain door {\n\t\ttype filter hook input priority filter; policy drop;\n"
    >>> rules, chains = nft_ruleset(table + "\t\ttcp dport 80 counter packets 2 bytes 120 accept\n\t}\n}\n")
    >>> rules
    (Rule(table='inet shop', chain='door', rule='tcp dport 80 counter accept', packets=2, version=None),)
    >>> chains
    (Chain(table='inet shop', chain='door', policy='DROP', packets=None, version=None),)

    Source: nft(8).
    """
    rules, chains = [], []
    for table, chain, line in _in_chains(text):
        version = NFT_VERSIONS.get(table.split()[0])
        if table in without:
            continue
        if found := NFT_POLICY.fullmatch(line):
            chains.append(Chain(table, chain, found["policy"].upper(), None, version))
        elif not line.startswith(("type ", "comment ")):
            counted = NFT_COUNTER.search(line)
            packets = int(counted["packets"]) if counted else None
            rules.append(Rule(table, chain, NFT_COUNTER.sub("counter", line), packets, version))
    return tuple(rules), tuple(chains)


def _in_chains(text: str) -> Iterator[tuple[str, str, str]]:
    """Give the statements of all chains, each with its table and chain; one that is set in several lines as one."""
    table = chain = ""
    depth = 0  # of blocks that are no chain: sets, maps, flow tables
    part = ""
    for line in (line.strip() for line in text.splitlines()):
        opened = NFT_BLOCK.fullmatch(line)
        if opened and not chain and not depth:
            table, chain = (opened["name"], "") if opened["kind"] == "table" else (table, opened["name"])
        elif not chain:
            depth += line.count("{") - line.count("}") if depth or line.endswith("{") else 0
        elif line == "}" and not part:
            chain = ""
        elif line and not line.startswith("#"):
            part = f"{part} {line}".strip()
            if part.count("{") == part.count("}"):
                yield table, chain, part
                part = ""
