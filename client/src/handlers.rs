//! What a program answers the server with: handlers, and the kinds of them. Knows nothing of who is asked.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

/// What a handler returned as JSON, or what it threw.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// What the program around the client had about it when it made a call, to be had about what comes of the call too.
pub type CallContext = Arc<dyn Any + Send + Sync>;

/// The handlers of a client, a thread or a turn.
pub trait Handlers: Send + Sync {
    /// Whether there is one of this kind.
    fn has(&self, kind: HandlerKind) -> bool;
    /// Whether there is a function that runs the dynamic tool of this name.
    fn has_tool(&self, _name: &str) -> bool {
        false
    }
    /// The context of the call that they were given to.
    fn context(&self) -> Option<CallContext> {
        None
    }
    /// Asks it, in the context of the call that began the turn, where the request belongs to one. `cancel` is cancelled
    /// when the answer is not wanted any more.
    fn call(
        &self,
        kind: HandlerKind,
        request: String,
        context: Option<CallContext>,
        cancel: CancellationToken,
    ) -> HandlerFuture;
}

/// The context of a call that brings no handlers.
pub struct ContextAlone(pub CallContext);

impl Handlers for ContextAlone {
    fn has(&self, _: HandlerKind) -> bool {
        false
    }

    fn context(&self) -> Option<CallContext> {
        Some(Arc::clone(&self.0))
    }

    fn call(&self, _: HandlerKind, _: String, _: Option<CallContext>, _: CancellationToken) -> HandlerFuture {
        Box::pin(async { Err("there is no handler".to_owned()) })
    }
}

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
    pub fn of(method: &str) -> Option<Self> {
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
