//! Names of agents and of tmux sessions.

use std::fmt;
use std::sync::Arc;

/// Why a text can't be a name. The message completes "… is not a valid name: it …".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// No characters at all.
    Empty,
    /// Longer than [`AgentName::MAX_BYTES`].
    TooLong,
    /// A character that the name can't have.
    Forbidden(char),
    /// Starts with a character that means something else there.
    ForbiddenStart(char),
    /// White space at an end, where nobody would see it.
    OuterSpace,
    /// A name that agentd or the system needs for itself.
    Reserved,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "is longer than {} bytes", AgentName::MAX_BYTES),
            Self::Forbidden(c) => write!(f, "contains {c:?}"),
            Self::ForbiddenStart(c) => write!(f, "starts with {c:?}"),
            Self::OuterSpace => f.write_str("starts or ends with white space"),
            Self::Reserved => f.write_str("is reserved"),
        }
    }
}

impl std::error::Error for NameError {}

/// The name of an agent, as declared: 1 to 64 bytes, no `/`, no control characters, no space at its ends.
///
/// Two names that differ in case only are the same name to `desired/` (which refuses them) and to the API.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(Arc<str>);

impl AgentName {
    /// The longest name, so that a name with a suffix still fits a file name and a URL.
    pub const MAX_BYTES: usize = 64;

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_common(text)?;
        if let Some(c) = text.chars().find(|c| *c == '/') {
            return Err(NameError::Forbidden(c));
        }
        if text == "." || text == ".." {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a tmux session: 1 to 64 bytes, no `.`, `:`, `\` or `$` before what may be a variable (tmux would rewrite
/// them), no control characters, and no first character that tmux reads as part of a target (`$`, `@`, `%`, `=`, `-`,
/// `+`, `!`, `{`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionName(Arc<str>);

impl SessionName {
    /// The session that agentd's own control client is attached to.
    pub const CONTROL: &'static str = "_agentd";

    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_common(text)?;
        if let Some(c) = text.chars().find(|c| matches!(c, '.' | ':' | '\\')) {
            return Err(NameError::Forbidden(c));
        }
        let begins_variable =
            |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '{'));
        if text.split('$').skip(1).any(begins_variable) {
            return Err(NameError::Forbidden('$'));
        }
        match text.chars().next() {
            Some(c) if "$@%=-+!{".contains(c) => return Err(NameError::ForbiddenStart(c)),
            Some(_) | None => {}
        }
        if text == Self::CONTROL {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// The name's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_common(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > AgentName::MAX_BYTES {
        return Err(NameError::TooLong);
    }
    if let Some(c) = text.chars().find(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(NameError::Forbidden(c));
    }
    match text.strip_prefix(char::is_whitespace).or(text.strip_suffix(char::is_whitespace)) {
        Some(_) => Err(NameError::OuterSpace),
        None => Ok(()),
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_tmux_or_a_path_would_misread_are_refused() {
        assert_eq!(AgentName::new(""), Err(NameError::Empty));
        assert_eq!(AgentName::new(&"x".repeat(65)), Err(NameError::TooLong));
        assert_eq!(AgentName::new("a/b"), Err(NameError::Forbidden('/')));
        assert_eq!(AgentName::new("a\nb"), Err(NameError::Forbidden('\n')));
        assert_eq!(AgentName::new(" a"), Err(NameError::OuterSpace));
        assert_eq!(AgentName::new("a "), Err(NameError::OuterSpace));
        assert_eq!(AgentName::new(".."), Err(NameError::Reserved));
        assert!(AgentName::new("gpt-4.1 reviewer").is_ok());
        assert_eq!(SessionName::new("a.b"), Err(NameError::Forbidden('.')));
        assert_eq!(SessionName::new("a:b"), Err(NameError::Forbidden(':')));
        assert_eq!(SessionName::new("a\\b"), Err(NameError::Forbidden('\\')));
        assert_eq!(SessionName::new("5$ a$_"), Err(NameError::Forbidden('$')));
        assert_eq!(SessionName::new("a${b}"), Err(NameError::Forbidden('$')));
        assert!(SessionName::new("5$ a$(b)$").is_ok());
        assert_eq!(SessionName::new("=a"), Err(NameError::ForbiddenStart('=')));
        assert_eq!(SessionName::new("_agentd"), Err(NameError::Reserved));
        assert!(SessionName::new("we#ird 'x'").is_ok());
    }
}
