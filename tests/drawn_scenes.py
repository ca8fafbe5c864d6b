"""Scenes for the picture on a live testbed; run as a program, it sets them up and prints what was observed.

python tests/drawn_scenes.py one-host overlay
"""

from __future__ import annotations

import json
import pickle
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing

from dockernet_lessons import Lab, draw
from dockernet_lessons.facts import Topology


def one_host() -> list[Topology]:
    """Put the drivers bridge, host, none and macvlan, a shared namespace and an internal network on one host."""
    with closing(Lab("drawn_one").start()) as lab:
        shop = lab.network("shop", subnet="172.30.0.0/24")
        back = lab.network("back", subnet="172.30.1.0/24", internal=True)
        web, db = lab.containers("web", "db", on=shop)
        lab.connect(db, back)
        before = draw(lab).topology
        lab.container("debug", on=web, command="sleep 1000")  # web has the port that it would serve
        lab.container("api", on="host")
        lab.container("quiet", on="none")
        lan = lab.network("street", driver="macvlan", subnet="192.0.2.0/24", gateway="192.0.2.254", parent="eth0",
                          ip_range="192.0.2.48/28")  # fmt: skip
        lab.container("mac", on=lan)
        return [before, draw(lab).topology]


def overlay() -> list[Topology]:
    """Put an overlay network on two hosts."""
    with closing(Lab("drawn_overlay").start()) as lab:
        lab.swarm()
        mesh = lab.network("mesh", driver="overlay", subnet="10.0.1.0/24", attachable=True)
        lab.container("web", on=mesh, host="host1")
        before = draw(lab).topology
        lab.container("db", on=mesh, host="host2")
        return [before, draw(lab).topology]


def ipvlan() -> list[Topology]:
    """Put ipvlan, in mode l2 and then in mode l3, and a macvlan on a VLAN, on one host."""
    with closing(Lab("drawn_ipvlan", needs=("ipvlan",)).start()) as lab:
        lan = lab.network("flat", driver="ipvlan", subnet="192.0.2.0/24", gateway="192.0.2.254", parent="eth0",
                          ip_range="192.0.2.64/28")  # fmt: skip
        web, db = lab.containers("web", "db", on=lan)
        before = draw(lab).topology
        lab.remove(web, db, lan)
        hill = lab.network("hill", driver="ipvlan", subnet="10.7.0.0/24", parent="eth0", mode="l3")
        lab.container("up", on=hill)
        tagged = lab.network("tagged", driver="macvlan", subnet="10.50.0.0/24", parent="eth0.50")
        lab.container("app", on=tagged)
        return [before, draw(lab).topology]


SCENES: dict[str, Callable[[], list[Topology]]] = {"one-host": one_host, "overlay": overlay, "ipvlan": ipvlan}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps([name, b64encode(pickle.dumps(SCENES[name]())).decode()]))
