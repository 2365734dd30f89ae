//! `agentd man`: the manual pages, made of what `--help` says and of the description of the fields. The same agentd
//! always writes the same pages: no date is in them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use crate::desired::harness::reference;
use crate::desired::reference::{Field, Kind, Preset, REFERENCE, STALL};

use super::failure::{EXIT_CODES, Failure, finish};
use super::{Arguments, CONFIG, ROOT_API_SOCKET, SECRET_DIR};

/// The flags.
#[derive(Debug, Args)]
pub struct Flags {
    /// Write a page for every command, and one for jcard.toml, into this directory [default: agentd(1) to standard output]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(write(flags.out.as_deref()))
}

fn write(directory: Option<&Path>) -> Result<(), Failure> {
    let Some(directory) = directory else {
        let page = pages()?.into_iter().next().map(|(_, page)| page).unwrap_or_default();
        return Ok(io::stdout().write_all(&page)?);
    };
    let failed = |path: &Path, error| Failure::System { what: format!("write {}", path.display()), error };
    std::fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    for (name, page) in pages()? {
        let path = directory.join(name);
        std::fs::write(&path, page).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// Every page with its file's name, that of agentd itself first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut agentd = Arguments::command().disable_help_subcommand(true);
    agentd.build();
    let shown: Vec<&Command> = agentd.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let names: Vec<String> = shown.iter().map(|command| format!("agentd-{}", command.get_name())).collect();
    let mut pages = vec![("agentd.1".to_owned(), page(&agentd, &names)?)];
    for command in shown {
        pages.push((format!("agentd-{}.1", command.get_name()), page(command, &[])?));
    }
    pages.push(("jcard.toml.5".to_owned(), file_page()?));
    Ok(pages)
}

fn page(command: &Command, subcommands: &[String]) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone()).source(source()).manual("agentd");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if !subcommands.is_empty() {
        about_agentd().to_writer(&mut page)?;
        man.render_subcommands_section(&mut page)?;
    }
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    notes(command).to_writer(&mut page)?;
    endings(command, subcommands).to_writer(&mut page)?;
    Ok(page)
}

fn source() -> String {
    format!("agentd {}", env!("CARGO_PKG_VERSION"))
}

/// What agentd(1) says more than `agentd --help`.
fn about_agentd() -> Roff {
    let mut roff = Roff::new();
    for text in [
        "Agents are declared in jcard.toml(5), which is watched together with the files of prompts and secrets that it names. \
         A change touches only the agents that it is about. What can't be taken changes nothing, and is reported.",
        "Each agent runs in a tmux session of its own, to which people attach. It is restarted by its policy, stopped with \
         everything that it started, and goes on when agentd itself ends unasked; the next agentd adopts it.",
        "Without a command agentd runs as the daemon. The other commands talk to one that runs.",
    ] {
        roff.control("PP", []).text([roman(text)]);
    }
    roff
}

/// What `--help` ends with, line by line. The exit statuses have a section of their own.
fn notes(command: &Command) -> Roff {
    let mut roff = Roff::new();
    let notes = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    if let Some(notes) = notes.filter(|notes| notes != EXIT_CODES) {
        roff.control("SH", ["NOTES"]).control("nf", []).text([roman(notes)]).control("fi", []);
    }
    roff
}

