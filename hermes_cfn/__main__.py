"""``python -m hermes_cfn``."""

from hermes_cfn.cli import main

if __name__ == "__main__":
    main()
