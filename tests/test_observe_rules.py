"""Rules, sockets, resolvers and settings of live places; and a snapshot while the world changes beneath it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from threading import Event, Thread

import pytest

from dockernet_lessons import observe, probe
from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Place
from dockernet_lessons.lab import Lab
from dockernet_lessons.testbed import Testbed

pytestmark = pytest.mark.testbed


@pytest.fixture(scope="module")
def lab(bed: Testbed) -> Iterator[Lab]:
    """Give a lab with web and db on a shop, and a proxy on the default bridge."""
    assert bed.alive()
    lab = Lab("test_rules").start()
    lab.containers("web", "db", on=lab.network("shop", subnet="172.30.0.0/24"))
    lab.container("proxy", publish={8080: 80})
    yield lab
    lab.close()


def place(name: str) -> Place:
    """Observe one place."""
    return next(each for each in observe.places() if each.name == name)


def by_hand(lab: Lab, command: str) -> str:
    """Type a command line into a shell on host1, and give what it prints."""
    return lab.bed.run("host1", ["sh", "-c", command]).stdout


def test_a_counter_counts_what_matched(lab: Lab) -> None:
    """A rule that drops a lost packet has counted it, and no other rule of its chain has."""
    probe.run("host1", "iptables -I DOCKER-USER -p icmp -s 172.30.0.2 -j DROP; iptables -A DOCKER-USER -s 192.0.2.77")
    assert not probe.ping("web", "192.0.2.3", count=2).reached
    table = observe.rules("host1", table="filter", chain="DOCKER-USER")
    assert [(rule.rule, rule.packets) for rule in table][:1] == [("-s 172.30.0.2/32 -p icmp -j DROP", 2)]
    assert ("-s 192.0.2.77/32", 0) in [(rule.rule, rule.packets) for rule in table]
    assert "-s 172.30.0.2/32 -p icmp" in by_hand(lab, table.command)
    probe.run("host1", "iptables -D DOCKER-USER -p icmp -s 172.30.0.2 -j DROP; iptables -D DOCKER-USER -s 192.0.2.77")


@pytest.mark.parametrize("name", ["host1", "web", "router"])
def test_rules_are_those_that_are_printed_by_hand(lab: Lab, name: str) -> None:
    """The command that is shown prints the same rules, in the same order."""
    probe.run("router", "iptables -A FORWARD -d 198.51.100.1 -j DROP")
    table = observe.rules(name)
    assert len(table) > 0
    printed = by_hand(lab, table.command) if name != "router" else lab.bed.run(name, table.command.split()).stdout
    found = re.findall(r"(?m)^\[\d+:\d+\] -A (\S+) (.*)$", printed)
    assert found == [(rule.chain, rule.rule) for rule in table if rule.version == 4]


def test_rules_of_ipv6_and_of_nft(lab: Lab) -> None:
    """Rules of IPv6 are asked for by their version; a table that nft made is there beside, with its counters."""
    probe.run("host1", "ip6tables -A INPUT -s 2001:db8::9 -j DROP")
    assert ("INPUT", "-s 2001:db8::9/128 -j DROP") in [(each.chain, each.rule) for each in observe.rules(version=6)]
    assert not [rule for rule in observe.rules() if "2001:db8::9" in rule.rule]
    probe.run(
        "neighbour",
        "nft 'add table inet wall; add chain inet wall door { type filter hook input priority 0; policy accept; };"
        " add rule inet wall door ip protocol icmp counter; add rule inet wall door tcp dport { 22, 2222 } drop'",
    )
    assert probe.ping("host1", "192.0.2.3").reached
    table = observe.rules("neighbour", table="inet wall")
    assert [(rule.chain, rule.rule, rule.packets) for rule in table] == [
        ("door", "ip protocol icmp counter", 1),
        ("door", "tcp dport { 22, 2222 } drop", None),
    ]
    assert table.command == "nft list table inet wall"
    assert [each.policy for each in place("neighbour").chains] == ["ACCEPT"]
    probe.run("neighbour", "nft delete table inet wall")
    assert place("neighbour").rules == ()


def test_policies_are_told(lab: Lab) -> None:
    """Docker drops what nobody lets through; its neighbours have no policy at all."""
    policies = {(each.table, each.chain, each.version): each.policy for each in place("host1").chains}
    assert policies["filter", "FORWARD", 4] == "DROP"
    assert policies["filter", "INPUT", 4] == "ACCEPT"
    assert place("neighbour").chains == ()


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"table": "filtr"}, "host1 has no table of rules called 'filtr'."),
        ({"table": "nat", "chain": "DOKER"}, "host1 has no rules in a chain called 'DOKER'."),
        ({"version": 5}, "There is no IP version 5."),
    ],
)
def test_rules_that_are_not_there(lab: Lab, wishes: dict[str, str], says: str) -> None:
    """The error lists the tables or chains that there are, and guesses which was meant."""
    with pytest.raises(LessonError) as caught:
        observe.rules("host1", **wishes)  # type: ignore[arg-type]
    assert caught.value.message == says
    assert any(word in caught.value.hint for word in ("Did you mean", "versions"))
    assert len(observe.rules("host1", table="nat", chain="DOCKER")) > 0


def test_listeners_and_their_programs(lab: Lab) -> None:
    """A published port is docker-proxy's, and gone with its container; the embedded DNS in a container is dockerd's."""
    lab.container("udp", publish={"8053/udp": 53})
    found = {(each.protocol, each.port, each.process) for each in observe.listeners("host1")}
    assert found == {("tcp", 8080, "docker-proxy"), ("udp", 8053, "docker-proxy")}
    lab.remove(lab.container("udp", publish={"8053/udp": 53}))
    assert {each.port for each in observe.listeners("host1")} == {8080}
    assert {(str(each.address), each.process) for each in observe.listeners("web") if each.port != 80} == {
        ("127.0.0.11", "dockerd")
    }
    printed = by_hand(lab, observe.listeners("web").command)
    assert all(f":{each.port} " in printed for each in observe.listeners("web"))


def test_a_socket_that_is_connected_waits_for_nobody(lab: Lab) -> None:
    """A client's own port, of TCP or UDP, is no listener."""
    client = "socat -u UDP:192.0.2.3:9 STDOUT </dev/null >/dev/null 2>&1 & echo $! > /tmp/client"
    lab.bed.run("host1", ["sh", "-c", client])
    try:
        by_hand(lab, "until ss -Hun state established | grep -q .; do sleep 0.05; done")
        assert {each.port for each in observe.listeners("host1")} == {8080}
    finally:
        by_hand(lab, "kill $(cat /tmp/client)")


