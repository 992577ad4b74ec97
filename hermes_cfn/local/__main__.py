"""``python -m hermes_cfn.local``: the embedded cloud without the product, as ``hermes-cloud`` of its own distribution."""

import sys

from hermes_cfn.local.command import main

if __name__ == "__main__":
    sys.exit(main())
