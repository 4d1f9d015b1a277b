"""Plugins of ContextForge and of the packages cpex-*, each by itself, driven by JSON lines.

    {"id": 1, "op": "open", "name": "Pii", "kind": "cpex_pii_filter.PIIFilterPlugin", "config": {}}
    {"id": 2, "op": "call", "name": "Pii", "hook": "tool_pre_invoke", "payload": {}, "request": "r-1", "global": {}}
    {"id": 3, "op": "measure", "name": "Pii", "hook": "tool_pre_invoke", "payload": {}, "seconds": 0.5}

Calls of one `request` share the plugin's context, as a gateway keeps it from pre- to post-hook. `measure` calls the
hook over and over in this process and answers seconds of processor time a call: no wire is in it.
"""

import asyncio
import importlib
import json
import logging
import os
import sys
import time

# Whatever a plugin prints goes to stderr: stdout is for answers.
ANSWERS = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

from cpex import framework as fw  # noqa: E402
from cpex.framework.hooks.registry import get_hook_registry  # noqa: E402

plugins: dict = {}
contexts: dict = {}


def plain(value):
    """A model as JSON has it, with the names of the protocol."""
    return value.model_dump(mode="json", by_alias=True) if hasattr(value, "model_dump") else value


def open_plugin(ask: dict) -> dict:
    module, name = ask["kind"].rsplit(".", 1)
    found = getattr(importlib.import_module(module), name)
    config = fw.PluginConfig(name=ask["name"], kind=ask["kind"], hooks=ask["hooks"], mode=ask["mode"], config=ask["config"])
    plugins[ask["name"]] = found(config)
    return {}


def payload_of(hook: str, given: dict):
    """The payload as the gateway of ContextForge makes it: contents and prompts are models there, results of tools are not."""
    payload = get_hook_registry().json_to_payload(hook, given)
    if hook == "resource_post_fetch" and isinstance(given.get("content"), dict):
        from mcpgateway.common.models import ResourceContent

        content = {"type": "resource", "id": "1", **given["content"]}
        payload = payload.model_copy(update={"content": ResourceContent.model_validate(content)})
    if hook == "prompt_post_fetch":
        from mcpgateway.common.models import PromptResult

        payload = payload.model_copy(update={"result": PromptResult.model_validate(given["result"])})
    return payload


def context_of(ask: dict):
    key = (ask["name"], ask.get("request"))
    if key not in contexts:
        glob = {"request_id": ask.get("request") or "r", **ask.get("global", {})}
        contexts[key] = fw.PluginContext(global_context=fw.GlobalContext(**glob))
    return contexts[key]


async def call(ask: dict) -> dict:
    payload = payload_of(ask["hook"], ask["payload"])
    result = getattr(plugins[ask["name"]], ask["hook"])(payload, context_of(ask))
    if hasattr(result, "__await__"):
        result = await result
    changed = result.modified_payload
    return {
        "continue_processing": result.continue_processing,
        "payload": plain(payload if changed is None else changed),
        "violation": plain(result.violation),
        "metadata": result.metadata,
    }


async def measure(ask: dict) -> dict:
    hook = getattr(plugins[ask["name"]], ask["hook"])
    payload = payload_of(ask["hook"], ask["payload"])
    context = context_of(ask)

    async def once():
        result = hook(payload, context)
        if hasattr(result, "__await__"):
            await result

    async def run():
        calls, start = 0, time.process_time()
        while calls < 3 or time.process_time() - start < ask["seconds"]:
            await once()
            calls += 1
        return (time.process_time() - start) / calls

    await run()
    return {"seconds": await run()}


async def main() -> None:
    logging.disable(logging.CRITICAL)
    for line in sys.stdin:
        ask = json.loads(line)
        try:
            body = open_plugin(ask) if ask["op"] == "open" else await {"call": call, "measure": measure}[ask["op"]](ask)
        except BaseException as error:  # noqa: BLE001
            body = {"error": {"type": type(error).__name__, "message": str(error) or repr(error)}}
        ANSWERS.write(json.dumps({"id": ask["id"], **body}, default=str) + "\n")
        ANSWERS.flush()


asyncio.run(main())
