"""``python -m outrider_hub`` runs the platform on this machine; see ``launch``."""

import sys

from .launch.program import main

sys.exit(main())
