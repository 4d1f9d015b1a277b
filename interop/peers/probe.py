"""A plugin that does what a payload asks for; the same list of deeds as plugins/probe.mjs."""

import asyncio
import os

from framework import framework as fw

MARK = "marked"


def proceed(**metadata):
    return fw.PluginResult(continue_processing=True, metadata=metadata)


def modify(result_type, payload):
    # A result without its payload's type is dumped as an empty object.
    return result_type(continue_processing=True, modified_payload=payload)


def with_args(result_type, payload, args):
    return modify(result_type, payload.model_copy(update={"args": args}))


class Probe(fw.Plugin):
    """Acts on the tool that has its name, and marks every other payload."""

    def _is_own(self, payload) -> bool:
        return payload.name.lower() == self.name.lower()

    async def tool_pre_invoke(self, payload, context):
        args = payload.args or {}
        deed = args.get("do") if self._is_own(payload) else None
        if deed == "modify":
            return with_args(fw.ToolPreInvokeResult, payload, {**args, "added": {"by": "probe", "none": None}})
        if deed == "mirror":
            return with_args(fw.ToolPreInvokeResult, payload, {"received": args})
        if deed == "block":
            return fw.PluginResult(continue_processing=False, violation=fw.PluginViolation(**args["violation"]))
        if deed == "fail":
            raise ValueError("the probe was told to fail")
        if deed == "remember":
            context.state["note"] = args["note"]
            context.metadata["step"] = "pre"
            return proceed(remembered=True)
        if deed == "count":
            state = context.global_context.state
            state["tally"] = state.get("tally", 0) + 1
            return proceed()
        if deed == "context":
            return with_args(fw.ToolPreInvokeResult, payload, {"context": context.model_dump(mode="json")})
        if deed == "extras":
            return with_args(fw.ToolPreInvokeResult, payload, {**args, "seen": True})
        if deed == "pid":
            return proceed(pid=os.getpid())
        if deed == "wait":
            await asyncio.sleep(args["ms"] / 1000)
            return with_args(fw.ToolPreInvokeResult, payload, {**args, "done": True})
        return proceed()

    async def tool_post_invoke(self, payload, context):
        if not self._is_own(payload):
            return proceed()
        seen = {"note": context.state.get("note"), "step": context.metadata.get("step")}
        return modify(fw.ToolPostInvokeResult, payload.model_copy(update={"result": {**payload.result, **seen}}))

    async def prompt_pre_fetch(self, payload, context):
        return with_args(fw.PromptPrehookResult, payload, {**(payload.args or {}), "mark": MARK})

    async def prompt_post_fetch(self, payload, context):
        result = payload.result.model_copy(update={"description": MARK})
        return modify(fw.PromptPosthookResult, payload.model_copy(update={"result": result}))

    async def resource_pre_fetch(self, payload, context):
        return modify(fw.ResourcePreFetchResult, payload.model_copy(update={"metadata": {**(payload.metadata or {}), "mark": MARK}}))

    async def resource_post_fetch(self, payload, context):
        return modify(fw.ResourcePostFetchResult, payload.model_copy(update={"content": {**payload.content, "text": MARK}}))

    async def agent_pre_invoke(self, payload, context):
        return modify(fw.AgentPreInvokeResult, payload.model_copy(update={"parameters": {**(payload.parameters or {}), "mark": MARK}}))

    async def agent_post_invoke(self, payload, context):
        calls = [*(payload.tool_calls or []), {"name": MARK, "arguments": {}}]
        return modify(fw.AgentPostInvokeResult, payload.model_copy(update={"tool_calls": calls}))

    async def http_pre_request(self, payload, context):
        return modify(fw.HttpPreRequestResult, fw.HttpHeaderPayload({**payload.headers.root, "x-mark": MARK}))

    async def http_post_request(self, payload, context):
        return modify(fw.HttpPostRequestResult, fw.HttpHeaderPayload({**payload.response_headers.root, "x-mark": MARK}))

    async def http_auth_resolve_user(self, payload, context):
        return modify(fw.HttpAuthResolveUserResult, {"email": "ada@example.com", "full_name": None, "mark": MARK})

    async def http_auth_check_permission(self, payload, context):
        return modify(fw.HttpAuthCheckPermissionResult, fw.HttpAuthCheckPermissionResultPayload(granted=True, reason=MARK))
