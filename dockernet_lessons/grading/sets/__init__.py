"""The assignments: one module each, whose ``problems`` draws the exercises of one student."""
