"""The sanitise file: nbval reads every rule, and each rule hits what it names and nothing else."""

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from nbval.plugin import get_sanitize_patterns

SANITISE = Path(__file__).with_name("sanitise.cfg")


class Sample(NamedTuple):
    """One text that a rule must change, what it becomes, and texts that the rule must leave alone."""

    hit: str
    becomes: str
    misses: tuple[str, ...]


SAMPLES = {
    "veth-by-lot": Sample(
        "port veth1a2b3c4 of docker0",
        "port veth-by-lot of docker0",
        ("veth0", "veth-web", "vethernet", "veth1a2b3c4d", "myveth1a2b3c4"),
    ),
    "mac-by-lot": Sample(
        "eth0  02:42:ac:11:00:02  up",
        "eth0  mac-by-lot  up",
        ("ff:ff:ff:ff:ff:ff", "fe80::42:ac:11:00:02:01", "2001:db8::1", "12:30:45", "172.17.0.2"),
    ),
    'src="picture"': Sample(
        '<img alt="web on docker0" src="data:image/png;base64,iVBOR+/=" width="600">',
        '<img alt="web on docker0" src="picture" width="600">',
        ('<img alt="web" src="topology.png">', '<a href="data:text/plain,x">'),
    ),
}


def dropped_rules(text: str) -> int:
    """Count the rules that someone wrote and nbval does not see."""
    return len(re.findall(r"^\s*regex\s*:", text, re.MULTILINE)) - len(get_sanitize_patterns(text))


def unreasoned_rules(text: str) -> list[str]:
    """List the rules without a comment line right above them."""
    lines = ["", *text.splitlines()]
    return [line for above, line in pairwise(lines) if line.startswith("regex:") and not above.startswith("#")]


RULES = get_sanitize_patterns(SANITISE.read_text())


def test_nbval_sees_every_rule() -> None:
    """No rule is silently lost to a blank line, an indent or a carriage return."""
    assert dropped_rules(SANITISE.read_text()) == 0
    assert b"\r" not in SANITISE.read_bytes()


@pytest.mark.parametrize(
    "damage", ["regex: a\n\nreplace: b\n", " regex: a\nreplace: b\n", "regex: a\n#why\nreplace: b\n"]
)
def test_a_lost_rule_would_be_noticed(damage: str) -> None:
    """The count of lost rules really counts: each of these pairs is one that nbval drops."""
    assert dropped_rules(SANITISE.read_text() + damage) == 1


def test_every_rule_has_its_reason() -> None:
    """A reader of the file learns why each comparison is given up."""
    assert unreasoned_rules(SANITISE.read_text()) == []
    assert unreasoned_rules("\nregex: a\nreplace: b\n") == ["regex: a"]


def test_every_rule_has_its_sample() -> None:
    """A new rule cannot come in without a text that it hits and texts that it spares."""
    assert [replacement for _, replacement in RULES] == list(SAMPLES)


@pytest.mark.parametrize(("regex", "replacement"), RULES, ids=list(SAMPLES))
def test_a_rule_hits_what_it_names_and_nothing_else(regex: str, replacement: str) -> None:
    """A rule changes its own sample as said, and neither its look-alikes nor other rules' samples."""
    sample = SAMPLES[replacement]
    assert re.sub(regex, replacement, sample.hit) == sample.becomes
    others = [other.hit for name, other in SAMPLES.items() if name != replacement]
    for spared in (*sample.misses, *others):
        assert re.sub(regex, replacement, spared) == spared
