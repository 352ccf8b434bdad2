"""Reports of made-up runs: a realistic failing one, one that passed, and large ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_k8s_job.report.document import Document, Failure, Outcome, Repeat, Result, count
from pytest_k8s_job.report.failures import group
from pytest_k8s_job.report.run_data import Event, Finding, Mark, Place, ShardProof, Workload
from pytest_k8s_job.report.sentence import first_line
from pytest_k8s_job.target.model import Service, Target
from pytest_k8s_job.target.workload import Workload as TargetWorkload

BEGAN = 1_795_464_843.0  # 2026-11-23 20:14:03 UTC
SUITE = {
    "test_data": ["sample_is_loaded_when_nothing_is_sent", "loaded_days_are_returned_as_sent",
                  "malformed_csv_is_refused_with_its_place[no-header]", "deleted_data_is_gone"],
    "test_job_list": ["job_list_is_a_dictionary", "every_listed_job_has_exactly_two_keys",
                      "a_submitted_job_is_listed_under_its_id"],
    "test_life_cycle": ["a_new_job_has_a_record_without_an_end",
                        "a_job_goes_from_submitted_through_in_progress_to_complete",
                        "twenty_jobs_at_once_are_all_done_each_with_its_own_result",
                        "a_complete_job_tells_when_and_by_whom_it_was_done"],
    "test_plot": ["plot_is_a_whole_png_of_sane_size", "plots_of_two_periods_differ"],
    "test_results": ["figures_have_two_places", "each_job_has_its_own_result"],
    "test_submission": ["submission_is_accepted", "a_bad_field_is_refused_by_name[start-month]",
                        "a_body_over_the_limit_is_refused"],
    "test_unknown": ["an_unknown_job_is_not_found[GET-/jobs]", "a_wrong_method_is_refused[/help]"],
}  # fmt: skip
CAUSE = "worker-6d4f9c7b8-x2x7q was OOM-killed (limit 128 MiB) 3.1 s before the assertion"
REFUSED = "requests.exceptions.ConnectionError: http://api.weather.svc refused the connection"
TRACEBACK = """\
client = <incluster.client.Client object at 0x7f1c5a2b7d10>

    def {name}(client: Client) -> None:
        \"\"\"Every one of them is worked on, and none gets the result of another.\"\"\"
        jobs = [client.submit(*period) for period in PERIODS]
>       results = [wait_for_result(client, job, timeout=4) for job in jobs]
                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

tests/incluster/{module}.py:84:
_ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _

>       raise TimeoutError(f"{{what}}: not within {{timeout:g}} s, last seen: {{last}}")
E       TimeoutError: job 7f3a to be complete: not within 4 s, last seen: 'in progress'

tests/incluster/waiting.py:31: TimeoutError
"""
EVIDENCE = """\
20:14:09.102 api-5d9c8f7b6-8kq2p/api       POST /jobs 202 in 4 ms
20:14:09.131 worker-6d4f9c7b8-x2x7q/worker job 7f3a: in progress
20:14:09.607 worker-6d4f9c7b8-x2x7q/worker drawing 1461 days at 300 dpi
20:14:10.104 worker-6d4f9c7b8-x2x7q        terminated: OOMKilled, exit code 137
20:14:11.260 worker-6d4f9c7b8-x2x7q/worker started (restart 1)
"""
REQUEST = """\
GET http://api.weather.svc/jobs/7f3a HTTP/1.1
authorization: ***
traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01

