"""One story per file, readable top to bottom, over one loop in ``drive``.

A flow is a generator of frozen events; its value is what came of it.
"""
