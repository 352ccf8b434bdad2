"""A report, in little memory, of a phase that passed and has nothing to show.

Nearly all reports of a large run are of this kind, and reporters keep them to the end.
"""

from __future__ import annotations

from typing import Any, Literal

import pytest

from pytest_k8s_job.replay.placeholders import PlaceholderItem, PlanBuilder

__all__ = ["TestReport"]


class TestReport(pytest.TestReport):
    """A report whose keywords and lists are made when they are first read.

    Named as pytest's, since that name goes into serialized reports.
    """

    outcome: Literal["passed", "failed", "skipped"] = "passed"
    longrepr = None

    def __init__(
        self, plan: PlanBuilder, item: PlaceholderItem, when: Any, start: float, duration: float
    ) -> None:
        # Not pytest's own constructor: that makes what __getattr__ makes on demand.
        if isinstance(item.identity, str):
            self.nodeid = item.identity  # pytest before 9.2
        else:
            self._id = item.identity
        self._plan = plan
        self._item = item
        self.location = item.place
        self.when = when
        self.start = start
        self.duration = duration

    def __getattr__(self, name: str) -> Any:
        made: Any
        if name == "keywords":
            made = self._plan.keywords(self._item)
        elif name in ("sections", "user_properties"):
            made = []
        elif name == "stop":
            return self.start + self.duration
        else:
            raise AttributeError(name)
        setattr(self, name, made)
        return made

    def _to_json(self) -> dict[str, Any]:
        whole = vars(self).copy()
        del whole["_plan"], whole["_item"]
        for name in ("outcome", "longrepr", "keywords", "sections", "user_properties", "stop"):
            whole[name] = getattr(self, name)
        whole["nodeid"] = whole.pop("_id", self.nodeid)
        return pytest.TestReport(**whole)._to_json()
