"""Stacks through change sets: what the plan needs to know, the deployer, and what only a person can do."""
