//! The fields of messages that are the protocol's own, and never touched.

/// Parameters that name, count or order, in whatever method.
pub(super) const PROTOCOL_PARAMS: [&str; 20] = [
    "capabilities",
    "clientInfo",
    "cursor",
    "elicitationId",
    "maxTokens",
    "modelPreferences",
    "name",
    "notifications",
    "progress",
    "progressToken",
    "protocolVersion",
    "ref",
    "requestId",
    "requestState",
    "task",
    "taskId",
    "toolChoice",
    "tools",
    "total",
    "uri",
];

/// The same of results, which may hold anything else. None is an array or object.
pub(super) const PROTOCOL_RESULTS: [&str; 6] = [
    "cacheScope",
    "nextCursor",
    "requestState",
    "resultType",
    "taskId",
    "ttlMs",
];

/// What a schema says of its properties that is no data, and must stay.
pub(super) const SCHEMA_WORDS: [&str; 3] = ["type", "format", "pattern"];

/// The keys of `_meta` that the protocol defines.
pub(super) const PROTOCOL_META: [&str; 11] = [
    "baggage",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/related-task",
    "io.modelcontextprotocol/serverInfo",
    "io.modelcontextprotocol/subscriptionId",
    "progressToken",
    "traceparent",
    "tracestate",
];

/// What lists hold was reviewed as definitions, and clients show it again word for word.
pub(super) const LISTS: [&str; 5] = [
    "prompts",
    "resourceTemplates",
    "resources",
    "tasks",
    "tools",
];
