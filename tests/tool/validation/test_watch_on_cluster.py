"""`k8s-job watch` on the real cluster: each rollout has one verdict, whatever becomes of it."""

from __future__ import annotations

import signal

import pytest

from tests.tool.diagnosis.place import wait_until
from tests.tool.target.shop import deployment
from tests.tool.validation.pipeline import Pipeline

pytestmark = pytest.mark.cluster


def verdicts(pipeline: Pipeline) -> list[str]:
    """Return the kept verdicts, the oldest first."""
    return [each["verdict"] for each in pipeline.verdicts()]


def test_each_rollout_has_one_verdict(pipeline: Pipeline) -> None:
    """Two watchers, of which one is killed in mid-run and started again: one Job a rollout."""
    pipeline.template(slow=3)
    with pipeline.start("watch") as one, pipeline.start("watch") as two:
        wait_until(lambda: verdicts(pipeline) == ["PASSED"], "the first verdict")
        pipeline.shop.apply(deployment("web", "broken"))
        wait_until(lambda: len(pipeline.jobs()) == 2, "the second run")
        one.kill()
        wait_until(lambda: verdicts(pipeline) == ["PASSED", "FAILED"], "the second verdict")
        pipeline.shop.kubectl("scale", "deployment/web", "--replicas=2")
        pipeline.shop.wait("web")
        with pipeline.start("watch") as again:
            pipeline.shop.kubectl("rollout", "undo", "deployment/web")
            wait_until(lambda: len(verdicts(pipeline)) == 3, "the third verdict")
            again.send_signal(signal.SIGTERM)
            again.communicate(timeout=60)
        two.send_signal(signal.SIGTERM)
        output, _ = two.communicate(timeout=60)
        one.communicate(timeout=60)
    assert verdicts(pipeline) == ["PASSED", "FAILED", "PASSED"], output
    assert len(pipeline.jobs()) == 3
    assert two.returncode == again.returncode == 0


def test_a_rollout_that_heals_is_validated(pipeline: Pipeline) -> None:
    """NOT_RUN is the verdict of what cannot be tested, until it can."""
    pipeline.shop.kubectl("set", "image", "deployment/web", "web=registry.invalid/nowhere:1")
    with pipeline.start("watch") as watch:
        wait_until(lambda: verdicts(pipeline) == ["NOT_RUN"], "the verdict on what cannot start")
        pipeline.shop.kubectl("rollout", "undo", "deployment/web")
        wait_until(lambda: verdicts(pipeline) == ["NOT_RUN", "PASSED"], "the verdict on the rest")
        watch.send_signal(signal.SIGTERM)
        watch.communicate(timeout=60)
