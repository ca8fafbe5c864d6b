"""The exercises, one module a lesson: statement, check, hints, and a solution that CI runs."""
