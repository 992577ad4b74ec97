"""What to do next, from what was observed: pure tables with the theory on top.

Nothing here has a clock, a network or a printer.  ``observed`` and ``actions`` are the only
types that deciders share with the doors of ``aws``.
"""
