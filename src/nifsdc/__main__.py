"""``python -m nifsdc`` is the ``nifsdc`` command."""

import sys

from nifsdc.cli.main import main

sys.exit(main())
