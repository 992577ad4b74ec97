"""How big it must be.

``fleet``: two stations an instance, and everything else that can break.  ``queueing``: the
approximation and where it is claimed.  ``simulation``: what answers elsewhere.  ``credits``: the
T family's day.
"""
