//! How an agent starts, as far as the questions of its program depend on it.

use std::ffi::{CStr, CString};

const HEADLESS: &CStr = c"--headless";
const BYPASS: &CStr = c"--bypass";

/// How an agent starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// It asks nobody.
    pub is_headless: bool,
    /// It may do everything.
    pub bypasses: bool,
}

impl Manner {
    /// As words of a command line.
    pub fn words(self) -> impl Iterator<Item = CString> {
        let words = [(HEADLESS, self.is_headless), (BYPASS, self.bypasses)];
        words.into_iter().filter(|(_, is_said)| *is_said).map(|(word, _)| word.to_owned())
    }

    /// From such words. Others are those of a later version.
    pub fn of_words(words: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Self {
        words.into_iter().fold(Self::default(), |manner, word| Self {
            is_headless: manner.is_headless || word.as_ref() == HEADLESS.to_bytes(),
            bypasses: manner.bypasses || word.as_ref() == BYPASS.to_bytes(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_all_of_it() {
        for (is_headless, bypasses) in [(false, false), (false, true), (true, false), (true, true)] {
            let manner = Manner { is_headless, bypasses };
            assert_eq!(Manner::of_words(manner.words().map(CString::into_bytes)), manner);
        }
        assert_eq!(Manner::of_words(["--later"]), Manner::default());
    }
}
