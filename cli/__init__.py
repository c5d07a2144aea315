"""Entry point of the console program `cfs`."""

import sys
from pathlib import Path

# Packages named infra, costs and so on in a PYTHONPATH of the user must not replace the project's.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
