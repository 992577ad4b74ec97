"""CloudFormation as a language and as facts, knowing nothing of Hermes.

Reading templates, evaluating intrinsic functions (with Unknown values), what a change does,
every status, and one row of facts for each resource type.
"""
