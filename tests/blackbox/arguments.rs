//! What an agent is given arrives byte for byte.

use std::os::unix::ffi::OsStrExt;

use crate::declare::{Record, agent, quoted};
use crate::harness::{Host, until};

/// The longest argument that the kernel takes.
const LONGEST: usize = 131_071;

/// A table for an agent that records what it got, and ends.
fn recorder(name: &str, fields: &str) -> String {
    agent(name, &["$PROBE", "record", name, "--"], fields)
}

/// What such an agent is told to do.
fn words<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["$PROBE", "record"], arguments].concat()
}

/// What an agent got after what it is told to do.
fn received(host: &Host, name: &str) -> Vec<Vec<u8>> {
    Record::read(host, name).arguments.split_off(4)
}

#[test]
fn prompts_arrive_exactly() {
    let host = Host::new();
    let control: String = (1..=0x1f).chain([0x7f]).map(char::from).collect();
    let longest = "p".repeat(LONGEST);
    let prompts = [
        "two\nlines\n\n",
        "it's \"quoted\" '' \\\" \\",
        "$(touch owned) `touch owned` $HOME ${HOME} $$",
        control.as_str(),
        "\ttabs\t",
        "semicolon;",
        ";",
        "a\\;",
        "-p --help",
        "--",
        "#{pane_id} #(touch owned) %1 *?[a]~",
        " spaces  at its ends ",
        "Grüße, 世界 🦀 \u{202e}",
        longest.as_str(),
    ];
    let table =
        |(number, prompt): (usize, &&str)| recorder(&format!("p{number}"), &format!("prompt = {}", quoted(prompt)));
    let invalid: Vec<u8> = (1..=255).chain(*b"\xff\xfe\xc0\n\n").collect();
    std::fs::write(host.at("etc/prompt"), &invalid).unwrap();
    let file = recorder("file", "prompt_file = \"prompt\"");
    host.configure(&prompts.iter().enumerate().map(table).chain([file]).collect::<String>());
    let _daemon = host.start();
    for (number, prompt) in prompts.iter().enumerate() {
        let received = received(&host, &format!("p{number}"));
        assert!(received == [prompt.as_bytes()], "{prompt:?}: {received:?}");
    }
    // One line end at the end of a file is the editor's.
    assert_eq!(received(&host, "file"), [&invalid[..invalid.len() - 1]]);
    assert!(!host.at("work/owned").exists());
}

#[test]
fn a_prompt_that_no_argument_can_hold_is_a_mistake_that_says_so() {
    let host = Host::new();
    host.configure(&agent("fine", &["$PROBE", "wait"], ""));
    let daemon = host.start();
    daemon.wait_state("fine", "running");
    let before = daemon.agent("fine");
    std::fs::write(host.at("etc/prompt"), "p".repeat(LONGEST + 1)).unwrap();
    for prompt in [format!("prompt = {}", quoted(&"p".repeat(LONGEST + 1))), "prompt_file = \"prompt\"".to_owned()] {
        host.configure(&recorder("long", &prompt));
        daemon.wait("the refusal", |line| {
            line["message"].as_str().is_some_and(|message| message.starts_with("did not take the configuration"))
        });
        let message = until("the API to say it", || {
            let health = daemon.get("/v1/health").1;
            health["config_error"]["message"].as_str().map(str::to_owned)
        });
        assert!(message.contains("131072 bytes") && message.contains("131071"), "{message}");
        assert!(message.len() < 4096, "it shows the prompt: {} bytes", message.len());
    }
    assert_eq!(daemon.agent("fine"), before);
}

#[test]
fn arguments_arrive_exactly() {
    let host = Host::new();
    let many: Vec<String> = (0..5000).map(|number| format!("argument {number};")).collect();
    let odd = ["", "", " ", ";", "-", "--", "{}", "a\nb", ""];
    let many_words: Vec<&str> = ["many", "--"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let inside = agent("inside", &words(&["inside", "--", "<{prompt}>", "{prompt}"]), "prompt = \"a b\"");
    let args = format!("args = [{}]\nprompt = \"last\"", odd.map(quoted).join(", "));
    host.configure(
        &[
            agent("many", &words(&many_words), ""),
            agent("odd", &words(&[&["odd", "--"], &odd[..]].concat()), ""),
            recorder("args", &args),
            inside,
        ]
        .concat(),
    );
    let _daemon = host.start();
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    assert!(received(&host, "many").iter().eq(many.iter().map(String::as_bytes)));
    assert_eq!(received(&host, "odd"), texts(&odd));
    assert_eq!(received(&host, "args"), texts(&[&odd[..], &["last"]].concat()));
    assert_eq!(received(&host, "inside"), texts(&["<a b>", "a b"]));
}

#[test]
fn environment_and_workdir_are_exact() {
    for mut host in Host::both() {
        let odd = host.at("work/a dir; $(x) 'ü'\n");
        std::fs::create_dir(&odd).unwrap();
        host.own(&odd);
        host.arguments.push("--debug".to_owned());
        let variables = [("EMPTY", ""), ("LINES", "a\nb\n"), ("ODD", "$(x) `y` ; 'z' \\ \u{1} ü"), ("a.b-c", "=x=")];
        let env: Vec<String> = variables.iter().map(|(name, value)| format!("{name:?} = {}", quoted(value))).collect();
        let table = recorder("exact", &format!("env = {{ {} }}", env.join(", ")));
        let workdir = format!("workdir = {}", quoted(odd.to_str().unwrap()));
        host.configure(&table.replace("workdir = \"$DIR/work\"", &workdir));
        std::fs::write(host.at("work/.profile"), "export FROM_LOGIN=yes EMPTY=no\n").unwrap();
        let daemon = host.start();
        daemon.wait_state("exact", "exited");
        let record = Record::read(&host, "a dir; $(x) 'ü'\n/exact");
        assert_eq!(record.directory, odd.canonicalize().unwrap().as_os_str().as_bytes());
        for (name, value) in variables {
            assert_eq!(record.variable(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(record.variable("AGENTD_AGENT").as_deref(), Some("exact"));
        assert_eq!(record.variable("PWD"), odd.to_str().map(str::to_owned));
        assert!(record.variable("TMUX").unwrap().starts_with(host.tmux_socket().to_str().unwrap()));
        // Nothing of ours, nor of the daemon's.
        let known = ["HOME", "USER", "LOGNAME", "SHELL", "LANG", "PATH", "PWD", "TERM", "TMUX", "TMUX_PANE", "MAIL"];
        let own = ["AGENTD_AGENT", "AGENTD_NOTIFY_SOCKET", "AGENTD_RUN", "FROM_LOGIN", "XDG_RUNTIME_DIR"];
        let names = record.environment.keys().map(|name| String::from_utf8(name.clone()).unwrap());
        let is_known = |name: &String| {
            let mut all = known.iter().chain(&own).chain(variables.iter().map(|(name, _)| name));
            all.any(|known| known == name)
        };
        assert_eq!(names.filter(|name| !is_known(name)).collect::<Vec<_>>(), [""; 0]);
        assert_eq!(record.variable("FROM_LOGIN").as_deref(), Some("yes"));
    }
}
