"""The disposable testbed: built from Debian packages, run by a carrier, asked through one door.

This package alone runs commands and talks to Docker's API. Nothing above it knows which carrier runs.
"""

from dockernet_lessons.testbed.testbed import Testbed, attach, down, up

__all__ = ["Testbed", "attach", "down", "up"]
