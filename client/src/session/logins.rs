//! Which logins of a connection have ended, and how.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::watch;

use crate::Error;

/// Logins whose end was told are remembered for whoever asks later; more than this nobody starts at once.
const REMEMBERED: usize = 64;

/// Knows which logins of one connection have ended.
#[derive(Default)]
pub struct Logins {
    log: watch::Sender<Log>,
}

#[derive(Default)]
struct Log {
    completed: VecDeque<(String, LoginEnd)>,
    connection_ended: Option<Error>,
    /// How many lines were lost.
    lost: u64,
}

/// How a login ended.
#[derive(Debug, Clone)]
pub struct LoginEnd {
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// The parameters of `account/login/completed` as JSON.
    pub completed: String,
}

impl Logins {
    /// Takes an `account/login/completed`.
    pub fn take(&self, line: &str) {
        #[derive(Deserialize)]
        struct Message<'a> {
            #[serde(borrow)]
            params: &'a RawValue,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Completed {
            login_id: Option<String>,
            #[serde(default)]
            success: bool,
            error: Option<String>,
        }
        let Ok(message) = serde_json::from_str::<Message<'_>>(line) else { return };
        let Ok(Completed { login_id: Some(id), success, error }) = serde_json::from_str(message.params.get())
        else {
            return;
        };
        let error = (!success).then(|| error.unwrap_or_else(|| "the server does not say why".to_owned()));
        self.log.send_modify(|log| {
            log.completed.push_back((id, LoginEnd { error, completed: message.params.get().to_owned() }));
            if log.completed.len() > REMEMBERED {
                log.completed.pop_front();
            }
        });
    }

    /// The connection has ended: what has not ended by now never will.
    pub fn end(&self, error: &Error) {
        self.log.send_modify(|log| log.connection_ended = Some(error.clone()));
    }

    /// The line was lost, and with it the news of its time.
    pub fn lose(&self) {
        self.log.send_modify(|log| log.lost += 1);
    }

    /// How many lines were lost so far.
    pub fn lost(&self) -> u64 {
        self.log.borrow().lost
    }

    /// Waits for the end of a login, also one that has ended already. `lost` is how many lines were lost when it was
    /// begun: its end may have been told while there was none.
    pub async fn ended(&self, id: &str, lost: u64) -> Result<LoginEnd, Error> {
        let missed = || {
            Error::Lost(format!(
                "the connection was lost while login {id} was under way; account.read() tells whether it succeeded"
            ))
        };
        let find = |log: &Log| {
            log.completed
                .iter()
                .find(|(known, _)| known == id)
                .map(|(_, end)| Ok(end.clone()))
                .or_else(|| log.connection_ended.clone().map(Err))
                .or_else(|| (log.lost != lost).then(|| Err(missed())))
        };
        let mut log = self.log.subscribe();
        match log.wait_for(|log| find(log).is_some()).await {
            Ok(log) => find(&log).unwrap_or_else(|| Err(Error::Closed("the login was dropped".to_owned()))),
            Err(_) => Err(Error::Closed("the login was dropped".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_that_came_before_anybody_waited_is_not_lost() {
        let logins = Logins::default();
        logins.take(
            r#"{"method":"account/login/completed","params":{"loginId":"a","success":true,"error":null}}"#,
        );
        logins.take(
            r#"{"method":"account/login/completed","params":{"loginId":"b","success":false,"error":"no"}}"#,
        );
        logins.take(r#"{"method":"account/login/completed","params":{"loginId":null,"success":true}}"#);
        assert!(logins.ended("a", 0).await.unwrap().error.is_none());
        assert_eq!(logins.ended("b", 0).await.unwrap().error.as_deref(), Some("no"));
        logins.end(&Error::Closed("gone".to_owned()));
        assert!(logins.ended("a", 0).await.is_ok(), "what ended before the connection did has ended");
        assert_eq!(logins.ended("c", 0).await.unwrap_err().to_string(), "gone");
    }

    #[tokio::test]
    async fn w2_an_end_that_may_have_been_missed_is_not_waited_for() {
        let logins = Logins::default();
        logins.lose();
        let error = logins.ended("a", 0).await.unwrap_err();
        assert!(matches!(error, Error::Lost(_)), "{error}");
        assert_eq!(logins.lost(), 1, "one that begins now is waited for");
    }
}
