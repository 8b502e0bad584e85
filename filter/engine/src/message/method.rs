//! The methods that are judged. Any other is refused.

/// Who may send a method.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Either.
    Both,
}

macro_rules! methods {
    ($($(#[$meta:meta])* $variant:ident = $name:literal by $sender:ident,)*) => {
        /// A method of MCP that is judged.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Method {
            $($(#[$meta])* $variant,)*
        }

        impl Method {
            /// The method with this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Who may send it.
            pub fn sender(self) -> Sender {
                match self {
                    $(Self::$variant => Sender::$sender,)*
                }
            }
        }
    };
}

methods! {
    /// The handshake of the versions before 2026-07-28.
    Initialize = "initialize" by Client,
    /// What a server offers, since 2026-07-28.
    Discover = "server/discover" by Client,
    /// Whether the other side is there.
    Ping = "ping" by Both,
    /// Lists tools.
    ToolsList = "tools/list" by Client,
    /// Calls a tool.
    ToolsCall = "tools/call" by Client,
    /// Lists prompts.
    PromptsList = "prompts/list" by Client,
    /// Reads a prompt.
    PromptsGet = "prompts/get" by Client,
    /// Lists resources.
    ResourcesList = "resources/list" by Client,
    /// Lists resource templates.
    TemplatesList = "resources/templates/list" by Client,
    /// Reads a resource.
    ResourcesRead = "resources/read" by Client,
    /// Asks for news of a resource.
    ResourcesSubscribe = "resources/subscribe" by Client,
    /// Asks for no more news of a resource.
    ResourcesUnsubscribe = "resources/unsubscribe" by Client,
    /// Completes an argument of a prompt or resource template.
    Complete = "completion/complete" by Client,
    /// Sets how much the server logs.
    SetLevel = "logging/setLevel" by Client,
    /// The handshake is done.
    Initialized = "notifications/initialized" by Client,
    /// The client's roots changed.
    RootsChanged = "notifications/roots/list_changed" by Client,
    /// A request is given up.
    Cancelled = "notifications/cancelled" by Both,
    /// A request goes on.
    Progress = "notifications/progress" by Both,
    /// Asks the client's model.
    Sample = "sampling/createMessage" by Server,
    /// Asks the user.
    Elicit = "elicitation/create" by Server,
    /// Asks for the client's roots.
    RootsList = "roots/list" by Server,
    /// The server logs.
    Log = "notifications/message" by Server,
    /// The tools changed.
    ToolsChanged = "notifications/tools/list_changed" by Server,
    /// The prompts changed.
    PromptsChanged = "notifications/prompts/list_changed" by Server,
    /// The resources changed.
    ResourcesChanged = "notifications/resources/list_changed" by Server,
    /// A resource changed.
    ResourceUpdated = "notifications/resources/updated" by Server,
    /// An elicitation by URL is done.
    ElicitationComplete = "notifications/elicitation/complete" by Server,
}
