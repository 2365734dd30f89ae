//! Texts without the secrets that stand in them.

use std::cmp::Reverse;

/// Puts a mark in the place of each of these values, the longest first, so that no rest of one shows.
pub(super) fn mask(text: &[u8], values: &[&[u8]], mark: &[u8]) -> Vec<u8> {
    let mut values: Vec<&[u8]> = values.iter().copied().filter(|value| !value.is_empty()).collect();
    values.sort_by_key(|value| Reverse(value.len()));
    values.into_iter().fold(text.to_vec(), |text, value| replaced(&text, value, mark))
}

fn replaced(text: &[u8], value: &[u8], mark: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(value.len()).position(|part| part == value) {
        let (before, from) = rest.split_at(at);
        replaced.extend_from_slice(before);
        replaced.extend_from_slice(mark);
        rest = from.strip_prefix(value).unwrap_or_default();
    }
    replaced.extend_from_slice(rest);
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str, values: &[&str]) -> String {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        String::from_utf8(mask(text.as_bytes(), &values, b"***")).unwrap()
    }

    #[test]
    fn values_are_masked_whole() {
        assert_eq!(masked("key sk-12345 and sk-1, 1 left", &["sk-1", "sk-12345"]), "key *** and ***, 1 left");
        assert_eq!(masked("sk-12345sk-1", &["sk-12345", "sk-1"]), "******");
    }

    #[test]
    fn a_mark_that_looks_like_a_value_is_left() {
        assert_eq!(masked("a*b", &["*", ""]), "a***b");
    }
}
