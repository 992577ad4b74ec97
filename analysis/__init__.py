"""Questions on top of the bill: options, latency, sizing, frontier, the guide's audit, and one report.

Nothing here prices anything: costs come from :mod:`hermes_cfn.bill`.  The one door to the
network is :mod:`analysis.latency.probe`.  Installed, the package is called ``hermes_analysis``; within it every import is
relative, and what it tells people to type is from :data:`CALLED`.
"""

CALLED = f"python -m {__name__}"
"""What begins the command line."""
