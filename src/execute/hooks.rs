//! The files for programs that read of their hooks in a file: agentd makes them at its start, in a directory of its own beside
//! its socket. It makes none that somebody else could change, or that a program would not take.

use std::path::{Path, PathBuf};

use crate::model::{AGENTD, HOOK_FILES, HOOKS, hooks_are_among};
use crate::sys::own_files::{is_open, is_ours_alone, is_roots_alone, publish};
use crate::sys::runtime_dir::{Access, ensure_dir};

/// One of the files.
struct HookFile {
    name: &'static str,
    /// With the places of agentd's program and of the directory.
    text: &'static str,
    /// It is read only if nobody but root can change it, or any directory above it.
    is_roots: bool,
    /// It would be read in the place of this one, which the host's administrator made.
    instead_of: Option<&'static str>,
}

/// In the order of [`HOOK_FILES`].
const FILES: [HookFile; 4] = [
    HookFile {
        name: HOOK_FILES[0],
        text: include_str!("hooks/gemini.json"),
        is_roots: true,
        instead_of: Some("/etc/gemini-cli/system-defaults.json"),
    },
    HookFile { name: HOOK_FILES[1], text: include_str!("hooks/opencode.js"), is_roots: false, instead_of: None },
    HookFile { name: HOOK_FILES[2], text: include_str!("hooks/opencode.json"), is_roots: false, instead_of: None },
    HookFile {
        name: HOOK_FILES[3],
        text: include_str!("hooks/qwen.json"),
        is_roots: false,
        instead_of: Some("/etc/qwen-code/system-defaults.json"),
    },
];

/// The files that there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookFiles {
    directory: String,
    names: Vec<&'static str>,
}

impl HookFiles {
    /// Makes them in this directory, which is made, in one that is there. Agents may be of another user.
    pub fn make(directory: &Path, agentd: &Path, for_another_user: bool) -> Self {
        let (Some(agentd), Some(path)) = (plain(agentd), plain(directory)) else {
            tracing::info!(directory = %directory.display(), "no files for hooks: a path has letters that mean more");
            return Self::default();
        };
        let is_fit = |place: &Path| is_ours_alone(place) && (!for_another_user || is_open(place));
        if !directory.parent().is_some_and(is_fit) {
            tracing::info!(directory = path, "no files for hooks: others could change them, or agents not read them");
            return Self::default();
        }
        let mut made = Self { directory: path.to_owned(), names: Vec::new() };
        if let Err(error) = ensure_dir(directory, Access { owner: None, group: None, mode: 0o755 }) {
            tracing::warn!(%error, "no files for hooks");
        } else if is_fit(directory) {
            made.names.extend(FILES.iter().filter(|file| file.make(directory, path, agentd)).map(|file| file.name));
        }
        made
    }

    /// A value with its places filled in; none if a file in it isn't there.
    pub fn fill_in(&self, value: &str) -> Option<String> {
        hooks_are_among(&self.names, value).then(|| value.replace(HOOKS, &self.directory))
    }
}

impl HookFile {
    fn make(&self, directory: &Path, path: &str, agentd: &str) -> bool {
        let is_wanted = !self.is_roots || is_roots_alone(directory);
        if !is_wanted || self.instead_of.is_some_and(|path| Path::new(path).symlink_metadata().is_ok()) {
            tracing::debug!(file = self.name, "isn't made: its program would not read it, or has one of this host's");
            return false;
        }
        let text = self.text.replace(AGENTD, agentd).replace(HOOKS, path);
        let made = publish(directory, self.name, text.as_bytes());
        made.inspect_err(|error| tracing::warn!(file = self.name, %error, "could not write it for hooks")).is_ok()
    }
}

/// Where they are: beside the daemon's own socket.
pub fn directory(socket: &Path) -> PathBuf {
    socket.with_extension("hooks")
}

/// A path that means itself wherever it is written: in words that programs hand to a shell, and in JSON.
pub(super) fn plain(path: &Path) -> Option<&str> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+');
    path.to_str().filter(|path| path.chars().all(is_plain))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::Value;

    use super::*;
    use crate::dialect::{self, Dialect, Moment};

    fn place() -> (tempfile::TempDir, PathBuf) {
        let temp = tempfile::Builder::new().prefix("hooks").tempdir().unwrap();
        std::fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let directory = directory(&temp.path().join("agentd.sock"));
        (temp, directory)
    }

    #[test]
    fn a_value_names_only_files_that_are_there() {
        let (_temp, directory) = place();
        let files = HookFiles::make(&directory, Path::new("/bin/agentd"), true);
        let path = directory.to_str().unwrap();
        assert_eq!(files.fill_in("x file://{hooks}/opencode.js"), Some(format!("x file://{path}/opencode.js")));
        assert_eq!(files.fill_in("plain"), Some("plain".to_owned()));
        // Everybody can write to the directory of temporary files, which gemini would not have.
        for value in ["{hooks}/gemini.json", "{hooks}/opencode.js {hooks}/gemini.json", "{hooks}", "{hooks}/other"] {
            assert_eq!(files.fill_in(value), None, "{value}");
        }
        let text = std::fs::read_to_string(directory.join("opencode.js")).unwrap();
        assert!(text.contains("spawn(\"/bin/agentd\", [\"hook\", \"opencode\"]") && !text.contains("{agentd}"));
        let settings = std::fs::read_to_string(directory.join("opencode.json")).unwrap();
        assert_eq!(settings, format!("{{\"plugin\": [\"file://{path}/opencode.js\"]}}\n"));
        assert!(!directory.join("gemini.json").exists());
    }

    #[test]
    fn none_are_made_where_others_could_change_or_agents_not_read_them() {
        let none = HookFiles::default();
        let agentd = Path::new("/bin/agentd");
        let (temp, directory) = place();
        for (mode, for_another_user) in [(0o775, false), (0o757, true), (0o750, true)] {
            std::fs::set_permissions(temp.path(), PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(HookFiles::make(&directory, agentd, for_another_user), none, "{mode:o}");
            assert!(!directory.exists());
        }
        assert_ne!(HookFiles::make(&directory, agentd, false), none);
        assert_eq!(HookFiles::make(&temp.path().join("a b"), agentd, false), none);
        assert_eq!(HookFiles::make(&directory, Path::new("/a b/agentd"), false), none);
        std::fs::write(temp.path().join("file"), "").unwrap();
        assert_eq!(HookFiles::make(&temp.path().join("file"), agentd, false).names.len(), 0);
    }

    #[test]
    fn their_hooks_are_those_whose_payloads_are_understood() {
        let files = FILES
            .iter()
            .filter(|file| !file.name.starts_with("opencode"))
            .filter_map(|file| Some((file, serde_json::from_str::<Value>(file.text).ok()?)));
        let mut seen = 0;
        for ((file, settings), dialect) in files.zip([Dialect::GeminiCli, Dialect::QwenCode]) {
            for (event, hooks) in settings["hooks"].as_object().unwrap() {
                let hook = &hooks[0]["hooks"][0];
                assert_eq!(hook["command"], format!("{{agentd}} hook {}", dialect.as_str()), "{}", file.name);
                assert_eq!((&hook["name"], &hook["timeout"]), (&"agentd".into(), &5000.into()));
                let payload = serde_json::json!({"hook_event_name": event, "notification_type": "permission_prompt"});
                let told = dialect::hook(dialect, payload.to_string().as_bytes(), Moment::default());
                assert!(!told.encode().is_empty(), "{event}");
                seen += 1;
            }
        }
        assert_eq!(seen, 17);
        assert_eq!(FILES.map(|file| file.name), HOOK_FILES);
    }
}
