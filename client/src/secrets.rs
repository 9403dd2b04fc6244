use std::sync::Arc;

/// Texts that must not show in anything that is passed on: logs, errors.
#[derive(Clone, Default)]
pub struct Secrets {
    texts: Arc<[String]>,
}

impl Secrets {
    /// Each text, and the form that it has inside a JSON string.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        let mut all: Vec<String> = Vec::new();
        for text in texts {
            let quoted = serde_json::Value::from(text.as_str()).to_string();
            let escaped = quoted[1..quoted.len() - 1].to_owned();
            if escaped != text {
                all.push(escaped);
            }
            all.push(text);
        }
        Self { texts: all.into() }
    }

    /// The text with every secret in it struck out.
    pub fn strike(&self, mut text: String) -> String {
        for secret in self.texts.iter().filter(|secret| !secret.is_empty()) {
            if text.contains(secret) {
                text = text.replace(secret, "[secret]");
            }
        }
        text
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.texts.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;

    #[test]
    fn secrets_are_struck_out_as_they_are_and_as_json_has_them() {
        let secrets = Secrets::new(["top\"secret".to_owned(), "plain-secret".to_owned()]);
        let text = secrets.strike(r#"a plain-secret and top"secret or "top\"secret""#.to_owned());
        assert_eq!(text, r#"a [secret] and [secret] or "[secret]""#);
    }
}
