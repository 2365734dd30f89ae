//! `agentd top`: all agents at work, full screen.
//!
//! One loop owns the state. Keys, news and time come in; after them the picture is drawn, where it is another one. While a
//! person is attached to an agent, the terminal is tmux's.

mod data;
mod input;
mod list;
mod screen;
mod state;
mod view;
mod words;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::client::{Client, Connect, block_on};
use super::failure::{Failure, finish};
use super::output;
use super::pane::{self, Pane};
use crate::sys::clock;
use crate::sys::terminal::{Keyboard, suspend};
use crate::sys::tmux::client::Attach;
use data::Update;
use input::Decoder;
use screen::Screen;
use state::{State, Wish};

/// The rest of a key comes within this, or it was Escape.
const REST_OF_A_KEY: Duration = Duration::from_millis(40);

/// The flags.
#[derive(Debug, Args)]
#[command(
    after_help = "Keys: arrows or j k, Enter attaches, / searches, f lists the failing, s sorts, ? helps, q quits."
)]
pub struct Flags {
    #[command(flatten)]
    connect: Connect,
}

/// Runs it.
pub fn run(flags: &Flags) -> ExitCode {
    finish(block_on(top(flags)))
}

async fn top(flags: &Flags) -> Result<(), Failure> {
    let client = Client::connect(&flags.connect)?;
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Err(Failure::Other("this is not a terminal; `agentd status` is for scripts".to_owned()));
    }
    let health = client.health().await?;
    let mut top = Top::new(&client, health).map_err(terminal)?;
    screen::leave_on_panic();
    top.show().await
}

fn terminal(error: io::Error) -> Failure {
    Failure::System { what: "use the terminal".to_owned(), error }
}

struct Top {
    state: State,
    screen: Option<Screen>,
    keyboard: Keyboard,
    decoder: Decoder,
    /// Whose output is wanted.
    want: watch::Sender<Option<String>>,
    updates: mpsc::Receiver<Update>,
    tasks: JoinSet<()>,
    ends: Ends,
}

/// What ends it from outside.
struct Ends(Vec<Signal>);

impl Ends {
    fn new() -> io::Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()];
        kinds.into_iter().map(signal).collect::<io::Result<_>>().map(Self)
    }

    async fn come(&mut self) {
        let [terminate, hangup, interrupt, quit] = &mut self.0[..] else { return };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    Quit,
}

impl Top {
    fn new(client: &Client, health: super::client::types::Health) -> io::Result<Self> {
        let (want, wanted) = watch::channel(None);
        let (tasks, updates) = data::start(client, wanted);
        Ok(Self {
            state: State::new(health, clock::now()),
            screen: None,
            keyboard: Keyboard::open()?,
            decoder: Decoder::default(),
            want,
            updates,
            tasks,
            ends: Ends::new()?,
        })
    }

    async fn show(&mut self) -> Result<(), Failure> {
        let mut resized = signal(SignalKind::window_change()).map_err(terminal)?;
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut changed = true;
        loop {
            if changed {
                self.draw().map_err(terminal)?;
            }
            let more = self.decoder.is_waiting();
            changed = tokio::select! {
                typed = self.keyboard.read() => {
                    let keys = self.decoder.feed(&typed.map_err(terminal)?);
                    if self.press(keys).await? == Next::Quit {
                        return Ok(());
                    }
                    true
                }
                () = sleep(REST_OF_A_KEY), if more => {
                    let keys = self.decoder.flush();
                    if self.press(keys).await? == Next::Quit {
                        return Ok(());
                    }
                    true
                }
                Some(update) = self.updates.recv() => self.take(update),
                _ = resized.recv() => true,
                _ = second.tick() => self.state.tick(clock::now()),
                () = self.ends.come() => return Ok(()),
                Some(ended) = self.tasks.join_next() => {
                    let cause = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
                    return Err(Failure::Other(format!("a task of agentd top failed: {cause}")));
                }
            };
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let screen = match &mut self.screen {
            Some(screen) => screen,
            empty @ None => empty.insert(Screen::enter(output::look())?),
        };
        screen.draw(&mut self.state)?;
        let selected = self.state.list.selected().map(|agent| agent.name.clone());
        self.want.send_if_modified(|want| {
            let other = *want != selected;
            *want = selected;
            other
        });
        Ok(())
    }

    /// All news that there is.
    fn take(&mut self, update: Update) -> bool {
        let now = clock::now();
        let mut changed = self.state.take(update, now);
        while let Ok(update) = self.updates.try_recv() {
            changed |= self.state.take(update, now);
        }
        changed
    }

    async fn press(&mut self, keys: Vec<input::Key>) -> Result<Next, Failure> {
        for key in keys {
            match self.state.press(key) {
                Wish::Nothing => {}
                Wish::Quit => return Ok(Next::Quit),
                Wish::Redraw => {
                    if let Some(screen) = &mut self.screen {
                        screen.forget().map_err(terminal)?;
                    }
                }
                Wish::Suspend => {
                    // The next picture takes the terminal again.
                    self.screen = None;
                    suspend().map_err(terminal)?;
                }
                Wish::Attach { read_only } => return self.attach(read_only).await,
            }
        }
        Ok(Next::GoOn)
    }

    /// Leaves the terminal to a tmux client until that ends.
    async fn attach(&mut self, read_only: bool) -> Result<Next, Failure> {
        let Some(agent) = self.state.list.selected().cloned() else { return Ok(Next::GoOn) };
        let pane = match Pane::of(agent, &self.state.health) {
            Ok(pane) => pane,
            Err(failure) => {
                self.state.notice = Some(failure.to_string());
                return Ok(Next::GoOn);
            }
        };
        self.screen = None;
        let how = Attach { read_only, detach_others: false };
        let next = tokio::select! {
            ended = pane.clients.run_attached(&pane.target, how) => {
                self.state.notice = ended.err().map(|error| pane::failure(error).to_string());
                Next::GoOn
            }
            () = self.ends.come() => Next::Quit,
        };
        self.state.tick(clock::now());
        Ok(next)
    }
}
