"""A TCP proxy on this machine that can be slow, silent or cut, for the network between two programs."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from tests.services.process import free_ports

CHUNK_BYTES = 64 << 10
LOOK_S = 0.02


class Proxy:
    """Passes bytes to a port, in a thread of its own.

    `delay_s` holds back each chunk for this long. While `silent`, connections stay open and no byte passes. `cut` ends
    all connections and refuses new ones until `mend`.
    """

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        (self.port,) = free_ports(1)
        self.delay_s = 0.0
        self.silent = False
        self._cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="proxy", daemon=True)
        self._thread.start()
        if not started.wait(30):
            raise RuntimeError(f"the proxy for port {target_port} did not start")

    def cut(self) -> None:
        """End all connections with a reset, and refuse new ones."""
        self._cut = True
        asyncio.run_coroutine_threadsafe(self._end_connections(), self._loop).result(30)

    def mend(self) -> None:
        """Pass bytes without faults again."""
        self._cut, self.silent, self.delay_s = False, False, 0.0

    def close(self) -> None:
        """End all connections and the thread."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        started.set()
        self._loop.run_forever()
        server.close()
        waiting = asyncio.all_tasks(self._loop)
        for task in waiting:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        finally:
            self._writers -= both
            for end in both:
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one direction; its end ends both, because no protocol here closes one direction only."""
        with suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                while self.silent:
                    await asyncio.sleep(LOOK_S)
                writer.write(data)
                await writer.drain()
        writer.transport.abort()

    async def _end_connections(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()
