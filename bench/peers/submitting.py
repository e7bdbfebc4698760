"""What every Python submitter does: mails one after another, and what that took."""

import json
import os
import resource
import sys
import time
from pathlib import Path


def mails():
    """Yield so many numbered mails as the command line says."""
    mail = json.loads(Path(os.environ["MAIL"]).read_text())
    for number in range(int(sys.argv[1])):
        yield {**mail, "metadata": {"number": f"m{number}"}}


class Watch:
    """Prints time and processor time between start and end."""

    def __enter__(self):
        self.begun, self.cpu = time.perf_counter(), _cpu_s()

    def __exit__(self, *_):
        took = time.perf_counter() - self.begun
        print(json.dumps({"took": took, "cpu_s": _cpu_s() - self.cpu}))


def _cpu_s():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
