"""``python -m sk_inceptionxml`` is the command line."""

import sys

from sk_inceptionxml.cli import main

if __name__ == "__main__":
    sys.exit(main())
