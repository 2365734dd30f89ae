//! agentd keeps a declared set of AI coding agents running, each in a tmux session of its own.
//!
//! It reads what should run from `jcard.toml` and a secrets directory, looks at what does run, plans the difference, and
//! carries the plan out. Operators attach to the tmux sessions; programs read an HTTP API on a Unix socket.
//!
//! # The flow
//!
//! ```text
//! jcard.toml, prompt files, secrets ──watch──▶ desired::load ─▶ Loaded ──┐
//! shims: hello, started, ended ──────────────▶ sys::shim_link ─▶ Report ─┤
//! tmux control client: sessions ─────────────▶ sys::tmux ──────▶ PaneRow ┤
//! time stamps of terminals ──────────────────▶ sys::last_output ▶ Output ─┤
//! signals, outcomes of actions ──────────────▶ ──────────────────────────┤
//!                                                              mpsc<Event>
//!                                                                        ▼
//!                            event_loop: the only owner of the world's state
//!      reconcile(desired, &observed, memory, now) ─▶ Plan { actions, memory, transitions, wake_at }
//!                        │ actions                              │ memory
//!                        ▼                                      ▼
//!              execute: start, stop, adopt             status::Snapshot (watch channel)
//!                        │ Outcome ─▶ an event again            ▼
//!                                                      api: JSON on the Unix socket
//! ```
//!
//! Each agent's pane runs one small resident process, the shim ([`shim`]): the agent is its child. tmux is a terminal that
//! people attach to, and in no path that must be fast or exact. The shim forks, waits and reports; it holds no policy. With
//! every order the daemon hands it an opaque memo, and gets it back when it reconnects: the shims are the state store, and
//! there is no other.
//!
//! What an agent's own harness says of its run, its events and what it hands to hooks, is read by two small commands that run
//! beside the agent as its user ([`dialect`]); they tell the shim in notices ([`model::Notices`]), which nobody trusts.
//!
//! # Two units
//!
//! Under systemd the tmux server, and with it every agent, is a unit of its own, so that nothing that happens to the
//! daemon's unit happens to an agent; [`daemon::Keeper`] says whose the server is. When that unit is to stop, `agentd drain`
//! stops all agents first: it asks the daemon that runs, and where there is none it is one for that long, with no
//! configuration, as all that a stop needs is in the memos. [`sys::systemd`] tells the service manager what goes on; the
//! watchdog hears from the event loop itself.
//!
//! # Invariants
//!
//! - [`reconcile`] is pure: no I/O, no tokio, no clock. A timer is data (`wake_at`), and the event loop has the one sleep.
//! - [`execute`] decides nothing. No two actions of one agent run at once, and none waits in the event loop.
//! - "Could not read" is never "empty": what can't be read leaves the last good declaration in force, and shows.
//! - An unknown exit status is a variant of [`model::Exit`], never a number.
//! - A secret is in no command line, log, file, API answer or tmux option: from [`model::Secret`] it goes to the shim's
//!   socket, and from there to the one `execve`. The one exception is a program's own: what claude keeps of a key that it
//!   may use, its last characters, [`cli::prepare`] puts where claude would.
//! - A file of an agent's user is written by that user alone, and only if the agent has `prepare = true`: what is missing is
//!   added, and what is there stays.
//! - Nothing polls. An idle daemon forks nothing; inotify, sockets and one timer wake it. Only the slow resync looks by
//!   itself, at the time stamps of files, and of the terminals of agents that don't tell what they do or may not tell its end.
//! - Nothing that runs is lost when the daemon goes: shims and agents go on, and the next daemon adopts them.
//! - Whatever is in a directory of the agents' user is handled with that user's rights, even by root; no `tmux` of root's ever
//!   talks to the agents' server, as it does what the server says. The daemon itself does, and listens to answers only.
//!
//! # Who may import whom
//!
//! | module | may import |
//! |---|---|
//! | [`model`] | std |
//! | [`sys`] | model's clock and names, the shim's protocol |
//! | [`shim`] | std and libc; nothing of ours |
//! | [`reconcile`] | model |
//! | [`dialect`] | model |
//! | [`desired`], [`observed`] | model, sys; desired also the names of dialects, observed the shim's protocol |
//! | [`execute`] | model, sys, the shim's protocol, observed, reconcile's actions and memory, dialect |
//! | [`status`] | model, reconcile's memory |
//! | [`api`] | model, status, sys |
//! | [`event`], [`event_loop`], [`daemon`], [`cli`] | all |
//!
//! `tests/architecture.rs` holds the code to this table.

pub mod api;
pub mod cli;
pub mod daemon;
pub mod desired;
pub mod dialect;
pub mod event;
pub mod event_loop;
pub mod execute;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod model;
pub mod observed;
pub mod reconcile;
pub mod shim;
pub mod status;
pub mod sys;
#[doc = include_str!("threat_model.md")]
pub mod threat_model {}