200 OK  application/json
{"id": "7f3a", "status": "in progress", "start": "2012-01-01", "end": "2015-12-31"}
"""


def failed_test(module: str, name: str, seconds: float, cause: str = "") -> Result:
    """Return a failed test with all that a failure can carry."""
    file = f"tests/incluster/{module}.py"
    headline = "TimeoutError: job 7f3a to be complete: not within 4 s, last seen: 'in progress'"
    failure = Failure(
        "call",
        headline if cause else REFUSED,
        TRACEBACK.format(name=f"test_{name}", module=module),
        file,
        84,
        cause,
        (("Captured stdout call", "submitted 20 jobs\n"), ("Evidence: log lines", EVIDENCE),
         ("Evidence: last request", REQUEST)),
    )  # fmt: skip
    return Result(
        f"{file}::test_{name}", Outcome.FAILED, file, 79, "", None, seconds, 0, "", (failure,)
    )


def plain_tests(number: int, each: float) -> list[Result]:
    """Return tests without failures, each of about this many seconds."""
    names = [(module, name) for module, tests in SUITE.items() for name in tests]
    made = []
    for i in range(number):
        module, name = names[i % len(names)]
        file = f"tests/incluster/{module}.py"
        suffix = f"[case-{i // len(names)}]" if i >= len(names) else ""
        outcome = Outcome.SKIPPED if i % 40 == 7 else Outcome.PASSED
        reason = "other people's jobs are there" if outcome is Outcome.SKIPPED else ""
        duration = each * (0.2 + (i * 37 % 60) / 40)
        nodeid = f"{file}::test_{name}{suffix}"
        made.append(Result(nodeid, outcome, file, 10 + i, "", None, duration, 0, reason))
    return made


def in_shards(tests: Sequence[Result], shards: int = 3) -> list[Result]:
    """Deal the tests to shards, where they run one after the other."""
    free = [BEGAN + 2.9 + i / 10 for i in range(shards)]
    placed = []
    for i, test in enumerate(tests):
        shard = i % shards
        placed.append(replace(test, shard=str(shard), started=free[shard]))
        free[shard] += test.duration + 0.01
    return placed


TESTED = Target(
    tuple(
        TargetWorkload("deployment", "weather", name, found, template=name)
        for name, found in (("api", "read from API_URL"), ("worker", "part of weather"))
    ),
    (Service("weather", "api", "read from API_URL"),),
).as_json()


def make(unplaced: Sequence[Result], **more: object) -> Document:
    """Return a document of these tests with the facts of a run in a cluster."""
    tests = in_shards(unplaced)
    seconds = max((t.started or 0) + t.duration for t in tests) - BEGAN + 0.6
    bad = any(test.bad for test in tests)
    verdict = "FAILED" if bad else "PASSED"
    causes = group(tests)
    digest = "sha256:9d2c1e0f7b5a4c3d8e6f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d"
    steps = ("created", 0.0), ("scheduled", 0.1), ("pulled", 0.9), ("started", 1.3)
    facts: dict[str, object] = {
        "verdict": verdict,
        "exit_code": int(bad),
        "first_line": first_line(verdict, tests, causes, ""),
        "started": BEGAN,
        "finished": BEGAN + seconds,
        "target_line": "target: deployment/api 5d9c8f7b6, 2 pods (read from API_URL); "
        "deployment/worker 6d4f9c7b8, 1 pod (part of weather)",
        "tested": TESTED,
        "place": Place("weather-local", "https://10.213.255.1:16443", "v1.36.1", "weather",
                       "integration-test-9f7c3281", "9f7c3281", "weather-test:0.1.0", digest),
        "counts": count(tuple(tests)),
        "causes": causes,
        "marks": tuple(Mark(name, BEGAN + at) for name, at in steps)
        + tuple(Mark("first test", BEGAN + 2.9 + i / 10, str(i)) for i in range(3))
        + (Mark("ended", BEGAN + seconds - 0.3),),
        "target": tuple(
            Workload(f"deployment/{name}", "weather", f"weather-{name}:0.1.0", digest, hash_,
                     "node-1", ready)
            for name, hash_, ready in (("api", "5d9c8f7b6", "2/2"), ("worker", "6d4f9c7b8", "1/1"))
        ),
        "shards": tuple(
            ShardProof(str(i), f"integration-test-9f7c3281-{i}-k2x9{i}", "node-1", own, own,
                       own * 4 + 9, own // 5 + 3, f"{i + 10:x}7" * 32, int(bad))
            for i in range(3)
            for own in [sum(test.shard == str(i) for test in tests)]
        ),
        "tests": tuple(tests),
    }  # fmt: skip
    return Document(**{**facts, **more})  # type: ignore[arg-type]


def failing_run() -> Document:
    """Return the report of a run in which a worker ran out of memory."""
    tests = plain_tests(120, 0.15)
    slow, cycle = SUITE["test_plot"], SUITE["test_life_cycle"]
    names = [("test_life_cycle", cycle[2]), ("test_plot", slow[0]), ("test_plot", slow[1])]
    broken = [failed_test(module, name, 4.1 - i, CAUSE) for i, (module, name) in enumerate(names)]
    broken.append(failed_test("test_results", "each_job_has_its_own_result", 0.1))
    lost = {test.nodeid for test in broken}
    flaky = Result(
        "tests/incluster/test_operation.py::test_service_is_ready", Outcome.PASSED,
        "tests/incluster/test_operation.py", 31, "1", None, 0.4, 1, "",
        (Failure("attempt 1, call", "AssertionError: 503 != 200", "E  assert 503 == 200"),),
    )  # fmt: skip
    tests = [test for test in tests if test.nodeid not in lost]
    tests[60:60] = [*broken, flaky]
    worker = "pod/worker-6d4f9c7b8-x2x7q"
    return make(
        tests,
        first_line="3 of 4 failed tests waited for worker-6d4f9c7b8-x2x7q, which was OOM-killed"
        " (limit 128 MiB, peak 127.9 MiB)",
        findings=(
            Finding(
                "oom-killed",
                "Container worker of worker-6d4f9c7b8-x2x7q was OOM-killed: it reached its limit"
                " of 128 MiB 7.1 s after the run began.",
                "kubectl -n weather set resources deployment worker --limits=memory=256Mi",
                (
                    "20:14:10 pod/worker-6d4f9c7b8-x2x7q lastState.terminated: reason=OOMKilled"
                    " exitCode=137",
                    "limits.memory=128Mi  peak=127.9Mi",
                ),
                "target",
                41.7,
            ),
        ),
        events=(
            Event(BEGAN + 7.1, worker, "OOMKilled", "exit code 137, limit 128 MiB", warning=True),
            Event(BEGAN + 7.2, "service/worker", "EndpointsChanged", "1 of 1 ready -> 0 of 1"),
            Event(BEGAN + 8.3, worker, "Started", "restart 1"),
        ),
        target=(
            Workload("deployment/api", "weather", "weather-api:0.1.0",
                     "sha256:" + "9d2c1e0f" * 8, "5d9c8f7b6", "node-1", "2/2"),
            Workload("deployment/worker", "weather", "weather-wrk:0.1.0",
                     "sha256:" + "41b7aa20" * 8, "6d4f9c7b8", "node-1", "1/1", 1),
            Workload("statefulset/redis", "weather", "redis:8.2",
                     "sha256:" + "c0ffee15" * 8, "7b6d5c4f9", "node-1", "1/1"),
        ),
        repeated=(Repeat(tests[5].nodeid, "shard 2 was evicted (memory) and ran again"),),
    )  # fmt: skip


def large_run(number: int = 5_000, failures: int = 60) -> Document:
    """Return the report of a run of many tests, some of them failed."""
    names = [f"each_job_has_its_own_result[{i}]" for i in range(failures)]
    broken = [
        failed_test("test_results", name, 0.5, CAUSE if i % 2 else "")
        for i, name in enumerate(names)
    ]
    tests = plain_tests(number - failures, 0.15)
    tests[number // 2 : number // 2] = broken
    return make(tests)


def small_run(*, failed: bool = True) -> Document:
    """Return the report of five tests."""
    tests = plain_tests(5, 1.5)
    return make([*tests[:4], failed_test("test_plot", "plot_is_not_blank", 2)] if failed else tests)
