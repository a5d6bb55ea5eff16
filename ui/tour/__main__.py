"""`python -m ui.tour OUT`: the tour that `make run` takes where there is no display."""

import sys

from ui.tour.tour import main

sys.exit(main(sys.argv[1:]))
