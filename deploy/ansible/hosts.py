#!/usr/bin/env python3
"""Ansible's view of the inventory in SITE_INVENTORY. Run by Ansible itself."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"  #: of `make setup`

if "--host" in sys.argv:
    sys.stdout.write("{}\n")
else:
    sys.exit(
        subprocess.run(
            [PYTHON, "-m", "deploy", "hosts", "--inventory", os.environ["SITE_INVENTORY"]],
            cwd=ROOT,
            check=False,
        ).returncode
    )
