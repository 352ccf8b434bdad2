"""The images of this checkout: built, named after their content, loaded into our cluster."""

from dataclasses import dataclass
from pathlib import Path

import local_cluster

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Image:
    """One image: its name in the manifests, its Dockerfile, and the stage of it if not the last."""

    name: str
    dockerfile: str
    stage: str = ""


IMAGES = (
    Image("weather-api", "Dockerfile.api"),
    Image("weather-worker", "Dockerfile.wrk"),
    Image("weather-test", "Dockerfile.test"),
    Image("weather-validator", "Dockerfile.test", "validator"),
)
RELEASE = "0.1.0"  # the tag in kubernetes/, for `kubectl apply -f kubernetes/`
TEST_IMAGE = "weather-test"
ID_LENGTH = 12  # hex digits of the image id in the tag: enough to tell builds apart


def build_and_load() -> dict[str, str]:
    """Build what changed and load it; image name -> tag of its content.

    The content is the tag, so that a Deployment rolls out when, and only when, its image changed.
    """
    tags = {}
    for image in IMAGES:
        release = f"{image.name}:{RELEASE}"
        print(f"building {release} from {image.dockerfile}", flush=True)
        dockerfile = CHECKOUT / image.dockerfile
        identity = local_cluster.build(dockerfile, release, CHECKOUT, stage=image.stage)
        tags[image.name] = identity[:ID_LENGTH]
        local_cluster.tag(release, f"{image.name}:{tags[image.name]}")
    local_cluster.load(
        *(f"{name}:{tag}" for name, tag in tags.items()), *(f"{i.name}:{RELEASE}" for i in IMAGES)
    )
    return tags
