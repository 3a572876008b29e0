"""Run the quick look as a process."""

import sys

from nifsdc.quicklook.process import main

if __name__ == "__main__":
    sys.exit(main())
