"""Whether services must come from the wheels even where this machine has them."""

import os

# Read at import, because each test runs without any BACKOFFICE_ variable.
WHEELS_ONLY = os.environ.get("BACKOFFICE_TEST_SERVICES") == "wheels"
