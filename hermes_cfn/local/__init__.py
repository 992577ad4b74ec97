"""The embedded cloud: the other side of the wire, a process of its own, on no floor.

The product touches only :mod:`hermes_cfn.local.control`, through a directory and HTTP.
What the cloud does follows from AWS's documentation, or it refuses.
"""
