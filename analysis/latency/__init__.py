"""Where the users, the machines and the database are, and what that costs in time.

``places``: round trips between cities and regions.  ``times``: what a request is made of.
``probe``: measuring instead of believing the table; the one door of ``analysis`` to the network.
"""
