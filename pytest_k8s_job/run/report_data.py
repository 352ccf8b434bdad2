"""What the report of a session says of its run in the cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_k8s_job.diagnosis.finding import Finding as Diagnosed
from pytest_k8s_job.diagnosis.start_watch import diagnose_target
from pytest_k8s_job.replay.local_plugins import ARTIFACTS_PLUGIN, EVIDENCE_PLUGIN
from pytest_k8s_job.report.cluster_data import read_cluster_data
from pytest_k8s_job.report.run_data import RUN_DATA, Finding, RunData, ShardProof
from pytest_k8s_job.run.run import ClusterRun
from pytest_k8s_job.run.shard import Shard
from pytest_k8s_job.verdict.verdict import Judgement, Verdict, judge

__all__ = ["finding_of", "keep_run_data", "run_data_of"]


def keep_run_data(config: pytest.Config, run: ClusterRun, judgement: Judgement) -> None:
    """Leave the data of the run where the report of this session finds it."""
    evidence = config.pluginmanager.getplugin(EVIDENCE_PLUGIN)
    shared = evidence.shared_line() if evidence is not None else ""
    data = replace(run_data_of(run, judgement), shared_line=shared)
    if (artifacts := config.pluginmanager.getplugin(ARTIFACTS_PLUGIN)) is not None:
        page = Path(config.invocation_params.dir, config.option.report or "")
        data = replace(data, artifacts=artifacts.found(page), not_brought=artifacts.not_brought)
    config.stash[RUN_DATA] = data


def run_data_of(run: ClusterRun, judgement: Judgement) -> RunData:
    """Return everything that is known of an ended run."""
    data, cluster = RunData(), run.cluster
    findings: Sequence[Diagnosed] = run.explainer.findings
    if jobs := run.jobs.refs:
        namespace = jobs[0].namespace
        names = {job.name for job in jobs}
        lost = judgement.verdict in (Verdict.INCOMPLETE, Verdict.NOT_RUN)
        proofs = [_proof(shard, lost=lost) for shard in run.shards]
        data = read_cluster_data(cluster, namespace, names, run.target, proofs)
        if judgement.verdict is Verdict.FAILED:
            findings = [
                *findings,
                *diagnose_target(cluster, run.scope).findings,
            ]
        context = cluster.describe().removeprefix("context ")
        place = replace(data.place, context=context, job=jobs[0].name, files=run.files_line)
        data = replace(data, place=place)
    return replace(
        data,
        verdict=judgement.verdict.value,
        exit_code=judgement.exit_code,
        first_line=judgement.reason.partition("\n")[0],
        target_line=run.target_line,
        tested=run.target.as_json(),
        findings=tuple(finding_of(each) for each in findings),
    )


def _proof(shard: Shard, *, lost: bool) -> ShardProof:
    """Return the proof of one pod, with its problem if the run is `lost`."""
    result = shard.result()
    ledger, exit_code = result.ledger, result.outcome.exit_code
    one = judge(ledger, result.outcome)
    lacks = lost and not shard.replaced and one.verdict in (Verdict.INCOMPLETE, Verdict.NOT_RUN)
    return ShardProof(
        shard.place.name.removeprefix("shard ") if shard.place.name != "the pod" else "",
        shard.pod.name if shard.pod is not None else "",
        planned=ledger.planned.total() if ledger.plan is not None else None,
        reported=ledger.finished.total(),
        records=ledger.records,
        frames=shard.frames,
        sha256=ledger.sha256,
        exit_code=exit_code,
        problem=one.reason.partition("\n")[0] if lacks else "",
        note="taken away; another pod ran what it left" if shard.replaced else "",
    )


def finding_of(found: Diagnosed) -> Finding:
    """Return a finding as the report has it."""
    effects = tuple(_effects(found))
    return Finding(
        found.cause.value,
        found.sentence,
        found.remedy,
        (*effects, *found.evidence),
        found.circle.value,
        round(max(time.time() - found.at, 0.0), 1) if found.at else None,
    )


def _effects(found: Diagnosed) -> Iterator[str]:
    yield from (f"so: {effect.sentence}" for effect in found.effects)
