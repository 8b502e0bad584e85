// An MCP server on the TypeScript SDK v2: 2026-07-28, and the older versions without sessions.
// An answer is JSON unless something is told before it, then an event stream.

import { createServer } from "node:http";

import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const text = (said) => ({ content: [{ type: "text", text: said }] });

function notes() {
  const server = new McpServer(
    { name: "ts-v2", version: "1.0.0" },
    { capabilities: { tools: { listChanged: true }, logging: {} } },
  );
  const tool = (name, description, inputSchema, run) =>
    server.registerTool(name, { description, inputSchema: z.object(inputSchema) }, run);

  tool("echo", "Say back what was said.", { text: z.string() }, (words) => text(words.text));
  tool("delete_note", "Delete a note.", { id: z.string() }, ({ id }) => text(`Note ${id} is gone.`));
  tool("count", "Count, with a notification of progress at every step.", { steps: z.int().max(100) },
    async ({ steps }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      for (let progress = 1; progress <= steps && progressToken !== undefined; progress += 1) {
        const params = { progressToken, progress, total: steps };
        await mcpReq.notify({ method: "notifications/progress", params });
      }
      return text(`Counted to ${steps}.`);
    });
  tool("announce", "Log something, and say that the tools changed.", {}, async (_, { mcpReq }) => {
    await mcpReq.log("info", "announced");
    handler.notify.toolsChanged();
    return text("Announced.");
  });
  return server;
}

const handler = createMcpHandler(notes);
const server = createServer(toNodeHandler(handler));
server.listen(0, "127.0.0.1", () => console.log(`listening on 127.0.0.1:${server.address().port}`));
