"""Services of our own, where moto's models are not enough to deploy against."""
