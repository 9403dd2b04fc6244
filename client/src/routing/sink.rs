//! Who hears of what is routed.

use serde_json::value::RawValue;

use crate::Error;
use crate::rpc::Notification;

/// Takes the events of one turn.
pub trait TurnSink: Send + Sync {
    /// One notification. True if a reader waits to be woken.
    fn event(&self, notification: &Notification<'_>) -> bool;
    /// Its thread says that it does nothing any more.
    fn thread_idle(&self);
    /// The server calls it by another id too, which it wants to hear when the turn is steered or interrupted. False
    /// if it has ended, and the other is another turn.
    fn also_called(&self, _turn: &str) -> bool {
        false
    }
    /// What was ready has been delivered.
    fn wake(&self);
    /// A thread works for this turn from now on.
    fn agent_joined(&self, _thread: &str) {}
    /// One notification of a thread that works for this turn. True if a reader waits to be woken.
    fn agent_event(&self, _thread: &str, _notification: &Notification<'_>) -> bool {
        false
    }
    /// Whether any thread works for this turn now, also after its own end.
    fn agents_at_work(&self, _working: bool) {}
    /// Whether a handler of this program runs for this turn now, so that it waits for that.
    fn occupied(&self, _occupied: bool) {}
    /// The changes of a file-change item that is not complete, of this turn or of a thread that works for it, as JSON.
    fn file_changes(&self, _thread: &str, _item: &str) -> Option<String> {
        None
    }
    /// Events were missed. Takes over what the server has stored of the turn; what else came follows.
    fn recover(&self, _stored: Option<&RawValue>) {}
    /// All that came has followed: ends the turn if what is stored says that it is over.
    fn conclude(&self, _turn: &RawValue) {}
    /// Whether the turn is over.
    fn has_ended(&self) -> bool {
        false
    }
    /// The connection has ended, and the turn with it if it had not.
    fn connection_ended(&self, error: &Error);
}

/// Hears what the server says of a thread as a whole. Must not block.
pub trait ThreadSink: Send + Sync {
    /// One `thread/settings/updated`, as the whole message.
    fn settings_updated(&self, line: &str);
    /// The server does not have the thread loaded any more.
    fn unloaded(&self);
}
