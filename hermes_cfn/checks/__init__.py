"""Checks, one file per subject, pure: what was observed in, findings out.

``forecast`` runs those that predict, for a plan; ``doctor`` runs all.
"""
