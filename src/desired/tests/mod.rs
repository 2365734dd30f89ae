//! The whole way from a file to `Desired` or to a report.

mod diagnostics;
mod event_env;
mod harnesses;
mod prepare;
mod reference;
mod resolve;

use super::diagnostic::{Look, render_all};
use super::*;

/// A directory with a configuration and a secrets directory.
struct Ground {
    dir: tempfile::TempDir,
}

impl Ground {
    fn new(config: impl AsRef<[u8]>) -> Self {
        let ground = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(ground.path("secrets")).unwrap();
        ground.write("jcard.toml", config);
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn load(&self) -> Loaded {
        load(&Sources {
            secret_dir: Some(self.path("secrets")),
            ..Sources::new(self.path("jcard.toml"), PathBuf::from("/home/u"))
        })
    }

    /// The report, with the names of the agents if it is taken.
    fn report(&self) -> String {
        let loaded = self.load();
        let mut all = loaded.warnings.clone();
        let end = match &loaded.result {
            Ok(desired) => format!("ok: {:?}", desired.agents.keys().collect::<Vec<_>>()),
            Err(error) => {
                all.extend(error.diagnostics.clone());
                "not taken".to_owned()
            }
        };
        diagnostic::sort(&mut all);
        let report = render_all(&all, Look::Plain).replace(self.dir.path().to_str().unwrap(), "DIR");
        format!("{report}\n{end}").trim().to_owned()
    }
}

fn report(config: &str) -> String {
    Ground::new(config).report()
}

fn desired(config: &str) -> Desired {
    let loaded = Ground::new(config).load();
    assert!(loaded.warnings.is_empty(), "{}", render_all(&loaded.warnings, Look::Plain));
    loaded.result.unwrap_or_else(|error| panic!("{error}"))
}

fn only(desired: &Desired) -> &AgentSpec {
    assert_eq!(desired.agents.len(), 1);
    desired.agents.values().next().unwrap()
}

fn argv(spec: &AgentSpec) -> Vec<String> {
    spec.launch.argv.iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

fn names(desired: &Desired) -> Vec<(String, String)> {
    desired.agents.values().map(|spec| (spec.name.to_string(), spec.session.to_string())).collect()
}

const ONE: &str = "[agent]\nharness = \"claude-code\"\n";

#[test]
fn what_was_taken_can_still_be_refused_and_so_can_what_was_not() {
    let file = Path::new("/secrets");
    for (config, others) in [(ONE, 0), ("[agent]\n", 1)] {
        let mut loaded = Ground::new(config).load();
        loaded.refuse(file, "the directory is gone");
        let error = loaded.result.unwrap_err();
        assert_eq!(error.diagnostics.len(), others + 1);
        assert!(error.to_string().contains("/secrets"), "{error}");
    }
}

#[test]
fn without_secrets_nothing_is_read_of_either_directory() {
    let ground = Ground::new(ONE);
    let sources = Sources {
        secret_dir: Some(ground.path("secrets")),
        credentials_dir: Some(ground.path("credentials")),
        ..Sources::new(ground.path("jcard.toml"), PathBuf::from("/home/u"))
    };
    let without = sources.without_secrets();
    assert_eq!((without.secret_dir.as_deref(), without.credentials_dir.as_deref()), (None, None));
    assert_eq!((without.config, without.agent_home), (sources.config, sources.agent_home));
}

#[test]
fn every_harness_that_is_named_can_be_declared() {
    for name in Harnesses::builtin().names() {
        let command = if name == "custom" { "command = [\"true\"]\n" } else { "" };
        desired(&format!("[agent]\nharness = \"{name}\"\n{command}"));
    }
}
