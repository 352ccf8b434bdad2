"""Is skipped as a whole."""

import pytest

pytest.skip("the whole module", allow_module_level=True)
