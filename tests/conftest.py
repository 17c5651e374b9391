"""What all tests share: how Hypothesis searches.

``HYPOTHESIS_PROFILE=ci`` (set by bin/test) takes the same examples each time; ``dev`` looks for new ones.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("dev", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
