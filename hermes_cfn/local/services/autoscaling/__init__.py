"""Amazon EC2 Auto Scaling: groups that launch, replace, hold and let go of instances."""
