//! The methods that are judged. Any other is refused.

use super::Era;

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
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

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
    /// How a task stands.
    TasksGet = "tasks/get" by Both,
    /// What a task came to, before 2026-07-28.
    TasksResult = "tasks/result" by Both,
    /// Gives a task up.
    TasksCancel = "tasks/cancel" by Both,
    /// Lists tasks, before 2026-07-28.
    TasksList = "tasks/list" by Both,
    /// Answers what a task asks for, since 2026-07-28.
    TasksUpdate = "tasks/update" by Client,
    /// Asks for news of lists, resources and tasks, since 2026-07-28.
    Listen = "subscriptions/listen" by Client,
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
    /// A task changed, before 2026-07-28.
    TaskStatus = "notifications/tasks/status" by Both,
    /// A task changed, since 2026-07-28.
    TaskChanged = "notifications/tasks" by Server,
    /// What a listener will hear of.
    Listening = "notifications/subscriptions/acknowledged" by Server,
}

impl Method {
    /// Whether what it sends has arguments of the caller's own.
    pub fn has_arguments(self) -> bool {
        matches!(self, Self::ToolsCall | Self::PromptsGet)
    }

    /// Whether an era has it.
    pub fn exists_in(self, era: Era) -> bool {
        match self {
            Self::Initialize
            | Self::Ping
            | Self::SetLevel
            | Self::ResourcesSubscribe
            | Self::ResourcesUnsubscribe
            | Self::TasksResult
            | Self::TasksList
            | Self::Initialized
            | Self::RootsChanged
            | Self::ElicitationComplete
            | Self::TaskStatus => era == Era::Legacy,
            Self::Discover
            | Self::Listen
            | Self::TasksUpdate
            | Self::TaskChanged
            | Self::Listening => era == Era::Stateless,
            Self::ToolsList
            | Self::ToolsCall
            | Self::PromptsList
            | Self::PromptsGet
            | Self::ResourcesList
            | Self::TemplatesList
            | Self::ResourcesRead
            | Self::Complete
            | Self::TasksGet
            | Self::TasksCancel
            | Self::Cancelled
            | Self::Progress
            | Self::Sample
            | Self::Elicit
            | Self::RootsList
            | Self::Log
            | Self::ToolsChanged
            | Self::PromptsChanged
            | Self::ResourcesChanged
            | Self::ResourceUpdated => true,
        }
    }

    /// Whether it opens a conversation. Both eras' are allowed or denied together: a client that is
    /// refused the one falls back to the other.
    pub fn is_handshake(self) -> bool {
        matches!(self, Self::Initialize | Self::Discover)
    }

    /// Whether it answers with a list, which is pruned and never refused (a client that cannot list
    /// does not call either).
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::ToolsList
                | Self::PromptsList
                | Self::ResourcesList
                | Self::TemplatesList
                | Self::TasksList
        )
    }

    /// Whether every conversation needs it, so that whoever may use anything of a server may use
    /// it too.
    pub fn is_basic(self) -> bool {
        self.is_handshake()
            || self.is_list()
            || matches!(
                self,
                Self::Ping
                    | Self::Initialized
                    | Self::RootsChanged
                    | Self::Cancelled
                    | Self::Progress
                    | Self::Listen
                    | Self::Listening
                    | Self::ToolsChanged
                    | Self::PromptsChanged
                    | Self::ResourcesChanged
                    | Self::ResourceUpdated
                    | Self::ElicitationComplete
                    | Self::TaskStatus
                    | Self::TaskChanged
            )
    }

    /// Whether it acts on a task that an earlier call made.
    pub fn is_about_a_task(self) -> bool {
        matches!(
            self,
            Self::TasksGet | Self::TasksResult | Self::TasksCancel | Self::TasksUpdate
        )
    }
}
