"""Load, faults, time line, verdict: what a release would do, seen before Friday evening.

The load and the deployer are processes of their own, so that neither slows the other's clock.
"""