def test_resolvers(lab: Lab) -> None:
    """A container asks what Docker wrote into its file; its host, what the testbed has."""
    assert [str(each.servers[0]) for each in observe.resolver("web")] == ["127.0.0.11"]
    assert [str(each.servers[0]) for each in observe.resolver("proxy")] == ["192.0.2.254"]
    assert "nameserver 127.0.0.11" in by_hand(lab, observe.resolver("web").command)


def test_settings(lab: Lab) -> None:
    """A switch that is thrown is seen, and the command that is shown prints all of them."""
    before = {each.name: each.value for each in observe.settings("host1")}
    printed = by_hand(lab, observe.settings("host1").command)
    assert dict(re.findall(r"(?m)^(\S+) = (\d+)$", printed)) == before
    probe.run("host1", "sysctl -w net.ipv4.conf.all.rp_filter=2")
    assert {each.name: each.value for each in observe.settings("host1")} == {
        **before,
        "net.ipv4.conf.all.rp_filter": "2",
    }
    probe.run("host1", "sysctl -w net.ipv4.conf.all.rp_filter=0")


def test_one_round_trip_however_many(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is looked at by one command in the testbed, and two questions to an engine, not one a container."""
    commands, questions = [], []
    run, listed = Testbed.run, type(lab.bed.engine()).container
    monkeypatch.setattr(Testbed, "run", lambda bed, *words, **more: commands.append(words) or run(bed, *words, **more))
    engine = type(lab.bed.engine())
    monkeypatch.setattr(engine, "container", lambda *words: questions.append(words) or listed(*words))
    assert {"web", "db", "proxy"} <= {each.name for each in observe.places()}
    assert len(commands) == 1
    assert questions == []


def test_what_comes_and_goes_is_left_out(lab: Lab) -> None:
    """While containers start and end, every snapshot holds all that stays, whole, and nothing breaks."""
    done = Event()
    failed: list[BaseException] = []

    def churn() -> None:
        engine = lab.bed.engine()
        script = "docker run --rm --network shop lesson true; docker run --rm --network none lesson true"
        try:
            while not done.is_set():
                lab.bed.run(engine.host, ["sh", "-c", script], timeout=60)
        except BaseException as error:  # noqa: BLE001  # told by the test
            failed.append(error)

    worker = Thread(target=churn)
    worker.start()
    try:
        for _ in range(12):
            seen = {each.name: each for each in observe.places()}
            for name in ("web", "db", "proxy"):
                assert [link.name for link in seen[name].links] == ["lo", "eth0"]
                assert seen[name].links[1].peer_place == "host1"
            assert all(each.links and each.inode for each in seen.values())
    finally:
        done.set()
        worker.join()
    assert failed == []
