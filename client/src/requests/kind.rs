/// The handlers that a program can give, by the name of the option.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandlerKind {
    /// `onApproval`: commands and file changes.
    Approval,
    /// `onUserInput`: questions to the user.
    UserInput,
    /// `onElicitation`: what MCP servers ask, their tool approvals among it.
    Elicitation,
    /// `onPermissions`: wider permissions for a turn.
    Permissions,
    /// `tools`: the dynamic tools that come with the functions that run them.
    Tool,
    /// `onToolCall`: other dynamic tools.
    ToolCall,
    /// `onAuthTokensRefresh`: fresh ChatGPT tokens.
    AuthTokensRefresh,
    /// `onServerRequest`: whatever no other handler takes.
    Any,
}

impl HandlerKind {
    /// Every kind whose option is a function.
    pub const ALL: [Self; 7] = [
        Self::Approval,
        Self::UserInput,
        Self::Elicitation,
        Self::Permissions,
        Self::ToolCall,
        Self::AuthTokensRefresh,
        Self::Any,
    ];

    /// The handler that a method is for, if it has one of its own.
    pub(super) fn of(method: &str) -> Option<Self> {
        Some(match method {
            "item/commandExecution/requestApproval"
            | "item/fileChange/requestApproval"
            | "applyPatchApproval"
            | "execCommandApproval" => Self::Approval,
            "item/tool/requestUserInput" => Self::UserInput,
            "mcpServer/elicitation/request" => Self::Elicitation,
            "item/permissions/requestApproval" => Self::Permissions,
            "item/tool/call" => Self::ToolCall,
            "account/chatgptAuthTokens/refresh" => Self::AuthTokensRefresh,
            _ => return None,
        })
    }

    /// The name of the option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Approval => "onApproval",
            Self::UserInput => "onUserInput",
            Self::Elicitation => "onElicitation",
            Self::Permissions => "onPermissions",
            Self::Tool => "tools",
            Self::ToolCall => "onToolCall",
            Self::AuthTokensRefresh => "onAuthTokensRefresh",
            Self::Any => "onServerRequest",
        }
    }
}
