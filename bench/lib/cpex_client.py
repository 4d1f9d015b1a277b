"""Hook calls through cpex's plugin manager, from a process of its own.

    cpex_client.py CONFIG PAYLOAD EXPECTED      both JSON; EXPECTED is `args` of the payload as the plugin leaves it

The first line on stdout names what runs here. After that each line on stdin, `{"concurrency": 32, "seconds": 1}`, is a
load, and its answer a line: the time of each call in milliseconds, how long all took, the CPU time of this process.
"""

import asyncio
import json
import os
import sys
import time
from importlib.metadata import version

# Whatever the peer prints goes to stderr: stdout is for answers.
ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

from cpex.framework import GlobalContext, PluginManager, ToolPreInvokePayload  # noqa: E402


def answer(body: dict) -> None:
    ANSWERS.write(json.dumps(body) + "\n")
    ANSWERS.flush()


async def main(config: str, payload: dict, expected: dict) -> None:
    manager = PluginManager(config, timeout=30)
    await manager.initialize()
    calls = 0

    async def call() -> None:
        nonlocal calls
        calls += 1
        result, _ = await manager.invoke_hook(
            "tool_pre_invoke", ToolPreInvokePayload(**payload), GlobalContext(request_id=str(calls))
        )
        if result.modified_payload is None or result.modified_payload.args != expected:
            raise RuntimeError(f"the answer is not what it should be: {result}")

    async def load(concurrency: int, seconds: float) -> dict:
        times = []
        cpu = time.process_time()
        start = time.perf_counter()
        end = start + seconds

        async def caller() -> None:
            now = time.perf_counter()
            while now < end:
                await call()
                after = time.perf_counter()
                times.append((after - now) * 1000)
                now = after

        await asyncio.gather(*(caller() for _ in range(concurrency)))
        took = time.perf_counter() - start
        return {"times": times, "took": took, "clientCpu": (time.process_time() - cpu) * 1_000_000}

    await call()
    answer({"cpex": version("cpex"), "mcp": version("mcp"), "python": sys.version.split()[0]})
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer(await load(**json.loads(line)))


status = 1
try:
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])))
    status = 0
except BaseException as error:  # noqa: BLE001
    print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
finally:
    # What the peer leaves behind is not waited for.
    os._exit(status)
