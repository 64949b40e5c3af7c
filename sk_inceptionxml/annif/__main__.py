"""``python -m sk_inceptionxml.annif`` is ``sk-inceptionxml-annif``."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
