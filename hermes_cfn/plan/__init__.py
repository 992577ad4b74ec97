"""The plan: what changes, costs, interrupts and fails, and how long it takes.  Pure.

``timing`` is used by ``analysis`` too.
"""
