//! Keys of TOML. What is done with the values below them is in `config/` and `secrets/`.

/// Whether a key can be a segment of a dotted path.
pub fn is_bare(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
