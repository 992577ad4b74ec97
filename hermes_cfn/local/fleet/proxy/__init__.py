"""The load balancer: a real HTTP and HTTPS proxy, one process for all of a cloud's.

Standard library only, one event loop.  Orders come as JSON lines on standard input, events go
out on standard output; the process ends when its input ends.  What it does follows the
Application Load Balancer user guide: "Target group health checks", "Troubleshoot" (status
codes), "Edit target group attributes".
"""
