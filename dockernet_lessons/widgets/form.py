"""The fields of the launcher: what can be chosen follows from what is there, and each field says what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import ipywidgets

from dockernet_lessons.errors import LessonError
from dockernet_lessons.facts import Driver
from dockernet_lessons.network_inputs import MODES
from dockernet_lessons.widgets.choice import NEW, Choice, Order, World
from dockernet_lessons.widgets.fields import Field, group, menu, text
from dockernet_lessons.widgets.panel import show

DRIVERS: tuple[str, ...] = get_args(Driver)
ONE_NETWORK = ("host", "none")
PROPOSED = {"macvlan": ("192.0.2.0/24", "192.0.2.64/27"), "ipvlan": ("192.0.2.0/24", "192.0.2.96/27")}
"""A subnet and a range that work on the testbed's LAN, for the drivers that hang on it."""


class Form:
    """All fields together; ``choice`` is what they hold."""

    def __init__(self, world: World, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._quiet = False
        self.world = world
        self.fields = {
            "driver": Field(menu("Driver", DRIVERS)),
            "network": Field(menu("Network", ())),
            "new_name": Field(text("New network", "shop")),
            "subnet": Field(text("Subnet", "left to Docker")),
            "ip_range": Field(text("Range for Docker", "192.0.2.64/27")),
            "parent": Field(text("Parent", "eth0")),
            "mode": Field(menu("Mode", ())),
            "internal": Field(ipywidgets.Checkbox(description="Internal: no way out", indent=False)),
            "name": Field(text("Container", "web")),
            "image": Field(ipywidgets.Combobox(description="Image", ensure_option=False)),
            "ip": Field(text("Address", "left to Docker")),
            "publish": Field(text("Published ports", "8080:80, 8053:53/udp")),
        }
        self.network_fields = group([self.fields[name] for name in list(self.fields)[:8]])
        self.container_fields = group([self.fields[name] for name in list(self.fields)[8:]])
        self.fields["image"].control.options = world.images
        self._set("image", world.images[0] if world.images else "")
        for each, changes in self.fields.items():
            each_changed = {"driver": self._driver_changed, "network": self._network_changed}.get(each, self._tell)
            changes.control.observe(lambda _, act=each_changed: act(), "value")
        self._set("name", world.free_name())
        self._driver_changed()

    @property
    def choice(self) -> Choice:
        """What the fields hold; those that are not shown do not count."""
        driver, network = self._holds("driver"), self._holds("network")
        new = network == NEW
        hangs = new and driver in MODES
        own = driver not in ONE_NETWORK and network != "bridge"
        return Choice(
            driver=driver,
            network=network,
            new_name=self._holds("new_name") if new else "",
            subnet=self._holds("subnet") if new else "",
            ip_range=self._holds("ip_range") if hangs else "",
            parent=self._holds("parent") if hangs else "",
            mode=self._holds("mode") if hangs else "",
            internal=bool(self.fields["internal"].control.value) if new else False,
            name=self._holds("name"),
            image=self._holds("image"),
            ip=self._holds("ip") if own else "",
            publish=self._holds("publish") if driver != "none" else "",
        )

    def _holds(self, name: str) -> str:
        return str(self.fields[name].control.value or "").strip()

    def update(self, world: World, *, launched: Order | None = None) -> None:
        """Offer what is there now, and keep what was chosen where that is still possible.

        What has just been launched is not proposed a second time: the network is there now, the address and the ports
        are taken.
        """
        self.world = world
        if launched is not None:
            self._set("ip", "")
            self._set("publish", "")
        self.fields["image"].control.options = world.images
        self._offer_networks(launched.container["on"] if launched else self._holds("network"))
        self._network_changed()

    def complain(self, problems: Mapping[str, LessonError], *, gently: str = "") -> None:
        """Put each complaint at its field; one field may be told gently."""
        for name, each in self.fields.items():
            each.complain(problems.get(name), gently=name == gently)

    def _offer_networks(self, wanted: str) -> None:
        driver = str(self.fields["driver"].control.value)
        known = self.world.of_driver(driver)
        options = known if driver in ONE_NETWORK else [*known, NEW]
        self._quiet = True
        self.fields["network"].control.options = options
        self.fields["network"].control.value = wanted if wanted in options else options[0] if options else None
        self._quiet = False

    def _driver_changed(self) -> None:
        driver = str(self.fields["driver"].control.value)
        subnet, ip_range = PROPOSED.get(driver, ("", ""))
        self._offer_networks("")
        self._quiet = True
        self.fields["mode"].control.options = MODES.get(driver, ("",))
        self.fields["subnet"].control.value = subnet or (self.world.free_subnet() if driver == "bridge" else "")
        self.fields["ip_range"].control.value = ip_range
        self.fields["parent"].control.value = "eth0" if driver in MODES else ""
        self._quiet = False
        self._network_changed()

    def _network_changed(self) -> None:
        driver, new = str(self.fields["driver"].control.value), self.fields["network"].control.value == NEW
        if new and not self._holds("new_name"):
            self._set("new_name", self.world.free_network_name())
        for name in ("new_name", "subnet", "internal"):
            show(self.fields[name].box, when=new)
        for name in ("ip_range", "parent", "mode"):
            show(self.fields[name].box, when=new and driver in MODES)
        own = driver not in ONE_NETWORK and self.fields["network"].control.value != "bridge"
        show(self.fields["ip"].box, when=own)
        show(self.fields["publish"].box, when=driver != "none")
        self._tell()

    def _set(self, name: str, value: str) -> None:
        self._quiet = True
        self.fields[name].control.value = value
        self._quiet = False

    def _tell(self) -> None:
        if not self._quiet:
            self._changed()
