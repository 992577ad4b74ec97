"""What runs on an instance: a small agent in place of systemd, docker and the SSM agent.

Standard library only and one thread, so that an instance costs little: it is started as
``python -S -m hermes_cfn.local.fleet.agent`` by the cloud, speaks JSON lines over its standard
input and output, and ends with everything it started when its input ends.
"""
