"""Exercises of lesson 04, publishing ports."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, page_of
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import run

HOST1 = "192.0.2.11"
BEGIN = "Run the lesson's cells from the top first."


def _page(name: str, source: str, address: str, port: int) -> str:
    """Give what a place gets at a port, from this very container or another, and the problem where it gets nothing."""
    found = page_of(name, source, f"http://{address}:{port}")
    return found.text or f"{found}"


def _judge_desk(lab: Lab) -> Result:
    if not_running(lab, "desk"):
        return Result("Not attempted yet", "no container is called desk.")
    inside, outside = _page("desk", "host1", "127.0.0.1", 8085), _page("desk", "neighbour", HOST1, 8085)
    if not inside.startswith("I am desk"):
        return Result("Not yet", f"{inside.rstrip('.')}.", "host1 has to get the page of desk.")
    if outside.startswith("I am desk"):
        return Result("Not yet", "the neighbour gets the page, too.", "At which of its addresses may host1 answer?")
    return Result("Correct", "host1 gets the page at 127.0.0.1:8085, and the neighbour does not get it.")


def _solve_desk(lab: Lab) -> None:
    lab.container("desk", publish={"127.0.0.1:8085": 80})


desk = Exercise(
    "Start a container desk: host1 gets its page at 127.0.0.1:8085, and the neighbour does not at 192.0.2.11:8085.",
    _judge_desk,
    _solve_desk,
    (
        "A port can be published at one address of the host, instead of all.",
        "You have seen it done: who could get the page of local?",
        'lab.container(...) takes publish={"ADDRESS:PORT": PORT_OF_THE_CONTAINER}.',
    ),
)


def _started(name: str) -> str:
    """Give when a container was started, such that what came later is greater; nothing is later than one not there."""
    return run("host1", f"docker inspect -f '{{{{.State.StartedAt}}}}' {name} 2>/dev/null || echo z").text.split()[-1]


def _judge_late(lab: Lab) -> Result:
    if missing := not_running(lab, "quiet"):
        return Result("Cannot check here", f"{missing[0]} does not run.", BEGIN)
    own = run("host1", "docker port quiet").text.strip()
    if own:
        return Result("Not yet", "quiet was started anew, with a published port.", "It has to stay as it was.")
    if _started("local") < _started("quiet"):
        return Result("Not yet", "quiet was started anew: it runs for a shorter time than local.", "It has to stay.")
    outside = _page("quiet", "neighbour", HOST1, 8095)
    if not outside.startswith("I am"):
        return Result("Not attempted yet", f"{outside.rstrip('.')}.")
    if not outside.startswith("I am quiet"):
        return Result("Not yet", f"the neighbour gets: {outside}", "It has to be the page of quiet.")
    return Result("Correct", "the neighbour gets the page of quiet, which itself publishes nothing.")


def _solve_late(lab: Lab) -> None:
    passes_on = "socat TCP-LISTEN:80,fork,reuseaddr TCP:172.17.0.3:80"
    lab.container("porter", publish={8095: 80}, command=passes_on)


late = Exercise(
    "Let the neighbour get the page of quiet at 192.0.2.11:8095, without starting quiet anew.",
    _judge_late,
    _solve_late,
    (
        "A port can be published only when a container is started. But need it be this container?",
        "Another one, whose port is published, could pass on what it hears to 172.17.0.3. Or you write rules by hand.",
        'The image has socat: command="socat TCP-LISTEN:80,fork,reuseaddr TCP:172.17.0.3:80".',
    ),
)


def _judge_barred(lab: Lab) -> Result:
    if missing := not_running(lab, "shop"):
        return Result("Cannot check here", f"{missing[0]} does not run.", BEGIN)
    neighbour, router = _page("shop", "neighbour", HOST1, 8080), _page("shop", "router", HOST1, 8080)
    if neighbour.startswith("I am"):
        return Result("Not attempted yet", "the neighbour gets the page of shop.")
    if not router.startswith("I am shop"):
        return Result("Not yet", f"{router.rstrip('.')}.", "Only the neighbour may be kept out.")
    return Result("Correct", "the router gets the page of shop, and the neighbour does not.")


def _solve_barred(lab: Lab) -> None:
    run("host1", "iptables -I DOCKER-USER -s 192.0.2.3 -p tcp --dport 80 -j DROP")


barred = Exercise(
    "Keep the neighbour, 192.0.2.3, and nobody else from the page of shop at 192.0.2.11:8080.",
    _judge_barred,
    _solve_barred,
    (
        "Which chain does Docker leave to you, and when does a packet come by it: before or after DNAT?",
        "In DOCKER-USER the packet is for port 80, and its source is still the neighbour's.",
        'run("host1", "iptables -I DOCKER-USER -s 192.0.2.3 ... -j DROP"): fill in the protocol and the port.',
    ),
)
