use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::lock;

/// How many texts are remembered that were learned on the way; then the oldest is forgotten.
const MOST_LEARNED: usize = 1024;

/// Texts that must not show in anything that is passed on: logs, errors. Clones share them.
#[derive(Clone, Default)]
pub struct Secrets {
    texts: Arc<Mutex<Texts>>,
}

#[derive(Default)]
struct Texts {
    /// The longest first: of two that begin alike the whole is struck.
    all: Vec<Arc<str>>,
    learned: VecDeque<Arc<str>>,
}

impl Secrets {
    /// Each text, and the form that it has inside a JSON string.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let secrets = Self::default();
        let mut known = lock(&secrets.texts);
        for text in texts.into_iter().flat_map(forms) {
            known.add(text);
        }
        drop(known);
        secrets
    }

    /// More of them, for as long as they are among the last that were learned.
    pub fn learn(&self, texts: impl IntoIterator<Item = String>) {
        for text in texts.into_iter().flat_map(forms) {
            lock(&self.texts).learn(text);
        }
    }

    /// The text with every secret in it struck out.
    pub fn strike(&self, mut text: String) -> String {
        for secret in &lock(&self.texts).all {
            if text.contains(&**secret) {
                text = text.replace(&**secret, "[secret]");
            }
        }
        text
    }
}

impl Texts {
    fn add(&mut self, text: Arc<str>) {
        if !self.all.contains(&text) {
            let place = self.all.partition_point(|known| known.len() >= text.len());
            self.all.insert(place, text);
        }
    }

    fn learn(&mut self, text: Arc<str>) {
        match self.learned.iter().position(|known| *known == text) {
            // Named again, it is as new.
            Some(place) => drop(self.learned.remove(place)),
            None if self.all.contains(&text) => return,
            None => self.add(Arc::clone(&text)),
        }
        self.learned.push_back(text);
        if self.learned.len() > MOST_LEARNED
            && let Some(oldest) = self.learned.pop_front()
        {
            self.all.retain(|known| *known != oldest);
        }
    }
}

/// A text as it is, and as JSON has it where that differs.
fn forms(text: String) -> impl Iterator<Item = Arc<str>> {
    let quoted = serde_json::Value::from(text.as_str()).to_string();
    let escaped = Some(&quoted[1..quoted.len() - 1]).filter(|escaped| *escaped != text).map(Arc::from);
    let plain = Some(Arc::from(text)).filter(|text: &Arc<str>| !text.is_empty());
    escaped.into_iter().chain(plain)
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", lock(&self.texts).all.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_struck_out_as_they_are_and_as_json_has_them() {
        let secrets = Secrets::new(["top\"secret".to_owned(), "plain-secret".to_owned()]);
        let text = secrets.strike(r#"a plain-secret and top"secret or "top\"secret""#.to_owned());
        assert_eq!(text, r#"a [secret] and [secret] or "[secret]""#);
    }

    #[test]
    fn of_secrets_that_begin_alike_the_whole_is_struck_out() {
        let secrets = Secrets::new(["secret-one".to_owned()]);
        secrets.learn(["secret-one-and-more".to_owned()]);
        assert_eq!(secrets.strike("secret-one-and-more, secret-one".to_owned()), "[secret], [secret]");
    }

    #[test]
    fn clones_learn_together_and_the_oldest_that_was_learned_is_forgotten() {
        let secrets = Secrets::new(["given".to_owned()]);
        let clone = secrets.clone();
        secrets.learn(["first".to_owned(), "second".to_owned(), "given".to_owned()]);
        assert_eq!(clone.strike("first second".to_owned()), "[secret] [secret]");
        secrets.learn((0..MOST_LEARNED - 2).map(|number| format!("number <{number}>")));
        // Named again, it is not the oldest.
        secrets.learn(["first".to_owned(), "last".to_owned()]);
        assert_eq!(clone.strike("given first second last".to_owned()), "[secret] [secret] second [secret]");
    }
}
