"""Elastic Load Balancing v2: application load balancers whose listeners are real proxies."""
