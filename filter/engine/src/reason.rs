//! Why something was refused: one stable word each, for people and for machines.

/// Why something was refused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// No snapshot has been enforced yet.
    NoSnapshot,
    /// The proxy or the filter is set up so that nothing can be judged.
    Misconfigured,
    /// The instance holds as many bytes as it may.
    Overloaded,
    /// No registered server has this host and path.
    UnknownServer,
    /// The route leads to another server than the one the request names.
    ServerMismatch,
    /// The server's transport has no such HTTP method.
    HttpMethod,
    /// There is no token, and the server needs one.
    NoToken,
    /// The token proves nothing.
    InvalidToken,
    /// The token lacks scopes that this needs.
    InsufficientScope,
    /// Clients look for an authorization server here, and there is none.
    NoAuthorizationServer,
    /// The body is longer than the limit.
    BodyTooLarge,
    /// The body is encoded or is not declared as JSON.
    ContentType,
    /// The body is not JSON that is safe to judge.
    InvalidJson,
    /// The body is JSON but no JSON-RPC message.
    InvalidMessage,
    /// The body is a batch.
    Batch,
    /// A header says something else than the body.
    HeaderMismatch,
    /// The request comes from a web page that has no business here.
    Origin,
    /// The client went away before its message was whole.
    Aborted,
    /// The protocol version is not one that is governed.
    UnsupportedVersion,
    /// A parameter that the protocol asks for is missing or has another form.
    InvalidParams,
    /// The client has not declared the capability that the method belongs to.
    MissingCapability,
    /// The session was not handed to this principal, or is too old.
    UnknownSession,
    /// The task or request state was not handed to this principal, or is too old.
    UnknownHandle,
    /// The keys that seal handles have not arrived yet.
    NoSealingKey,
    /// There is no credential to call the server with, or not yet.
    NoUpstreamCredential,
    /// The method is not one that is judged.
    UnknownMethod,
    /// A rule denies it.
    DeniedByRule,
    /// No rule allows it.
    NoMatchingRule,
    /// The server does not offer it to the call's workspace.
    NotOffered,
    /// Nobody has approved it.
    Unapproved,
    /// An administrator stopped it, or whoever asks for it.
    Blocked,
    /// It was seen to be another than what was approved.
    Quarantined,
    /// The server was proposed, and nobody has approved it yet.
    ServerProposed,
    /// The server's approval is suspended.
    ServerSuspended,
    /// The server is retired.
    ServerRetired,
    /// The arguments do not fit the tool's schema.
    InvalidArguments,
    /// What a dispatcher would call cannot be read.
    UnreadableDispatch,
    /// A reversible token was not made for this principal, or was altered, or is older than the keys.
    UnopenedToken,
    /// A redaction profile says that a message with this in it must not go on.
    SensitiveContent,
    /// A quota has no call left.
    QuotaExceeded,
    /// A rule wants the prompt behind the call, and there is none.
    PromptMissing,
    /// The decision is not on the record, and may not be before it is.
    AuditUnavailable,
    /// The server's answer cannot be judged.
    UnreadableResponse,
    /// Redacted, the result would not fit the schema that the tool promises.
    SchemaMisfit,
    /// The result does not fit the schema that the tool promises.
    InvalidResult,
    /// The server's answer is longer than the limit.
    ResponseTooLarge,
    /// The server speaks the HTTP+SSE transport of 2024-11-05.
    LegacyTransport,
    /// The server refused the gateway's own access.
    UpstreamUnauthorized,
}

