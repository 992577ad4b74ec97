"""Questions on top of the bill: options, latency, sizing, frontier, the guide's audit, and one report.

Nothing here prices anything: costs come from :mod:`hermes_cfn.bill`.  The one door to the
network is :mod:`analysis.latency.probe`.
"""
