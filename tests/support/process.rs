//! Running programs, and signals to processes that a test started itself.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

/// Runs a program to its end; panics with its output when it fails.
pub(crate) fn run(command: &mut Command) -> Output {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}); see tests/tools.sh"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Sends a signal by its name (`TERM`, `HUP`, `STOP`) to one process.
pub(crate) fn signal(pid: u32, name: &str) {
    run(Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid.to_string()]));
}

/// Whether every thread of a process is stopped (state `T` in proc(5)).
pub(crate) fn stands_still(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("the process is there");
    tasks.flatten().all(|task| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The state stands behind the name, which may hold anything, in parentheses.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

/// Whether this test runs as root.
pub(crate) fn is_root() -> bool {
    let output = run(Command::new("id").arg("-u"));
    output.stdout.trim_ascii() == b"0"
}

/// A line of `/proc/PID/status` that counts kilobytes, in bytes.
pub(crate) fn memory(pid: u32, line: &str) -> u64 {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).expect("the process runs");
    let value = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
    let kilobytes: u64 = value.and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok()).expect("a line in kB");
    kilobytes * 1024
}

/// The CPU time that a process used so far (proc(5)), by the clock of 100 ticks a second.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks: u64 = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 10)
}
