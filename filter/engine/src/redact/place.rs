//! Where in a message a value stands.

/// Where in a message a value stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// What a tool or prompt is called with, and what a client answers a server's request with.
    Arguments,
    /// `Mcp-Param-*` headers, which repeat arguments.
    ParamHeaders,
    /// What a tool returns, and the messages and progress that it sends on the way.
    Results,
    /// The contents of resources.
    Resources,
    /// The messages of a prompt.
    Prompts,
    /// JSON-RPC errors.
    Errors,
    /// `_meta`, beside the keys that the protocol itself defines.
    Meta,
    /// What a server asks of the client: sampling, elicitation.
    ServerRequests,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Arguments,
        Self::ParamHeaders,
        Self::Results,
        Self::Resources,
        Self::Prompts,
        Self::Errors,
        Self::Meta,
        Self::ServerRequests,
    ];

    /// The stable id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arguments => "arguments",
            Self::ParamHeaders => "param_headers",
            Self::Results => "results",
            Self::Resources => "resources",
            Self::Prompts => "prompts",
            Self::Errors => "errors",
            Self::Meta => "meta",
            Self::ServerRequests => "server_requests",
        }
    }

    pub(super) fn position(self) -> usize {
        match self {
            Self::Arguments => 0,
            Self::ParamHeaders => 1,
            Self::Results => 2,
            Self::Resources => 3,
            Self::Prompts => 4,
            Self::Errors => 5,
            Self::Meta => 6,
            Self::ServerRequests => 7,
        }
    }
}
