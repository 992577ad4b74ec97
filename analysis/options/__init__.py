"""What else one could run, and what it costs.

``table``: every option as a row.  ``frontier``: a million configurations.  ``variants`` and
``compiled``: the bill of a change, in full and as arrays.  ``homes``, ``fly``: shapes that the
stacks cannot make.  ``availability``: k of n from published commitments.
"""
