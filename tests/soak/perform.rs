//! Does to the host what an action says.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::action::{Action, Harm, Order, Write};
use crate::harness::kill;
use crate::journal::{End, Journal};
use crate::place::{PATIENCE, Place};
use crate::processes::{self, Process};
use crate::world::World;

/// How a session's name begins that was an agent's, and how a stranger's does.
pub const RENAMED: &str = "renamed-";
pub const STRANGER: &str = "stranger-";

/// Carries an action out that the world knows already. An error is a broken promise.
pub fn perform(action: &Action, world: &World, place: &mut Place, journal: &mut Journal) -> Result<(), String> {
    match action {
        Action::Declare(_, how) | Action::Remove(_, how) | Action::Repair(how) => write(place, world, *how),
        Action::Break(harm) => break_file(place, world, *harm),
        Action::Secret(name, _) => place.host.secret(name, world.secrets[name].as_bytes()),
        Action::NoSecret(name) => drop(fs::remove_file(place.host.at("secrets").join(name))),
        Action::Tell(instance, order) => tell(place, journal, instance, *order),
        Action::Kill(instance, signal) => {
            if let Some((start, process)) = process_of(place, journal, instance) {
                journal.ended(start, End::Signal(*signal));
                kill(process.pid, nix::sys::signal::Signal::try_from(*signal).unwrap());
            }
        }
        Action::KillShim(instance) => {
            if let Some((_, process)) = process_of(place, journal, instance)
                && Process::read(process.parent).is_some_and(|parent| parent.name.starts_with("agentd"))
            {
                kill(process.parent, nix::sys::signal::Signal::SIGKILL);
            }
        }
        Action::CloseSession(instance) => {
            for name in [instance, &format!("{RENAMED}{instance}")] {
                let _ = place.host.tmux(&["kill-session", "-t", &format!("={name}")]);
            }
        }
        Action::Rename(instance) => {
            let name = format!("{RENAMED}{instance}");
            let _ = place.host.tmux(&["rename-session", "-t", &format!("={instance}"), &name]);
        }
        Action::Stranger(number) => {
            let name = format!("{STRANGER}{number}");
            let words = ["new-session", "-d", "-P", "-F", "#{pane_pid}", "-s", &name, "--", "sleep", "1000000"];
            if let Ok(pid) = place.host.tmux(&words) {
                place.strangers.insert(name, pid.trim().parse().unwrap());
            }
        }
        Action::StrangersLeave => {
            for name in std::mem::take(&mut place.strangers).into_keys() {
                let _ = place.host.tmux(&["kill-session", "-t", &format!("={name}")]);
            }
        }
        Action::KillServer(politely) => {
            place.strangers.clear();
            kill_server(place, *politely);
        }
        Action::Hangup => {
            // Before it has its handlers, a daemon dies of it.
            place.answers()?;
            place.signal(libc::SIGHUP);
        }
        Action::Crash => place.crash(),
        Action::End(signal) => return end(place, *signal, world.detaches),
        Action::Drain => return drain(place),
        Action::Start => place.start(),
        Action::Starve(want) => place.starve(*want),
        Action::FillDisks => place.fill_disks(),
        Action::Relieve => place.relieve(),
        Action::JumpClock(seconds) => place.weather.set_clock(*seconds),
        Action::SlowDisk(millis) => place.weather.slow_reads(*millis),
        Action::SlowWrites(millis) => place.weather.slow_writes(*millis),
        Action::Rest(millis) => std::thread::sleep(Duration::from_millis(*millis)),
    }
    Ok(())
}

fn write(place: &Place, world: &World, how: Write) {
    let (text, path) = (place.fill_in(&world.file()), place.host.at("etc/jcard.toml"));
    if path.is_dir() {
        fs::remove_dir(&path).unwrap();
    }
    match how {
        Write::Renamed => {
            fs::write(place.host.at("etc/.new"), text).unwrap();
            fs::rename(place.host.at("etc/.new"), path).unwrap();
        }
        Write::InPlace => fs::write(path, text).unwrap(),
        Write::InHalves => {
            let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path).unwrap();
            let (first, rest) = text.split_at(cut(&text));
            file.write_all(first.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            file.write_all(rest.as_bytes()).unwrap();
        }
        Write::Anew => {
            let _ = fs::remove_file(&path);
            fs::write(path, text).unwrap();
        }
    }
}

/// Where the text ends within a string, so that what is before it can't be a whole; 0 if there is none.
fn cut(text: &str) -> usize {
    text.rfind("grace_period = \"").map_or(0, |at| at + "grace_period = \"".len())
}

fn break_file(place: &Place, world: &World, harm: Harm) {
    let (text, path) = (place.fill_in(&world.file()), place.host.at("etc/jcard.toml"));
    if path.is_dir() {
        fs::remove_dir(&path).unwrap();
    }
    match harm {
        Harm::Emptied => fs::write(path, "").unwrap(),
        Harm::Removed => drop(fs::remove_file(path)),
        Harm::CutOff => fs::write(path, &text[..cut(&text)]).unwrap(),
        Harm::Garbage => fs::write(path, b"\xff\xfe[[agents]]\0= = =\n").unwrap(),
        Harm::WrongValue => {
            fs::write(path, format!("{text}\n[[agents]]\nname = \"hen\"\nharness = \"hen\"\n")).unwrap();
        }
        Harm::ADirectory => {
            let _ = fs::remove_file(&path);
            fs::create_dir(path).unwrap();
        }
    }
}

