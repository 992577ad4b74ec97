"""CloudFormation: an engine that keeps stacks, and changes what they describe.

``service`` answers the API, ``requests`` reads what is asked, ``changesets`` says what would
change, ``operations`` does it in the order of dependencies, ``scheduler`` keeps the time.
"""
