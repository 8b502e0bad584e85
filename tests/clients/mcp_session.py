"""One session of the Python MCP SDK, as a program that says what its caller sees.

    mcp_session.py --era legacy|auto [--token TOKEN] URL  < steps

Each line of standard input is a step, each line of standard output what came of it:

    {"list": "tools"}                            {"tools": ["get_note", ...]}
    {"call": "get_note", "arguments": {...}}     {"result": {...}, "progress": [1.0, ...]}
    {"prompt": "summary", "arguments": {...}}    {"result": {...}}
    {"read": "note://public/welcome"}            {"result": {...}}

`list` takes tools, prompts, resources and resource_templates. What fails is a line
{"error": {"code": ..., "message": ..., "data": ...}}, or {"exception": "NAME: TEXT"} where it is no
JSON-RPC error. The first line is {"protocol_version": ...}, or such a failure, and then there is no
other. The status is 0 unless the program itself is used wrongly.
"""

import argparse
import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

LISTS = ("tools", "prompts", "resources", "resource_templates")


def say(line):
    print(json.dumps(line), flush=True)


def failure(error):
    """The first JSON-RPC error in nested exception groups, else what was raised."""
    pending = [error]
    while pending:
        inner = pending.pop(0)
        if isinstance(inner, MCPError):
            return {"error": {"code": inner.code, "message": inner.message, "data": inner.data}}
        pending += getattr(inner, "exceptions", [])
    return {"exception": f"{type(error).__name__}: {error}"}


def plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def listed(client, kind):
    """The names (of resources: the URIs) on all pages."""
    names, cursor = [], None
    while True:
        page = await getattr(client, f"list_{kind}")(cursor=cursor)
        for item in getattr(page, kind):
            item = plain(item)
            names.append(item.get("uri") or item.get("uriTemplate") or item["name"])
        cursor = page.next_cursor
        if cursor is None:
            return {kind: names}


async def called(client, tool, arguments):
    progress = []

    async def on_progress(done, _total, _message):
        progress.append(done)

    result = await client.call_tool(tool, arguments, progress_callback=on_progress)
    return {"result": plain(result), "progress": progress}


async def perform(client, step):
    match step:
        case {"list": kind} if kind in LISTS:
            return await listed(client, kind)
        case {"call": tool}:
            return await called(client, tool, step.get("arguments", {}))
        case {"prompt": name}:
            return {"result": plain(await client.get_prompt(name, step.get("arguments", {})))}
        case {"read": uri}:
            return {"result": plain(await client.read_resource(uri))}
    raise SystemExit(f"mcp_session.py: no such step: {step}")


async def session(url, era, token, steps):
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era, cache=None) as client:
            say({"protocol_version": client.protocol_version})
            for step in steps:
                try:
                    say(await perform(client, step))
                except Exception as error:
                    say(failure(error))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--era", choices=["legacy", "auto"], default="auto")
    parser.add_argument("--token")
    parser.add_argument("url")
    options = parser.parse_args()
    steps = [json.loads(line) for line in sys.stdin if line.strip()]
    try:
        asyncio.run(session(options.url, options.era, options.token, steps))
    except Exception as error:
        say(failure(error))


if __name__ == "__main__":
    main()
