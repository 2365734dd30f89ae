//! What harnesses show on their terminals where they wait for a person before they work. It is data: `screens.toml`, held by
//! captured screens.

pub mod input;

use std::sync::LazyLock;

use serde::Deserialize;

use input::Input;

/// What is told of a screen that isn't known.
const MOST_WORDS: usize = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Screens {
    dialog: Vec<Dialog>,
    prompt: Vec<Prompt>,
    title: Vec<Titles>,
}

/// What the terminal's title begins with, by what the harness does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Titles {
    harness: String,
    busy: Vec<String>,
    waiting: Vec<String>,
    /// What its question begins with on the screen, and what stands behind it.
    question: [String; 2],
}

/// What a title says that a harness does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Title {
    /// It works.
    Busy,
    /// It waits for an answer.
    Waiting,
}

/// Where a harness takes its input.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompt {
    harness: String,
    /// What its line begins with, frames left out unless it is one.
    mark: String,
    /// What an empty one begins with, where that isn't dim.
    hint: Option<String>,
    /// What is on the screen while it works, although its prompt is there as well.
    works: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialog {
    harness: String,
    /// Names its fixture.
    #[allow(dead_code, reason = "for people and tests")]
    name: String,
    /// What it does, after "it".
    what: String,
    /// All of these are on the screen.
    words: Vec<String>,
}

static SCREENS: LazyLock<Screens> = LazyLock::new(|| {
    // A test holds that it is right.
    toml::from_str(include_str!("screens.toml")).unwrap_or_default()
});

/// What the harness waits for, to be read after "it", if the screen shows a dialog that is known. Of a harness that isn't
/// known, any one's dialogs.
pub fn dialog(harness: &str, lines: &[String]) -> Option<&'static str> {
    let shown = plain(lines);
    let is_known = SCREENS.dialog.iter().any(|dialog| dialog.harness == harness);
    let own = SCREENS.dialog.iter().filter(|dialog| !is_known || dialog.harness == harness);
    let fits = own.filter(|dialog| dialog.words.iter().all(|words| shown.contains(words.as_str())));
    let place = |dialog: &&Dialog| dialog.words.first().and_then(|words| shown.rfind(words.as_str()));
    fits.max_by_key(place).map(|dialog| dialog.what.as_str())
}

/// Where the harness takes its input on a screen, as far as its prompts are known, of which several may fit.
pub fn inputs<'s>(harness: &str, lines: &'s [String], cursor: (usize, usize)) -> impl Iterator<Item = Input<'s>> {
    prompts(harness).filter_map(move |prompt| Input::new(lines, cursor, prompt))
}

/// Whether the screen says that the harness works, as far as that is known of it.
pub fn works(harness: &str, lines: &[String]) -> bool {
    let shown = plain(lines);
    prompts(harness).filter_map(|prompt| prompt.works.as_deref()).any(|words| shown.contains(words))
}

/// Whether the harness says in its terminal's title what it does.
pub fn has_titles(harness: &str) -> bool {
    titles(harness).is_some()
}

/// What this title says that the harness does, if it says anything.
pub fn title(harness: &str, title: &str) -> Option<Title> {
    let known = titles(harness)?;
    let begins = |marks: &[String]| marks.iter().any(|mark| title.starts_with(mark.as_str()));
    match (begins(&known.busy), begins(&known.waiting)) {
        (_, true) => Some(Title::Waiting),
        (true, false) => Some(Title::Busy),
        (false, false) => None,
    }
}

/// What the harness asks on its screen, as one line; the title, where that isn't found.
pub fn question(harness: &str, title: &str, lines: &[String]) -> String {
    let shown = plain(lines);
    let asked = titles(harness).and_then(|known| {
        let [begin, end] = &known.question;
        let from = shown.get(shown.rfind(begin.as_str())?..)?;
        Some(from.split_once(end.as_str()).map_or(from, |(question, _)| question).trim_end().to_owned())
    });
    asked.unwrap_or_else(|| title.to_owned())
}

fn titles(harness: &str) -> Option<&'static Titles> {
    SCREENS.title.iter().find(|titles| titles.harness == harness)
}

