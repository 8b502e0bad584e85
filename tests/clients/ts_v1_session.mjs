// One session of the TypeScript SDK v1, which speaks the versions before 2026-07-28. See README.md.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { McpError } from "@modelcontextprotocol/sdk/types.js";

import { main } from "./steps.mjs";

await main({
  open(url, era, headers) {
    if (era !== "legacy") throw new RangeError("the SDK v1 speaks --era legacy only");
    return {
      client: new Client({ name: "ts-v1", version: "1.0.0" }),
      transport: new StreamableHTTPClientTransport(url, { requestInit: { headers } }),
    };
  },
  call: (client, params, options) => client.callTool(params, undefined, options),
  version: (_, transport) => transport.protocolVersion,
  failure(error) {
    const { code, message, data } = error;
    if (error instanceof McpError) return { error: { code, message, data } };
    return { exception: `${error.constructor.name}: ${message}`, status: code };
  },
});
