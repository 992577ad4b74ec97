"""The only door to AWS: one thin file per service, and boto3 nowhere else in the product.

A door observes and performs; it decides nothing.  ``clients.connect`` makes them all.
"""

from hermes_cfn import log

log.from_environment()
