"""``python -m cxnlp.cli``: the same as ``cxnlp``."""

import sys

from cxnlp.cli import main

if __name__ == "__main__":
    sys.exit(main())
