"""The instances: observing them, acting on them, and the rollout that does both."""
