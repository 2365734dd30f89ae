//! Turns what a shim can say of a failed launch (a step and an errno) into a sentence that says what to do, and
//! writes what `--debug` shows of an agent.

use std::ffi::OsString;

use nix::errno::Errno;

use crate::model::{AgentName, AgentSpec, Child, Ending, Secret, StartStage};
use crate::sys::tmux::command;

use super::Executor;
use super::mask::mask;

/// How many of a pane's last lines `--debug` shows at an exit.
const LAST_LINES: u32 = 10;

/// Values shorter than this are not masked in pane text: nothing would be left of the text.
const SHORTEST_MASKED: usize = 3;

impl Executor {
    /// Completes the message of an ending that never began.
    pub(super) fn explain_ending(&self, child: &mut Child, agent: &AgentName) {
        let Child::Ended { ending: Ending::NotStarted(error), .. } = child else { return };
        let Some(spec) = self.places.get(agent).and_then(|place| place.spec.as_ref()) else { return };
        error.message = explain(error.stage, &error.message, spec, &self.search_path(spec));
    }

    /// Shows the pane's last lines, for `--debug`. Values of the agent's environment are masked in them.
    pub(super) fn log_ending(&mut self, agent: &AgentName, child: &Child) {
        if !self.ground.debug || !matches!(child, Child::Ended { .. }) {
            return;
        }
        let Some(place) = self.places.get(agent) else { return };
        let Some(pane) = &place.pane else { return };
        let answer = place.control.send(command::capture(&pane.pane_id, LAST_LINES));
        let (agent, spec) = (agent.clone(), place.spec.clone());
        self.tasks.spawn(async move {
            let Ok(lines) = answer.await else { return };
            let text = lines.iter().rev().skip_while(|line| line.trim().is_empty()).take(LAST_LINES as usize);
            let mut text: Vec<&str> = text.map(String::as_str).collect();
            text.reverse();
            let values = spec.iter().flat_map(|spec| spec.launch.env.values());
            tracing::debug!(%agent, lines = %masked(&text.join("\n"), values), "the pane's last lines");
        });
    }

    /// The `PATH` that a launch of the spec looks its program up in.
    fn search_path(&self, spec: &AgentSpec) -> String {
        let declared = spec.launch.env.iter().find(|(name, _)| *name == "PATH");
        let login = || {
            self.login_environment.iter().flat_map(|environment| environment.iter()).find(|(name, _)| name == "PATH")
        };
        match declared {
            Some((_, value)) => String::from_utf8_lossy(value.expose()).into_owned(),
            None => login()
                .map(|(_, value): &(OsString, OsString)| value.to_string_lossy().into_owned())
                .unwrap_or_default(),
        }
    }
}

/// Replaces values by `***`.
fn masked<'a>(text: &str, values: impl Iterator<Item = &'a Secret>) -> String {
    let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.expose())).collect();
    let values: Vec<&[u8]> =
        values.iter().map(|value| value.as_bytes()).filter(|value| value.len() >= SHORTEST_MASKED).collect();
    String::from_utf8_lossy(&mask(text.as_bytes(), &values, b"***")).into_owned()
}

fn explain(stage: StartStage, system: &str, spec: &AgentSpec, path: &str) -> String {
    let program = spec.launch.argv.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    let workdir = spec.launch.workdir.display();
    let is = |errno: Errno| system == errno.desc();
    match stage {
        StartStage::Workdir if is(Errno::ENOENT) => {
            format!("its workdir {workdir} does not exist: create it, or declare another `workdir`")
        }
        StartStage::Workdir => format!("its workdir {workdir} can't be entered: {system}"),
        StartStage::Exec if is(Errno::ENOENT) && !program.contains('/') => {
            format!("its program `{program}` was not found in PATH ({path}): install it, or set PATH in `env`")
        }
        StartStage::Exec if is(Errno::ENOENT) => {
            format!("its program {program}, or the interpreter named in its first line, does not exist")
        }
        StartStage::Exec if is(Errno::E2BIG) => {
            format!("its arguments and environment together are larger than the system allows: {system}")
        }
        StartStage::Exec => format!("its program {program} can't be executed: {system}"),
        // By the stop that overtook its start, or by somebody else.
        StartStage::Fork if is(Errno::ECANCELED) => "it was ended before its program was executed".to_owned(),
        StartStage::Fork => format!("no process could be made for it: {system}"),
        StartStage::Session | StartStage::Shim | StartStage::Cgroup => system.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::Launch;

    #[test]
    fn values_are_masked_whole() {
        let values = [Secret::new(*b"sk-1"), Secret::new(*b"sk-12345"), Secret::new(*b"1")];
        assert_eq!(masked("key sk-12345 and sk-1, 1 left", values.iter()), "key *** and ***, 1 left");
    }

    #[test]
    fn an_end_between_fork_and_exec_is_not_told_as_a_want_of_processes() {
        let launch = Launch {
            argv: Vec::new(),
            workdir: "/".into(),
            env: BTreeMap::new(),
            prepare: Vec::new(),
            extra: crate::model::Extra::default(),
        };
        let spec = AgentSpec::sample("one", "custom", launch);
        let said = |errno: Errno| explain(StartStage::Fork, errno.desc(), &spec, "");
        assert_eq!(said(Errno::ECANCELED), "it was ended before its program was executed");
        assert!(said(Errno::EAGAIN).starts_with("no process could be made for it: "));
    }
}
