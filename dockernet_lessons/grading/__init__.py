"""Assignments: exercises with each student's own parameters, graded on the live state of the engine.

What a notebook needs is here; ``assign`` makes the students' versions, ``course`` grades what they hand in.
"""

from __future__ import annotations

from dockernet_lessons.grading.task import ASSIGNMENTS, Task, begin

__all__ = ["ASSIGNMENTS", "Task", "begin"]
