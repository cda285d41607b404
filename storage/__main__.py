"""`python -m storage`."""

import sys

from .cli import main

sys.exit(main())