impl Reason {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSnapshot => "no_snapshot",
            Self::Misconfigured => "misconfigured",
            Self::Overloaded => "overloaded",
            Self::UnknownServer => "unknown_server",
            Self::ServerMismatch => "server_mismatch",
            Self::HttpMethod => "http_method",
            Self::NoToken => "no_token",
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
            Self::NoAuthorizationServer => "no_authorization_server",
            Self::BodyTooLarge => "body_too_large",
            Self::ContentType => "content_type",
            Self::InvalidJson => "invalid_json",
            Self::InvalidMessage => "invalid_message",
            Self::Batch => "batch",
            Self::HeaderMismatch => "header_mismatch",
            Self::Origin => "origin",
            Self::Aborted => "aborted",
            Self::UnsupportedVersion => "unsupported_version",
            Self::InvalidParams => "invalid_params",
            Self::MissingCapability => "missing_capability",
            Self::UnknownSession => "unknown_session",
            Self::UnknownHandle => "unknown_handle",
            Self::NoSealingKey => "no_sealing_key",
            Self::NoUpstreamCredential => "no_upstream_credential",
            Self::UnknownMethod => "unknown_method",
            Self::DeniedByRule => "denied_by_rule",
            Self::NoMatchingRule => "no_matching_rule",
            Self::NotOffered => "not_offered",
            Self::Unapproved => "unapproved",
            Self::Blocked => "blocked",
            Self::Quarantined => "quarantined",
            Self::ServerProposed => "server_proposed",
            Self::ServerSuspended => "server_suspended",
            Self::ServerRetired => "server_retired",
            Self::InvalidArguments => "invalid_arguments",
            Self::UnreadableDispatch => "unreadable_dispatch",
            Self::UnopenedToken => "unopened_token",
            Self::SensitiveContent => "sensitive_content",
            Self::QuotaExceeded => "quota_exceeded",
            Self::PromptMissing => "prompt_missing",
            Self::AuditUnavailable => "audit_unavailable",
            Self::UnreadableResponse => "unreadable_response",
            Self::SchemaMisfit => "schema_misfit",
            Self::InvalidResult => "invalid_result",
            Self::ResponseTooLarge => "response_too_large",
            Self::LegacyTransport => "legacy_transport",
            Self::UpstreamUnauthorized => "upstream_unauthorized",
        }
    }

    /// Whether somebody stopped what is refused for it, so that what is under way ends too.
    pub fn is_stop(self) -> bool {
        matches!(
            self,
            Self::Blocked
                | Self::Quarantined
                | Self::ServerProposed
                | Self::ServerSuspended
                | Self::ServerRetired
        )
    }

    /// Whether what is refused for it looks as if it were not there, whatever the server's
    /// `on_denied` says: nobody has seen what it is by now.
    pub fn is_always_hidden(self) -> bool {
        matches!(self, Self::Unapproved | Self::Quarantined)
    }

    /// What it means, for the one who sees the refusal.
    pub fn message(self) -> &'static str {
        match self {
            Self::NoSnapshot => "the gateway has no policy yet and refuses everything",
            Self::Misconfigured => "the gateway is misconfigured and refuses everything",
            Self::Overloaded => "the gateway holds too many requests",
            Self::UnknownServer => "no registered MCP server has this host and path",
            Self::ServerMismatch => "this route does not lead to the server that was named",
            Self::HttpMethod => "an MCP endpoint takes POST, GET and DELETE only",
            Self::NoToken => "this server needs a bearer token",
            Self::InvalidToken => "the bearer token was not accepted",
            Self::InsufficientScope => "the bearer token lacks scopes that this needs",
            Self::NoAuthorizationServer => "this gateway is no authorization server",
            Self::BodyTooLarge => "the message is longer than the gateway's limit",
            Self::ContentType => "the message must be plain application/json in UTF-8",
            Self::InvalidJson => "the message is not JSON that is safe to judge",
            Self::InvalidMessage => "the message is not a JSON-RPC 2.0 message",
            Self::Batch => "JSON-RPC batches are not accepted",
            Self::HeaderMismatch => "a header disagrees with the message",
            Self::Origin => "requests from this origin are not accepted",
            Self::Aborted => "the message ended before it was whole",
            Self::UnsupportedVersion => "this protocol version is not supported here",
            Self::InvalidParams => "a parameter is missing or has another form than the protocol's",
            Self::MissingCapability => "the client has not declared a capability that this needs",
            Self::UnknownSession => "the session is unknown here",
            Self::UnknownHandle => "the task or request state is unknown here",
            Self::NoSealingKey => "the gateway has not received its sealing keys yet",
            Self::NoUpstreamCredential => "the gateway has no credential for the server",
            Self::UnknownMethod => "this method is not part of the protocol that is governed here",
            Self::DeniedByRule => "denied by policy",
            Self::NoMatchingRule => "not allowed by policy",
            Self::NotOffered => "not offered to this workspace",
            Self::Unapproved => "not approved",
            Self::Blocked => "blocked by an administrator",
            Self::Quarantined => "not what was approved",
            Self::ServerProposed => "nobody has approved this server yet",
            Self::ServerSuspended => "this server is suspended",
            Self::ServerRetired => "this server is retired",
            Self::InvalidArguments => "the arguments do not fit the tool's schema",
            Self::UnreadableDispatch => "the call inside the call cannot be read",
            Self::UnopenedToken => "a token that stands for a redacted value does not open",
            Self::SensitiveContent => "the message holds what policy lets nobody send on",
            Self::QuotaExceeded => "a quota is used up",
            Self::PromptMissing => "this call needs the prompt behind it",
            Self::AuditUnavailable => "the call is not on the record yet, and was not sent on",
            Self::UnreadableResponse => "the server's answer could not be judged and was withheld",
            Self::SchemaMisfit => {
                "the result was withheld: once redacted it would not fit the tool's output schema"
            }
            Self::InvalidResult => {
                "the result was withheld: it does not fit the tool's output schema"
            }
            Self::ResponseTooLarge => "the server's answer is longer than the gateway's limit",
            Self::LegacyTransport => {
                "the server speaks the HTTP+SSE transport of 2024-11-05, which is not supported here"
            }
            Self::UpstreamUnauthorized => "the server refused the gateway's own credentials",
        }
    }

    /// What whoever sees the refusal can do.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::NoSnapshot
            | Self::Overloaded
            | Self::NoSealingKey
            | Self::NoUpstreamCredential
            | Self::AuditUnavailable => "retry later",
            Self::Misconfigured | Self::UpstreamUnauthorized => "tell the gateway's operator",
            Self::UnknownServer | Self::ServerMismatch => {
                "check the URL, or ask an administrator to register the server"
            }
            Self::HttpMethod | Self::LegacyTransport => "use the Streamable HTTP transport",
            Self::NoToken | Self::InvalidToken => "log in again and send a valid bearer token",
            Self::InsufficientScope => {
                "log in again, asking for the scopes that `WWW-Authenticate` names"
            }
            Self::NoAuthorizationServer => {
                "read `/.well-known/oauth-protected-resource` followed by the server's path, and ask \
                 the authorization server that it names"
            }
            Self::BodyTooLarge => "send less",
            Self::ContentType => "send content-type application/json without content-encoding",
            Self::InvalidJson | Self::InvalidMessage => "send one well-formed JSON-RPC message",
            Self::Batch => "send one message a request",
            Self::HeaderMismatch => "send headers that repeat the message exactly",
            Self::Origin => "ask an administrator to add the origin to the server's `origins`",
            Self::Aborted => "send the whole message",
            Self::UnsupportedVersion => {
                "use a version that `data.supported` names, or an earlier one"
            }
            Self::InvalidParams => "send the parameters that the specification asks for",
            Self::MissingCapability => "declare the capability, or do without the method",
            Self::UnknownSession => "begin a new session with `initialize`",
            Self::UnknownHandle => "show the id or state exactly as it was handed out to you",
            Self::UnknownMethod => "do not retry; use a method of the MCP specification",
            Self::InvalidArguments => "send arguments that fit the tool's input schema",
            Self::UnreadableDispatch => {
                "name the inner tool and its arguments as the outer one asks"
            }
            Self::UnopenedToken => {
                "copy the token exactly as it was given to you, from `r1.` to its last character; \
                 where that was long ago, ask for the value again"
            }
            Self::SensitiveContent => "do not retry with it; leave it out, or ask an administrator",
            Self::QuotaExceeded => "retry after `data.retry_after` seconds",
            Self::PromptMissing => {
                "send the user's words in the message's `_meta`, under `chancery.dev/prompt`"
            }
            Self::DeniedByRule
            | Self::NoMatchingRule
            | Self::NotOffered
            | Self::Unapproved
            | Self::Blocked
            | Self::Quarantined
            | Self::ServerProposed
            | Self::ServerSuspended
            | Self::ServerRetired => "do not retry; ask an administrator, naming the decision id",
            Self::UnreadableResponse
            | Self::ResponseTooLarge
            | Self::SchemaMisfit
            | Self::InvalidResult => {
                "do not retry; tell the server's owner, naming the decision id"
            }
        }
    }
}