/// Where the harness takes its input, if that is known; of a harness that isn't, any one's.
fn prompts(harness: &str) -> impl Iterator<Item = &'static Prompt> {
    let is_known = SCREENS.dialog.iter().any(|dialog| dialog.harness == harness)
        || SCREENS.prompt.iter().any(|prompt| prompt.harness == harness);
    SCREENS.prompt.iter().filter(move |prompt| !is_known || prompt.harness == harness)
}

/// The last words on a screen, as one short line.
pub fn last_words(lines: &[String]) -> String {
    let words = plain(lines);
    let skipped = words.chars().count().saturating_sub(MOST_WORDS);
    if skipped == 0 {
        return words;
    }
    let rest: String = words.chars().skip(skipped).collect();
    format!("…{}", rest.split_once(' ').map_or(rest.as_str(), |(_, whole)| whole))
}

/// What a person reads: no frames, and single spaces.
fn plain(lines: &[String]) -> String {
    let text = lines.iter().map(|line| input::text(line)).collect::<Vec<_>>().join(" ");
    let words = text.split(|c: char| c.is_whitespace() || c.is_control() || is_drawn(c));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Lines and blocks, of which frames and pictures are made, and Braille, of which wheels are.
fn is_drawn(c: char) -> bool {
    matches!(c, '\u{2500}'..='\u{259f}' | '\u{2800}'..='\u{28ff}')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Each captured screen by its harness and its name.
    fn captured() -> Vec<(String, String, Vec<String>)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/screens");
        let mut screens = Vec::new();
        for harness in std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
            for file in std::fs::read_dir(&harness).unwrap().map(|entry| entry.unwrap().path()) {
                let text = std::fs::read_to_string(&file).unwrap();
                let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
                screens.push((name(&harness), name(&file), text.lines().map(ToOwned::to_owned).collect()));
            }
        }
        screens
    }

    #[test]
    fn each_dialog_is_known_by_its_screen_and_no_prompt_is_taken_for_one() {
        let read: Screens = toml::from_str(include_str!("screens.toml")).unwrap();
        let mut seen = BTreeSet::new();
        for (harness, name, lines) in captured() {
            let expected = read.dialog.iter().find(|dialog| dialog.harness == harness && dialog.name == name);
            assert_eq!(dialog(&harness, &lines), expected.map(|dialog| dialog.what.as_str()), "{harness} {name}");
            assert_eq!(dialog("my-own", &lines).is_some(), expected.is_some(), "{harness} {name}");
            assert!(expected.is_some() || name.contains("prompt"), "{harness} {name}");
            seen.insert((harness, name));
        }
        for Dialog { harness, name, .. } in &read.dialog {
            assert!(seen.contains(&(harness.clone(), name.clone())), "nobody has captured {name} of {harness}");
        }
    }

    #[test]
    fn a_title_says_what_codex_does_and_its_screen_what_it_asks() {
        let asks = "[ ! ] Action Required | work";
        let said = ["⠇ work", "[ . ] Action Required | work", asks, "work", "vm", ""].map(|text| title("codex", text));
        let waits = Some(Title::Waiting);
        assert_eq!(said, [Some(Title::Busy), waits, waits, None, None, None]);
        assert_eq!(title("my-own", "⠇ work"), None);
        let screen = "› Do it.\n\n• Running echo forty-two > answer.txt\n\n  Would you like to run the following command?\n\n  \
                      Environment: local\n\n  Reason: May I look?\n\n  $ echo forty-two > answer.txt\n\n› 1. Yes, proceed (y)\n  \
                      2. No, and tell Codex what to do differently (esc)\n\n  Press enter to confirm or esc to cancel";
        let lines: Vec<String> = screen.lines().map(ToOwned::to_owned).collect();
        let asked = "Would you like to run the following command? Environment: local Reason: May I look? $ echo forty-two > answer.txt";
        assert_eq!(question("codex", asks, &lines), asked);
        assert_eq!(question("codex", asks, &[]), asks);
    }

    #[test]
    fn of_another_screen_the_last_words_are_told() {
        let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        assert_eq!(last_words(&lines("╭────╮\n│ ⠋ Loading \u{1b}[2m… │\n╰────╯\n\n")), "Loading …");
        let long = last_words(&lines(&"word ".repeat(100)));
        assert!(long.starts_with("…word word") && long.chars().count() <= MOST_WORDS, "{long}");
        assert_eq!(last_words(&[]), "");
    }
}
