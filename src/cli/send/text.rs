//! What may be typed as a text: no character that a terminal or a program would obey. The end of a bracketed paste, above
//! all, would turn what follows into keys.

use super::MOST;

/// Tabs and line ends are text. An error says what else is in it, and where.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() > MOST {
        return Err(format!("the text is longer than {} KiB: put it into a file, and name that file", MOST / 1024));
    }
    for (number, line) in text.split('\n').enumerate() {
        if let Some(control) = line.chars().find(|c| c.is_control() && *c != '\t') {
            let place = if text.contains('\n') { format!(" in line {}", number + 1) } else { String::new() };
            let code = u32::from(control);
            return Err(format!(
                "the text has the control character U+{code:04X}{place}, which a program would obey: {}",
                if control == '\r' { "convert its line ends" } else { "--key sends keys" }
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_texts() {
        for text in ["", "a\tb\nc\n", "ä 🦀 \u{202e}", "-x;", "\\e[201~"] {
            assert_eq!(check(text), Ok(()));
        }
        assert!(check(&"x".repeat(MOST + 1)).is_err());
    }

    #[test]
    fn a_control_character_is_named_with_its_place() {
        let refused = check("one\ntwo\u{1b}[201~").unwrap_err();
        assert!(refused.contains("U+001B in line 2") && refused.contains("--key"), "{refused}");
        assert!(check("dos\r\n").unwrap_err().contains("line ends"));
        for control in ['\0', '\u{3}', '\u{7f}', '\u{9b}'] {
            assert!(check(&control.to_string()).unwrap_err().contains("control character"));
        }
    }
}
