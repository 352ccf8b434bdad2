"""The command line: `python -m local_cluster up|down|status|load|build|kubeconfig|logs`."""

import argparse
import sys
from pathlib import Path

from local_cluster import images, lifecycle, preflight
from local_cluster.errors import ClusterError
from local_cluster.health import Part
from local_cluster.progress import Progress
from local_cluster.settings import Paths

LOG_LINES = 50
ROOTLESS = ("kubeconfig", "logs")
EXIT_UNWELL = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code."""
    args = _parser().parse_args(arguments)
    try:
        if args.command not in ROOTLESS:
            preflight.check_root()
        return int(COMMANDS[args.command](args, Paths.of_user()))
    except ClusterError as error:
        print(f"local cluster: {error}", file=sys.stderr)
        return EXIT_UNWELL
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_cluster",
        description="A real single-node Kubernetes on this machine.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("up", help="start it, or mend it; the first time builds it")
    commands.add_parser("down", help="end it and leave nothing behind but the cache")
    commands.add_parser("status", help="each part and how it is; exit code 0 if all are well")
    commands.add_parser("kubeconfig", help="print the path of its kubeconfig")
    load = commands.add_parser("load", help="bring images from buildah's storage into the node")
    load.add_argument("images", nargs="+", metavar="IMAGE")
    build = commands.add_parser("build", help="build a Dockerfile with the local base images")
    build.add_argument("-f", "--file", type=Path, help="default: CONTEXT/Dockerfile")
    build.add_argument("-t", "--tag", action="append", required=True, dest="tags")
    build.add_argument("--build-arg", action="append", default=[], metavar="KEY=VALUE")
    build.add_argument("context", type=Path)
    logs = commands.add_parser("logs", help="the last lines of a component's log")
    logs.add_argument("name", help="as `status` names it")
    return parser


def _up(_: argparse.Namespace, paths: Paths) -> int:
    lifecycle.up(paths, Progress())
    return 0


def _down(_: argparse.Namespace, paths: Paths) -> int:
    lifecycle.down(paths, Progress())
    return 0


def _status(_: argparse.Namespace, paths: Paths) -> int:
    parts = lifecycle.status(paths)
    print(table(parts))
    return 0 if all(part.well for part in parts) else EXIT_UNWELL


def _kubeconfig(_: argparse.Namespace, paths: Paths) -> int:
    print(paths.kubeconfig)
    return 0


def _load(args: argparse.Namespace, paths: Paths) -> int:
    programs = lifecycle.running_programs(paths)
    if programs is None:
        raise ClusterError("not up: run `python -m local_cluster up` first")
    images.load(paths, programs, args.images, Progress())
    return 0


def _build(args: argparse.Namespace, _: Paths) -> int:
    file = args.file or args.context / "Dockerfile"
    pairs = dict(pair.partition("=")[::2] for pair in args.build_arg)
    print(images.build(images.Source(file, args.context), args.tags, pairs, None))
    return 0


def _logs(args: argparse.Namespace, paths: Paths) -> int:
    log = paths.logs / f"{args.name}.log"
    if not log.exists():
        names = ", ".join(sorted(p.stem for p in paths.logs.glob("*.log"))) or "none"
        raise ClusterError(f"no log of {args.name}; there are: {names}")
    print("\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:]))
    return 0


def table(parts: list[Part]) -> str:
    """The status as aligned lines."""
    width = max(len(part.name) for part in parts)
    return "\n".join(
        f"{part.name:{width}}  {'ok  ' if part.well else 'DOWN'}  {part.detail}" for part in parts
    )


COMMANDS = {
    "up": _up,
    "down": _down,
    "status": _status,
    "kubeconfig": _kubeconfig,
    "load": _load,
    "build": _build,
    "logs": _logs,
}

if __name__ == "__main__":
    sys.exit(main())