fn endings(command: &Command, subcommands: &[String]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in [
        ("0", "Done."),
        ("1", "It failed, or found something wrong; the reason is on standard error."),
        ("2", "Wrong usage."),
        ("3", "agentd isn't running."),
        ("4", "Access denied."),
        ("5", "No such agent."),
    ] {
        tagged(&mut roff, vec![bold(status)], meaning);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    let mut variables: Vec<(String, String)> = command
        .get_arguments()
        .filter_map(|argument| Some((argument.get_env()?.to_str()?.to_owned(), argument.get_long()?.to_owned())))
        .collect();
    variables.sort();
    for (variable, flag) in variables {
        tagged(&mut roff, vec![bold(variable)], &format!("Stands for --{flag}, which wins over it."));
    }
    tagged(&mut roff, vec![bold("NO_COLOR")], "If set to anything but nothing, no colours are written.");
    let runtime = "Where the sockets of an ordinary user's agentd are, in the directory agentd.";
    tagged(&mut roff, vec![bold("XDG_RUNTIME_DIR")], runtime);
    roff.control("SH", ["FILES"]);
    for (file, meaning) in [
        (CONFIG, "What runs: see jcard.toml(5)."),
        (SECRET_DIR, "The secrets, one file each: the name is the variable, the content its value."),
        (ROOT_API_SOCKET, "The API of a daemon that runs as root."),
        ("/run/agentd/tmux.sock", "The tmux server of a daemon that runs as root."),
        ("$XDG_RUNTIME_DIR/agentd/", "The same sockets of an ordinary user's daemon."),
    ] {
        tagged(&mut roff, vec![italic(file)], meaning);
    }
    roff.control("SH", ["SEE ALSO"]);
    let mut others: Vec<String> = if subcommands.is_empty() { vec!["agentd".to_owned()] } else { subcommands.to_vec() };
    others.sort();
    let mut line: Vec<Inline> = others.into_iter().flat_map(|name| [bold(name), roman("(1), ")]).collect();
    line.extend([bold("jcard.toml"), roman("(5), "), bold("tmux"), roman("(1)")]);
    roff.text(line);
    roff
}

fn tagged(roff: &mut Roff, tag: Vec<Inline>, text: &str) {
    roff.control("TP", []).text(tag).text([roman(text)]);
}

/// jcard.toml(5).
fn file_page() -> io::Result<Vec<u8>> {
    let mut roff = Roff::new();
    let source = source();
    roff.control("TH", ["jcard.toml", "5", "", &source, "agentd"]);
    roff.control("SH", ["NAME"]).text([roman("jcard.toml - what agentd keeps running")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([
        roman("One table "),
        bold("[agent]"),
        roman(" and any number of "),
        bold("[[agents]]"),
        roman(" may stand in one file, an agent each, and harnesses for them in "),
        bold("[harness.NAME]"),
        roman(". All other tables belong to other programs. Durations are written as 90s, 1h30m, 1.5h or 300ms."),
    ]);
    roff.control("SH", ["FIELDS"]);
    for field in &REFERENCE {
        describe(field, &mut roff);
    }
    for (title, text, fields) in [
        (
            "HARNESSES",
            "A table [harness.NAME] declares a harness that agents can name, or changes what it says of one that agentd knows \
             by itself; these are tables of the same form.",
            &reference::HARNESS[..],
        ),
        ("STALL", "The fields of an agent's table stall.", &STALL[..]),
        ("MODES OF A HARNESS", "The fields of its tables headless and interactive.", &reference::FORM[..]),
    ] {
        roff.control("SH", [title]).text([roman(text)]);
        for field in fields {
            describe(field, &mut roff);
        }
    }
    roff.control("SH", ["EXAMPLE"]).control("EX", []);
    roff.text([roman(
        "[[agents]]\nname = \"reviewer\"\nharness = \"claude-code\"\nprompt = \"Review the open changes.\"\n\
         workdir = \"~/project\"\nrestart = \"on-failure\"\nsecrets = [\"ANTHROPIC_API_KEY\"]",
    )]);
    roff.control("EE", []).control("SH", ["SEE ALSO"]);
    let others = ["agentd", "agentd-check", "agentd-init", "agentd-schema"];
    let mut line: Vec<Inline> = others.into_iter().flat_map(|name| [bold(name), roman("(1), ")]).collect();
    line.extend([bold("tmux"), roman("(1)")]);
    roff.text(line);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn describe(field: &Field, roff: &mut Roff) {
    let kind = match field.kind {
        Kind::Text(_) => "a string",
        Kind::Word(_) | Kind::Name(_) => "a word",
        Kind::Flag => "true or false",
        Kind::Whole { .. } => "a whole number",
        Kind::Dollars => "a number",
        Kind::Duration { .. } => "a duration",
        Kind::Texts { .. } => "a list of strings",
        Kind::Variables(_) => "a table of strings",
        Kind::Table(_) => "a table",
    };
    let text = match field.preset {
        Preset::Required => format!("{} It is required.", field.text()),
        Preset::Value(value) => format!("{} Default: {value}.", field.text()),
        Preset::Else(_) => field.text(),
    };
    tagged(roff, vec![bold(field.name), roman(" ("), italic(kind), roman(")")], &text);
    if let Kind::Word(words) = field.kind {
        roff.control("RS", []);
        for (word, meaning) in words() {
            tagged(roff, vec![bold(word)], &meaning);
        }
        roff.control("RE", []);
    }
}
