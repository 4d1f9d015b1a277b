"""The plugin's own work for cpex: what work.mjs does."""

from cpex.framework import Plugin, PluginResult, ToolPreInvokeResult


class Replace(Plugin):
    async def tool_pre_invoke(self, payload, context):
        changed = False
        args = {}
        for key, value in (payload.args or {}).items():
            if isinstance(value, str) and "crap" in value:
                value = value.replace("crap", "crud")
                changed = True
            args[key] = value
        if not changed:
            return PluginResult(continue_processing=True)
        # A result without its payload's type is dumped as an empty object.
        return ToolPreInvokeResult(continue_processing=True, modified_payload=payload.model_copy(update={"args": args}))
