"""Say once, in ``hermes.toml``, what you want to run; let it deploy itself.

The data walks one way, but for the bill's estimate, which is a parameter of the budget::

    hermes.toml -> Settings -> stacks -> Deployment -+-> templates/<environment>/   (for reviewers)
                                                     +-> Plan -> change sets -> rollout -> Release
                                                     |    ^
                                                     +-> Charges x PriceBook x usage -> Bill -> options, latency, sizing -> report

The narrow waist is the :class:`hermes_cfn.deployment.Deployment`: above it things are
made, below it everything reads only that.  Deciders are pure functions of what was
observed; ``aws`` is the only door to AWS; ``local`` is the other side of the wire, an
embedded cloud that the product reaches as it reaches AWS.

This module imports nothing.
"""
