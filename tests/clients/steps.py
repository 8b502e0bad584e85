"""What the Python programs share: the command line, the steps and the lines. README.md says what they mean."""

import argparse
import asyncio
import json
import sys
from collections import defaultdict

import anyio
from mcp import MCPError

PATIENCE_SECONDS = 30
PROGRESS = "notifications/progress"
LISTS = ("tools", "prompts", "resources", "resource_templates")


def say(line):
    print(json.dumps(line), flush=True)


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def failure(error):
    """The first JSON-RPC error in nested exception groups, else what was raised."""
    pending = [error]
    while pending:
        inner = pending.pop(0)
        if isinstance(inner, MCPError):
            return {"error": {"code": inner.code, "message": inner.message, "data": inner.data}}
        pending += getattr(inner, "exceptions", [])
    return {"exception": f"{type(error).__name__}: {error}"}


class Notifications:
    """What the server told, by method."""

    def __init__(self):
        self.told = defaultdict(asyncio.Queue)

    async def on_message(self, message):
        if not isinstance(message, Exception) and message.method != PROGRESS:
            self.told[message.method].put_nowait(plain(message).get("params", {}))

    async def on_progress(self, progress, total, _message):
        self.told[PROGRESS].put_nowait({"progress": progress, "total": total})

    async def next(self, method, times):
        with anyio.fail_after(PATIENCE_SECONDS):
            return [await self.told[method].get() for _ in range(times)]


async def listed(client, kind):
    names, cursor = [], None
    while True:
        page = await client.list(kind, cursor)
        for item in getattr(page, kind):
            item = plain(item)
            names.append(item.get("uri") or item.get("uriTemplate") or item["name"])
        cursor = page.next_cursor
        if cursor is None:
            return {kind: names}


async def perform(client, notifications, step):
    match step:
        case {"list": kind} if kind in LISTS:
            return await listed(client, kind)
        case {"call": tool}:
            result = await client.call(tool, step.get("arguments", {}), notifications.on_progress)
            return {"result": plain(result)}
        case {"prompt": name}:
            return {"result": plain(await client.prompt(name, step.get("arguments", {})))}
        case {"read": uri}:
            return {"result": plain(await client.read(uri))}
        case {"listen": "tools"}:
            await client.listen_to_tools()
            return {"listening": "tools"}
        case {"await": method}:
            return {"notifications": await notifications.next(method, step.get("times", 1))}
    raise SystemExit(f"there is no such step: {step}")


async def session(connect, options, steps):
    notifications = Notifications()
    async with connect(options.url, options.era, options.token, notifications.on_message) as client:
        say({"protocol_version": client.protocol_version})
        for step in steps:
            try:
                say(await perform(client, notifications, step))
            except Exception as error:
                say(failure(error))


def main(connect):
    """Runs the steps of standard input over the client that `connect(url, era, token, on_message)` gives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--era", choices=["legacy", "auto"], default="auto")
    parser.add_argument("--token")
    parser.add_argument("url")
    options = parser.parse_args()
    steps = [json.loads(line) for line in sys.stdin if line.strip()]
    try:
        asyncio.run(session(connect, options, steps))
    except Exception as error:
        say(failure(error))
