"""A real packet, followed: sent, heard at every interface on its way, joined into hops, and judged.

``packets`` is what was heard; ``decode`` reads it from captures; ``capture`` listens; ``journey`` joins; ``counters``
and ``verdict`` tell what became of it; ``probes`` says what to send; ``trace`` puts it together.
"""
