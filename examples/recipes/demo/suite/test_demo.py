"""What users expect of the service that was deployed."""

import json
import os
from urllib.request import urlopen

URL = os.environ["DEMO_URL"]


def get(path):
    """Return the JSON that the service answers."""
    with urlopen(URL + path, timeout=5) as answer:  # noqa: S310 (the manifest's own URL)
        return json.load(answer)


def test_it_says_its_version():
    """Whoever asks learns which version answers."""
    assert get("/version")["version"]


def test_it_adds():
    """Two and three are five."""
    assert get("/sum?a=2&b=3") == {"sum": 5}
