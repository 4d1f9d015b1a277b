"""What every client does, as far as it can: see tasks.mjs, whose words these are."""
import asyncio
import json
import os
import sys

target = json.loads(sys.argv[1])
prefix = target["prefix"]


def plain(value):
    """A value of a client's own types as JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
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
