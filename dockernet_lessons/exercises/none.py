"""Exercises of lesson 06, none."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, not_running, own_ports, page_of, why_not, why_not_itself
from dockernet_lessons.lab import Lab
from dockernet_lessons.observe import links, nat, places
from dockernet_lessons.probe import fetch, run

BOX = "198.51.100.2"
FIRST = "Run the lesson's cells from the top first."
PORT = 8090


def _by_docker(name: str) -> str:
    """Give the networks that Docker knows a container to be on."""
    names = "{{range $name, $end := .NetworkSettings.Networks}}{{$name}} {{end}}"
    return str(run("host1", f"docker inspect -f '{names}' {name}")).strip()


def _box_is_ready(lab: Lab) -> Result | None:
    """Tell what keeps the exercises about box from being checked, ``None`` where nothing does."""
    if not_running(lab, "box"):
        return Result("Cannot check here", "box does not run.", FIRST)
    if problem := why_not("host1", BOX):
        return Result("Cannot check here", problem, FIRST)
    return None


def _judge_plug(lab: Lab) -> Result:
    if problem := _box_is_ready(lab):
        return problem
    if not_running(lab, "den"):
        return Result("Not attempted yet", "no container is called den.")
    if (networks := _by_docker("den")) != "none":
        return Result("Not yet", f"Docker has put den on {networks or 'the network of another'}.", 'Use on="none".')
    if len(links("den")) == 1:
        return Result("Not yet", "den has no interface but lo.", "It takes a cable: `ip link add ... type veth ...`.")
    if found := why_not_itself("den", "box", called=BOX):
        return Result("Not yet", found, 'What does why("den", "198.51.100.2") say?')
    return Result("Correct", "den reaches box, by a cable that Docker knows nothing of.")


def _solve_plug(lab: Lab) -> None:
    lab.container("den", on="none")
    den = "$(docker inspect -f '{{.State.Pid}}' den)"
    run("host1", f"ip link add cable2 type veth peer name eth0 netns {den} && ip link set cable2 master hand0 up")
    run("host1", f"nsenter -n -t {den} ip address add 198.51.100.3/24 dev eth0")
    run("host1", f"nsenter -n -t {den} ip link set eth0 up")


plug = Exercise(
    "Start a container, den, without any network of Docker's, and plug it into hand0 by hand: it reaches 198.51.100.2.",
    _judge_plug,
    _solve_plug,
    (
        "It takes what box needed to reach 198.51.100.1: a cable, and an address.",
        "Give the host's end of the cable a name of its own, cable2, and make it a port of hand0.",
        "Inside: an address such as 198.51.100.3/24, and `ip link set eth0 up`, both by nsenter.",
    ),
)


def _judge_inward(lab: Lab) -> Result:
    if problem := _box_is_ready(lab):
        return problem
    answer = page_of("box", "neighbour", f"http://192.0.2.11:{PORT}")
    if not answer.text and not any(str(PORT) in rule.rule for rule in nat()):
        return Result("Not attempted yet", f"{answer}.")
    if not answer.text:
        return Result("Not yet", f"{answer}.", f'What does why("neighbour", "http://192.0.2.11:{PORT}") say?')
    if "I am box." not in answer.text:
        return Result("Not yet", f"{answer.text.partition('.')[0]}.", "It is box that has to answer.")
    if (networks := _by_docker("box")) != "none":
        return Result("Not yet", f"Docker has put box on {networks}.", "By hand: box stays on none.")
    return Result("Correct", f"the neighbour gets the page of box at port {PORT} of host1.")


def _solve_inward(lab: Lab) -> None:
    at = f"{BOX}:80"
    run(lab.bed.hosts[0], f"iptables -t nat -A PREROUTING -p tcp --dport {PORT} -j DNAT --to-destination {at}")


inward = Exercise(
    f"Let the neighbour get the page of box at http://192.0.2.11:{PORT} as well; box stays on none.",
    _judge_inward,
    _solve_inward,
    (
        "You did it for another port: look at the two rules it took.",
        "The rule in FORWARD is about port 80, after the translation: it serves any port of host1.",
        "So one rule of DNAT, in nat PREROUTING, is missing.",
    ),
)


def _judge_share(lab: Lab) -> Result:
    if not_running(lab, "app"):
        return Result("Cannot check here", "app does not run.", FIRST)
    if not_running(lab, "bat"):
        return Result("Not attempted yet", "no container called bat runs.")
    together = next(place for place in places() if "app" in place.containers)
    if "bat" not in together.containers:
        return Result("Not yet", "bat and app are in two network namespaces.", "Give on= the container app.")
    if not own_ports("bat"):
        return Result("Not yet", "no program of bat listens at a port.", "`docker logs bat` may tell why.")
    address = next(str(each.ip) for link in together.links if link.name == "eth0" for each in link.addresses)
    answers = [fetch("host1", f"http://{address}:{port}") for port in own_ports("bat")]
    if not any(answer.text for answer in answers):
        return Result("Not yet", f"{answers[0]}.", "At which address does bat listen?")
    return Result("Correct", f"host1 gets the page of bat at {address}, the address of app.")


def _solve_share(lab: Lab) -> None:
    lab.container("bat", on="container:app", env={"PORT": "8082"})


share = Exercise(
    "Start a container, bat, in the network of app, so that host1 gets a page of it at the address of app.",
    _judge_share,
    _solve_share,
    (
        "side lives there, too: how was it started?",
        "Ports are shared: 80 and 81 are taken.",
        'lab.container("bat", on=app, env={"PORT": ...}) with a port that is free.',
    ),
)
