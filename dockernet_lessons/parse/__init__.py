"""Pure: what the system's tools print, to facts. Runs nothing, and knows nothing of Docker."""

from dockernet_lessons.parse.answers import Echoes, ping, resolved, why_no_connection, why_no_ping
from dockernet_lessons.parse.changes import undo
from dockernet_lessons.parse.rules import iptables_save, nft_ruleset
from dockernet_lessons.parse.snapshot import Named, keys, snapshot, with_owners
from dockernet_lessons.parse.sockets import listeners, resolver
from dockernet_lessons.parse.tables import fdb, links, neighbours, routes, settings

__all__ = [
    "Echoes",
    "Named",
    "fdb",
    "iptables_save",
    "keys",
    "links",
    "listeners",
    "neighbours",
    "nft_ruleset",
    "ping",
    "resolved",
    "resolver",
    "routes",
    "settings",
    "snapshot",
    "undo",
    "why_no_connection",
    "why_no_ping",
    "with_owners",
]
