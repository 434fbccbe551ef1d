"""What holds for every test: the same examples in every run, and no model from a network."""

import os

from hypothesis import settings

# Read when the libraries are first imported, so set before any test is.
os.environ["HF_HUB_OFFLINE"] = "1"

# No deadline: a slow machine is no fault of the code.
settings.register_profile("diptych", derandomize=True, deadline=None)
settings.load_profile("diptych")
