"""What a far cluster costs: a proxy before the API server delays both ways."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

import local_cluster
from tests.bench.bare_pods import in_cluster_command, kubectl_run
from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import Scene

__all__ = ["far_cluster"]

DELAY = 0.075  # seconds each way: 150 ms for a round trip
CHUNK = 64 << 10


def far_cluster(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare what 150 ms a round trip add to a trivial run and to `kubectl run`."""
    folder = scene.checkout("one")
    extra: dict[str, list[float]] = {"ours": [], "theirs": []}
    with _far_kubeconfig(scene.folder) as kubeconfig:
        for number in range(rounds + 1):
            far_away = {"KUBECONFIG": str(kubeconfig)}
            commands = {
                "ours": (in_cluster_command(), in_cluster_command()),
                "theirs": (kubectl_run(scene), kubectl_run(scene, f"--kubeconfig={kubeconfig}")),
            }
            for name, (near, far) in commands.items():
                here = scene.run(near, folder).seconds
                there = scene.run(far, folder, far_away).seconds
                if number:  # the first round fills the caches of both
                    extra[name].append(there - here)
    added = "what 150 ms a round trip add to one trivial test"
    yield ratio(f"{added}, to what they add to `kubectl run`", extra["ours"], extra["theirs"], 0.8)
    yield size(added, extra["ours"], "s", None)


@contextmanager
def _far_kubeconfig(folder: Path) -> Iterator[Path]:
    """Yield a kubeconfig whose server answers late."""
    content = yaml.safe_load(local_cluster.kubeconfig().read_text())
    cluster = content["clusters"][0]["cluster"]
    server = urlsplit(cluster["server"])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        proxy = Proxy(str(server.hostname), int(server.port or 443))
        port = asyncio.run_coroutine_threadsafe(proxy.start(), loop).result(10)
        cluster["server"] = f"https://127.0.0.1:{port}"
        file = folder / "far-kubeconfig"
        file.write_text(yaml.safe_dump(content))
        yield file
    finally:
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _cancel_all() -> None:
    """End the connections that are still open: streams that nobody reads any more."""
    open_ones = asyncio.all_tasks() - {asyncio.current_task()}
    for each in open_ones:
        each.cancel()
    await asyncio.gather(*open_ones, return_exceptions=True)


class Proxy:
    """Passes TCP on, each byte `DELAY` seconds later; the handshake of TCP costs a round trip."""

    def __init__(self, host: str, port: int) -> None:
        self._server = host, port

    async def start(self) -> int:
        """Listen on loopback; return the port."""
        listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(listening.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * DELAY)
        there, back = await asyncio.open_connection(*self._server)
        await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes in, in its order, each piece late; then the end."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def send() -> None:
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)

    sending = asyncio.create_task(send())
    data = b"-"
    while data:
        try:
            data = await reader.read(CHUNK)
        except ConnectionError:
            data = b""
        pieces.put_nowait((loop.time() + DELAY, data))
    await asyncio.gather(sending, return_exceptions=True)
