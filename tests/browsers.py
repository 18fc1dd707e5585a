"""A browser on this machine, and a studio in a process of its own for it to open."""

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager


def chromium():
    """Where a Chromium is, or None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    return None


@contextmanager
def running_studio():
    """Where a studio listens, with the token; looks at how it ends."""
    command = [sys.executable, "-m", "cleanplate", "studio", "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    studio = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        yield re.search(r"http://\S+", studio.stderr.readline())[0]
    finally:
        studio.send_signal(signal.SIGINT)
        ended, said = studio.wait(60), studio.stderr.read()
    assert ended == 0, said
