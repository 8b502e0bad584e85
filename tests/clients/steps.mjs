// What the TypeScript programs share: the command line, the steps and the lines. README.md says what
// they mean.

import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";

const PATIENCE_MS = 30_000;
const LISTS = {
  tools: ["listTools", "tools"],
  prompts: ["listPrompts", "prompts"],
  resources: ["listResources", "resources"],
  resource_templates: ["listResourceTemplates", "resourceTemplates"],
};

const say = (line) => console.log(JSON.stringify(line));

/** What the server told, by method. */
class Notifications {
  #told = new Map();
  #awaited = new Map();

  add({ method, params = {} }) {
    const awaited = this.#awaited.get(method);
    if (awaited) {
      this.#awaited.delete(method);
      awaited(params);
    } else {
      this.#told.set(method, [...(this.#told.get(method) ?? []), params]);
    }
  }

  async next(method, times) {
    const notifications = [];
    while (notifications.length < times) notifications.push(await this.#one(method));
    return notifications;
  }

  #one(method) {
    const told = this.#told.get(method)?.shift();
    if (told) return Promise.resolve(told);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${method} in time`)), PATIENCE_MS);
      this.#awaited.set(method, (params) => {
        clearTimeout(timer);
        resolve(params);
      });
    });
  }
}

async function listed(client, kind) {
  const [method, member] = LISTS[kind];
  const names = [];
  let cursor;
  do {
    const page = await client[method]({ cursor });
    names.push(...page[member].map((item) => item.uri ?? item.uriTemplate ?? item.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return { [kind]: names };
}

async function perform(sdk, client, notifications, step) {
  const { arguments: given = {} } = step;
  if (step.list in LISTS) return listed(client, step.list);
  if (step.call) {
    const onprogress = (params) => notifications.add({ method: "notifications/progress", params });
    const _meta = { "io.modelcontextprotocol/logLevel": "info" };
    return { result: await sdk.call(client, { name: step.call, arguments: given, _meta }, { onprogress }) };
  }
  if (step.prompt) return { result: await client.getPrompt({ name: step.prompt, arguments: given }) };
  if (step.read) return { result: await client.readResource({ uri: step.read }) };
  if (step.listen === "tools") {
    await client.listen({ toolsListChanged: true });
    return { listening: "tools" };
  }
  if (step.await) return { notifications: await notifications.next(step.await, step.times ?? 1) };
  console.error(`there is no such step: ${JSON.stringify(step)}`);
  process.exit(2);
}

/**
 * Runs the steps of standard input.
 *
 * `sdk` has `open(url, era, headers)`, which gives a client and what connects it; `call(client, params,
 * options)`; `version(client, transport)`; and `failure(error)`, which gives a line.
 */
export async function main(sdk) {
  const { values, positionals } = parseArgs({
    options: { era: { type: "string", default: "auto" }, token: { type: "string" } },
    allowPositionals: true,
  });
  const steps = (await text(process.stdin)).split("\n").filter(Boolean).map((line) => JSON.parse(line));
  const headers = values.token ? { authorization: `Bearer ${values.token}` } : {};
  const notifications = new Notifications();
  const { client, transport } = sdk.open(new URL(positionals[0]), values.era, headers);
  client.fallbackNotificationHandler = async (notification) => notifications.add(notification);
  try {
    await client.connect(transport);
  } catch (error) {
    say(sdk.failure(error));
    return;
  }
  say({ protocol_version: sdk.version(client, transport) });
  for (const step of steps) {
    try {
      say(await perform(sdk, client, notifications, step));
    } catch (error) {
      say(sdk.failure(error));
    }
  }
  await client.close();
}
