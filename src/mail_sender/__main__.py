"""`python -m mail_sender` is the command `mail-sender`."""

import sys

from .cli import main

sys.exit(main())
