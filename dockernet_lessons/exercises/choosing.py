"""Exercises of lesson 12, choosing: each tells what is needed, and names no driver."""

from __future__ import annotations

from dockernet_lessons.checks import Exercise, Result, addresses, not_running, page_of
from dockernet_lessons.exercises.overlay import where_they_run
from dockernet_lessons.lab import Lab
from dockernet_lessons.probe import fetch

POST = "192.0.2.70"
SCALE = "http://127.0.0.1:81"


def _judge_post(lab: Lab) -> Result:
    if not_running(lab, "post"):
        return Result("Not attempted yet", "no container is called post.")
    if POST not in (has := addresses("post")):
        what = f"post has {' and '.join(has) or 'no address'}, not {POST}."
        return Result("Not yet", what, "Which drivers give a container an address of the LAN?")
    answer = page_of("post", "neighbour", f"http://{POST}")
    if "I am post." not in answer.text:
        return Result("Not yet", f"{answer}.", "why('neighbour', 'post', port=80) tells what stops it.")
    return Result("Correct", f"the neighbour gets the page of post at {POST}, its own address.")


def _solve_post(lab: Lab) -> None:
    lab.container("post", on="street", ip=POST)


post = Exercise(
    f"Start post, a machine of the LAN: it has the address {POST} itself, and the neighbour gets its page there.",
    _judge_post,
    _solve_post,
    (
        "Look at the row of the neighbour: whom does it reach without anything being published?",
        "A network for that is there on each host. You may choose any free address of its subnet.",
        f'lab.container("post", on="street", ip="{POST}")',
    ),
)


def _judge_across(lab: Lab) -> Result:
    if wrong := where_they_run(lab, "till", "store"):
        return wrong
    for source, target in (("till", "store"), ("store", "till")):
        answer = page_of(target, source, f"http://{target}")
        if f"I am {target}." not in answer.text:
            return Result("Not yet", f"{answer}.", "Which network has names on both hosts?")
    if not fetch("neighbour", "http://192.0.2.3").text:
        return Result("Cannot check here", "the neighbour gets no page at all.", "Restart the kernel, run the lesson.")
    for name in ("till", "store"):
        for address in addresses(name):
            if fetch("neighbour", f"http://{address}").text:
                return Result("Not yet", f"the neighbour gets the page of {name}, too.", "Keep them off the LAN.")
    return Result("Correct", "till and store get each other's page by name, and the neighbour gets neither.")


def _solve_across(lab: Lab) -> None:
    lab.container("till", on="mesh", host="host1")
    lab.container("store", on="mesh", host="host2")


across = Exercise(
    "Start till on host1 and store on host2: each gets the other's page by name, and the neighbour gets neither.",
    _judge_across,
    _solve_across,
    (
        "A name that works on two hosts: who reached on_overlay by its name?",
        'lab.container("till", on=mesh, host="host1"), and the same for store on host2.',
    ),
)


def _judge_scale(lab: Lab) -> Result:
    if not_running(lab, "scale"):
        return Result("Not attempted yet", "no container is called scale.")
    if not_running(lab, "on_bridge"):
        return Result("Cannot check here", "on_bridge does not run.", "Run the lesson's cells from the top first.")
    answer = page_of("scale", "on_bridge", SCALE)
    if "I am scale." not in answer.text:
        return Result("Not yet", f"{answer}.", "Whose localhost is that, and who can listen there?")
    return Result("Correct", f"on_bridge gets the page of scale at {SCALE}.")


def _solve_scale(lab: Lab) -> None:
    lab.container("scale", on="container:on_bridge", env={"PORT": "81"})


scale = Exercise(
    f"Start scale so that on_bridge gets its page at {SCALE}.",
    _judge_scale,
    _solve_scale,
    (
        "It is none of the six drivers: lesson 06 had a seventh way.",
        "A container may live in the network of another. Its port must be another, too: env={'PORT': '81'}.",
        'lab.container("scale", on="container:on_bridge", env={"PORT": "81"})',
    ),
)
