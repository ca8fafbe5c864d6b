"""Pure: which rules of packet filters matched between two snapshots, and what one that drops is there for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from dockernet_lessons.facts import Chain, Place, Rule

LOSING = re.compile(r"-j (DROP|REJECT)\b")
LOSING_BY_NFT = re.compile(r"\b(drop|reject)(?: with .+)?$")
BUILT_IN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
TABLES = ("raw", "mangle", "nat", "filter")
"""The order in which the kernel asks the tables at one hook. Source: the kernel's nf_ip_hook_priorities."""

REASONS = (
    (r"raw PREROUTING -d 127\.0\.0\.1/32 ! -i lo", "the port is published on 127.0.0.1 alone"),
    (r"raw PREROUTING -d \S+ ! -i (\S+) -j DROP", "only {0} may bring packets to that container"),
    (r"\S+ DOCKER-USER ", "a rule that somebody added for all of Docker's networks"),
    (r"\S+ DOCKER-ISOLATION-STAGE-2 -o (\S+) -j DROP", "bridge networks are kept apart from each other"),
    (r"\S+ DOCKER-ISOLATION-STAGE-1 ! -[sd] (\S+) -[io] (\S+) -j DROP", "{1} belongs to an internal network"),
    (r"\S+ DOCKER-INTERNAL ! -[sd] (\S+) -[io] (\S+) -j DROP", "{1} belongs to an internal network"),
    (r"\S+ \S+ -i (\S+) -o \1 -j DROP", "containers on {0} may not talk to each other"),
    (r"\S+ DOCKER ! -i (\S+) -o \1 -j DROP", "nothing on {0} is published under that port"),
)
"""What Docker makes a rule for, by its form. Source: docs.docker.com/engine/network/packet-filtering-firewalls."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A rule or a policy that took a packet away, and whether it said so to the sender."""

    place: str
    table: str
    chain: str
    hook: str
    rule: str | None
    said_so: bool

    @property
    def where(self) -> str:
        """Name the table and the chain, and from which of the kernel's own chains that one is called."""
        if self.table not in TABLES:
            return f"chain {self.chain} of the table {self.table}"
        return (
            f"{self.table} {self.hook}" if self.chain == self.hook else f"{self.table} {self.hook}, chain {self.chain}"
        )

    @property
    def reason(self) -> str | None:
        """Say what Docker has made such a rule for, where its form tells."""
        if self.rule is None:
            return "no rule allowed it"
        for form, meaning in REASONS:
            if found := re.match(form, f"{self.table} {self.chain} {self.rule}"):
                return meaning.format(*found.groups())
        return None


def matched(before: Place, after: Place) -> Iterator[Rule]:
    """Give the rules that matched between two snapshots of a place, each with how many packets it matched meanwhile.

    >>> one, two = (Rule("nat", "POSTROUTING", "-j MASQUERADE", packets) for packets in (3, 4))
    >>> before, after = (Place("host1", "host", "host1", 1, rules=(rule,)) for rule in (one, two))
    >>> [rule.packets for rule in matched(before, after)]
    [1]
    """
    known = {key: rule.packets or 0 for key, rule in _numbered(before.rules)}
    for key, rule in _numbered(after.rules):
        more = (rule.packets or 0) - known.get(key, 0)
        if more > 0:
            yield replace(rule, packets=more)


def losses(before: Place, after: Place) -> tuple[Loss, ...]:
    """Give what took packets away between two snapshots of a place, in the order in which the kernel asks."""
    found = []
    for rule in matched(before, after):
        if how := (LOSING if rule.table in TABLES else LOSING_BY_NFT).search(rule.rule):
            hook = _hook(rule, after.rules)
            found.append(Loss(after.name, rule.table, rule.chain, hook, rule.rule, "reject" in how[0].lower()))
    old = {(chain.table, chain.chain, chain.version): chain.packets or 0 for chain in before.chains}
    for chain in after.chains:
        if _loses(chain) and (chain.packets or 0) > old.get((chain.table, chain.chain, chain.version), 0):
            found.append(Loss(after.name, chain.table, chain.chain, chain.chain, None, False))
    return tuple(sorted(found, key=_order))


def _loses(chain: Chain) -> bool:
    return chain.policy.upper() == "DROP"


def _order(loss: Loss) -> tuple[int, int]:
    hook = BUILT_IN.index(loss.hook) if loss.hook in BUILT_IN else len(BUILT_IN)
    return hook, TABLES.index(loss.table) if loss.table in TABLES else len(TABLES)


def _numbered(rules: Sequence[Rule]) -> Iterator[tuple[object, Rule]]:
    """Give each rule with what names it: of rules that read the same, the first, the second ..."""
    seen: Counter[object] = Counter()
    for rule in rules:
        name = (rule.version, rule.table, rule.chain, rule.rule)
        seen[name] += 1
        yield (*name, seen[name]), rule


def _hook(rule: Rule, rules: Sequence[Rule]) -> str:
    """Name the kernel's own chain from which a rule's chain is reached, by the jumps that lead there."""
    chain, known = rule.chain, {rule.chain}
    while chain not in BUILT_IN:
        callers = [
            each.chain
            for each in rules
            if (each.table, each.version) == (rule.table, rule.version)
            and re.search(rf"(?:-[jg]|\b(?:jump|goto)) {re.escape(chain)}$", each.rule)
            and each.chain not in known
        ]
        if not callers:
            break
        chain = callers[0]
        known.add(chain)
    return chain
