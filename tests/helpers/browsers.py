"""Where the tests in a browser find what they need, and how Chromium is started."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Packages from npm, which scripts/browser.sh installs.
MODULES = Path(os.environ.get("CNNREF_WEB_MODULES", ROOT / ".venv" / "web" / "node_modules"))
#: The last ones keep Chromium from looking for hosts of its own.
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
