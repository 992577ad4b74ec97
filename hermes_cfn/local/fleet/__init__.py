"""What runs behind the services: instances, their agents, containers, load balancers, the database."""
