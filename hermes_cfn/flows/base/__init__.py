"""What every verb stands on: the deploy context, the one loop, the lease, and what the account says."""
