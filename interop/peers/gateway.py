"""A peer's plugin manager, driven by JSON lines: a request on each line of stdin, its answer on stdout.

    {"id": 1, "op": "open", "config": "plugins.yaml", "names": ["Probe"], "timeout": 10}
    {"id": 2, "op": "invoke", "hook": "...", "payload": {}, "request": "r-1", "global": {}}
    {"id": 3, "op": "close"}

Calls of one `request` share their contexts, as a gateway keeps them from pre- to post-hook.
"""

import asyncio
import json
import os
import sys

# Whatever the peer prints goes to stderr: stdout is for answers.
ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

from framework import framework as fw  # noqa: E402
from framework import part  # noqa: E402

requests: dict = {}


def plain(value):
    """A model of the peer as JSON has it."""
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else value


def failure(error: BaseException) -> dict:
    """An exception of the peer, and the first of its causes that carries an error model."""
    seen = error
    while seen is not None and not hasattr(seen, "error"):
        seen = seen.__cause__
    model = plain(seen.error) if seen is not None else {}
    return {"type": type(error).__name__, "message": str(error) or repr(error), "model": model}


def policies() -> dict:
    """What the gateway of ContextForge lets plugins change, in the versions that limit it."""
    try:
        from mcpgateway.plugins.policy import HOOK_PAYLOAD_POLICIES
    except ModuleNotFoundError:
        return {}
    return {"hook_policies": HOOK_PAYLOAD_POLICIES}


async def open_manager(ask: dict):
    manager = fw.PluginManager(ask["config"], timeout=ask["timeout"], **policies())
    await manager.initialize()
    found = [part_of for name in ask["names"] if (part_of := _plugin(manager, name))]
    return manager, {"plugins": found}


def _plugin(manager, name: str):
    plugin = manager.get_plugin(name)
    if plugin is None:
        return None
    mode = getattr(plugin.mode, "value", plugin.mode)
    return {"name": plugin.name, "mode": mode, "priority": plugin.priority, "hooks": [str(h) for h in plugin.hooks]}


async def invoke(manager, ask: dict) -> dict:
    registry = part("hooks.registry").get_hook_registry()
    if registry.get_payload_type(ask["hook"]) is None:
        return {"unknown_hook": True}
    key = ask["request"]
    context, table = requests.get(key) or (fw.GlobalContext(request_id=key, **ask.get("global", {})), None)
    payload = registry.json_to_payload(ask["hook"], ask["payload"])
    result, table = await manager.invoke_hook(ask["hook"], payload, context, table)
    requests[key] = (context, table)
    return {
        "continue_processing": result.continue_processing,
        "payload": plain(result.modified_payload),
        "violation": plain(result.violation),
        "metadata": result.metadata,
        "state": context.state,
    }


def answer(ask: dict, body: dict) -> None:
    ANSWERS.write(json.dumps({"id": ask["id"], **body}) + "\n")
    ANSWERS.flush()


async def answer_invoke(manager, ask: dict) -> None:
    try:
        answer(ask, await invoke(manager, ask))
    except BaseException as error:  # noqa: BLE001 - the peer's cancellations are answers too
        answer(ask, {"error": failure(error)})


async def main() -> None:
    lines = asyncio.StreamReader(limit=64_000_000)
    protocol = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    manager = None
    running = set()
    while line := await lines.readline():
        ask = json.loads(line)
        if ask["op"] == "invoke":
            task = asyncio.create_task(answer_invoke(manager, ask))
            running.add(task)
            task.add_done_callback(running.discard)
            continue
        try:
            if ask["op"] == "open":
                manager, body = await open_manager(ask)
            else:
                await manager.shutdown()
                body = {}
            answer(ask, body)
        except BaseException as error:  # noqa: BLE001
            answer(ask, {"error": failure(error)})
        if ask["op"] == "close":
            break
    # What the peer leaves behind is not waited for.
    os._exit(0)


asyncio.run(main())