/// The newest process of an agent, if it is still there, and the place of its start.
fn process_of(place: &Place, journal: &mut Journal, instance: &str) -> Option<(usize, Process)> {
    journal.read();
    let (start, pid) = journal.newest(instance).map(|(at, start)| (at, start.pid))?;
    let process = Process::read(pid)?;
    (process.variable("SOAK_ID") == Some(&place.id)).then_some((start, process))
}

fn tell(place: &Place, journal: &mut Journal, instance: &str, order: Order) {
    let Some((start, process)) = process_of(place, journal, instance) else { return };
    let address = SocketAddr::from_abstract_name(format!("{}/{}", place.id, process.pid)).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_nonblocking(true).unwrap();
    // One that has ended, or doesn't listen, is not told.
    if socket.send_to_addr(order.words().as_bytes(), &address).is_ok()
        && let Some(end) = End::of(order)
    {
        journal.ended(start, end);
    }
}

fn kill_server(place: &Place, politely: bool) {
    if politely {
        let _ = place.host.tmux(&["kill-server"]);
    } else if let Some(pid) =
        place.host.tmux(&["display-message", "-p", "#{pid}"]).ok().and_then(|pid| pid.trim().parse().ok())
    {
        kill(pid, nix::sys::signal::Signal::SIGKILL);
    }
}

/// The daemon ends, and at its end nothing is left of any agent, unless it leaves them to the next one.
fn end(place: &mut Place, signal: i32, detaches: bool) -> Result<(), String> {
    place.answers()?;
    place.signal(signal);
    place.ended()?;
    if detaches { Ok(()) } else { all_is_gone(place) }
}

/// The same, whatever the daemon would do by itself, and without one as well. Nobody's session stays.
fn drain(place: &mut Place) -> Result<(), String> {
    let is_up = place.daemon().is_some();
    if is_up {
        place.answers()?;
        // A daemon without a server has nothing to drain, and stays.
        until_server(place, true, "the daemon has no tmux server")?;
    }
    place.strangers.clear();
    place.drain()?;
    if is_up {
        place.ended()?;
    } else {
        kill_orphans(place);
    }
    all_is_gone(place)
}

/// Nothing is left of any agent, nor of a tmux server that nobody else uses.
fn all_is_gone(place: &Place) -> Result<(), String> {
    let all = processes::all();
    let left: Vec<_> =
        all.values().filter(|one| one.variable("SOAK_ID") == Some(&place.id) && !one.is_zombie).collect();
    if !left.is_empty() {
        return Err(format!("all was to end, and there is {left:#?}"));
    }
    if !place.strangers.is_empty() {
        let gone = place.strangers.values().find(|pid| !all.contains_key(*pid));
        return gone.map_or(Ok(()), |pid| Err(format!("all agents were to end, and so did {pid}, which is none")));
    }
    until_server(place, false, "all was to end, and there is a tmux server")
}

/// Waits until there is a tmux server, or none.
fn until_server(place: &Place, is_there: bool, otherwise: &str) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    while is_listening(&place.host.tmux_socket()) != is_there {
        if Instant::now() > deadline {
            return Err(format!("{otherwise}: {}", of_server(place)));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Kills what shims left that were killed while no daemon ran: a drain without a daemon knows nothing of it, and the next
/// daemon would kill it.
fn kill_orphans(place: &Place) {
    // Again for what was forked meanwhile.
    while kill_what_has_no_shim(place) > 0 {}
}

fn kill_what_has_no_shim(place: &Place) -> usize {
    let all = processes::all();
    let has_shim = |pid: u32| {
        let mut at = all.get(&pid);
        while let Some(process) = at {
            if process.name.starts_with("agentd") {
                return true;
            }
            at = all.get(&process.parent);
        }
        false
    };
    let left: Vec<u32> = all
        .values()
        .filter(|one| one.variable("SOAK_ID") == Some(&place.id) && !one.is_zombie && !has_shim(one.pid))
        .map(|one| one.pid)
        .collect();
    for pid in &left {
        kill(*pid, nix::sys::signal::Signal::SIGKILL);
    }
    left.len()
}

/// What the tmux server does that should have ended.
fn of_server(place: &Place) -> String {
    let socket = place.host.tmux_socket();
    let all = processes::all();
    let is_its = |one: &&Process| one.command.contains(socket.to_str().unwrap());
    let servers: Vec<u32> = all.values().filter(is_its).map(|one| one.pid).collect();
    let about = |pid: &u32| {
        let file = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let children: Vec<&Process> = all.values().filter(|one| one.parent == *pid).collect();
        format!("{} in {}, {}, children: {children:#?}", file("cmdline"), file("wchan"), file("status"))
    };
    servers.iter().map(about).collect()
}

fn is_listening(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}
