"""What every client does, as far as it can: see tasks.mjs, whose words these are."""
import asyncio
import dataclasses
import json
import os
import sys
from types import SimpleNamespace

target = json.loads(sys.argv[1])
prefix = target["prefix"]
headers = target.get("headers") or {}
child = {"command": target.get("command"), "args": target.get("args"), "env": target.get("env")}


def api_of(session, **own):
    """The functions of what has methods of the names that the Python SDK gives them, and those that are a client's `own`."""

    def listing(ask, member):
        async def listed():
            answer = await ask()
            return getattr(answer, member, answer)

        return listed

    functions = {"call": "call_tool", "prompt": "get_prompt", "read": "read_resource"}
    found = {key: getattr(session, name) for key, name in functions.items() if hasattr(session, name)}
    for member in ("tools", "prompts", "resources"):
        if hasattr(session, f"list_{member}"):
            found[member] = listing(getattr(session, f"list_{member}"), member)
    return SimpleNamespace(**{**found, **own})


def progressing(call, keyword):
    """A call that tells of its progress to the function that `keyword` names."""

    async def with_progress(name, args):
        told = []

        async def tell(*values):
            told.append(values)

        return {"result": await call(name, args, **{keyword: tell}), "told": told}

    return with_progress


def plain(value):
    """A value of a client's own types as JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if dataclasses.is_dataclass(value):
        members = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return plain({name: one for name, one in members.items() if one is not None})
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return getattr(value, "text", None) or str(value)


async def tasks(api):
    """Asks for everything that `api` has a function for."""
    seen = {}

    async def attempt(key, function, *args):
        name = getattr(api, function, None)
        if name is None:
            return
        try:
            answer = name(*args)
            seen[key] = plain(await answer if asyncio.iscoroutine(answer) else answer)
        except BaseException as error:
            seen[key] = f"threw: {error}"

    async def ask(key, name, args):
        await attempt(key, "call", prefix + name, args)

    await attempt("instructions", "instructions")
    await attempt("tools", "tools")
    await ask("echo", "echo", {"message": "grüße 👋"})
    await ask("redacted", "echo", {"message": "the key sk-abc123 of mine"})
    await ask("sum", "get-sum", {"a": 2, "b": 0.5})
    await ask("structured", "get-structured-content", {"location": "Chicago"})
    await ask("image", "get-tiny-image", {})
    await ask("wrong arguments", "get-sum", {"a": "x", "b": 1})
    await ask("no such tool", "no-such-tool", {})
    long = prefix + "trigger-long-running-operation"
    await attempt("progress", "with_progress", long, {"duration": 1, "steps": 3})
    await attempt("prompts", "prompts")
    await attempt("prompt", "prompt", prefix + "args-prompt", {"city": "Kraków"})
    await attempt("resources", "resources")
    await attempt("resource", "read", "demo://resource/static/document/features.md")
    return seen


def run(connected):
    """`connected(target, then)` connects and awaits `then(api)`."""
    seen = {}

    async def then(api):
        seen.update(await tasks(api))

    async def whole():
        try:
            await asyncio.wait_for(connected(target, then), 100)
        except BaseException as error:
            if not seen:
                inner = getattr(error, "exceptions", [error])
                seen["connection"] = "threw: " + "; ".join(repr(one) for one in inner)

    asyncio.run(whole())
    print("\n" + json.dumps(seen), flush=True)
    # Some clients leave threads behind that never end.
    os._exit(0)
