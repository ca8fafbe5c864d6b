"""Controls on the live testbed, in a cell: start things by a click, predict, see what runs.

Each is a :class:`~dockernet_lessons.widgets.panel.Panel`: its long work runs in :mod:`~dockernet_lessons.widgets.jobs`,
one job at a time, and what it shows stays in the notebook as plain HTML for readers without a kernel.
"""
