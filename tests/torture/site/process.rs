//! Processes as the operating system shows them.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Sends a signal to all of them.
pub fn signal(name: &str, processes: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(processes.iter().map(u32::to_string)).stdout(Stdio::null()).stderr(Stdio::null());
    kill.status().unwrap();
    // A thread that is at work stands still only when it is interrupted.
    while name == "STOP" && !processes.iter().all(|process| stands_still(*process)) {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Whether every thread is stopped, or there is none any more.
fn stands_still(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return true };
    let states = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    states.into_iter().all(|stat| {
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        matches!(state, Some('T' | 't' | 'Z' | 'X'))
    })
}

/// The processes whose parent it is.
pub fn children_of(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(|process| field(*process, 1).is_some_and(|of| of == parent.to_string())).collect()
}

/// Whether it still runs; a dead one that nobody has buried does not.
pub fn lives(process: u32) -> bool {
    field(process, 0).is_some_and(|state| state != "Z")
}

/// A field of `/proc/…/stat` after the program's name: 0 its state, 1 its parent.
fn field(process: u32, index: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(index).map(str::to_owned)
}

/// What a process holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    pub descriptors: usize,
    pub memory_mib: u64,
}

impl Held {
    pub fn by(process: u32) -> Self {
        let descriptors = fs::read_dir(format!("/proc/{process}/fd")).map(Iterator::count).unwrap_or_default();
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = memory.and_then(|memory| memory.split_whitespace().next()?.parse::<u64>().ok());
        Self { descriptors, memory_mib: kib.unwrap_or_default() / 1024 }
    }
}

/// A shell that waits for the end of its standard input, and then ends whatever the folder's `pids/` names and removes
/// the folder: however this process ends, nothing of it stays.
#[derive(Debug)]
pub struct Undertaker(Child);

impl Undertaker {
    pub fn of(folder: &Path) -> Self {
        const SCRIPT: &str = r#"
            cat > /dev/null
            for file in "$1"/pids/*; do
                [ -f "$file" ] || continue
                process="$(cat "$file")"
                children="$(cat /proc/"$process"/task/*/children 2> /dev/null)"
                kill -CONT $process $children 2> /dev/null
                kill -KILL $process $children 2> /dev/null
            done
            while mountpoint -q "$1/disk" 2> /dev/null; do umount "$1/disk" 2> /dev/null || sleep 0.1; done
            rm -rf "$1"
        "#;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "undertaker"]).arg(folder);
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // A Ctrl-C at the terminal must not end it first.
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Undertaker {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

/// Waits until none of them runs any more.
pub fn until_gone(processes: &[u32]) {
    while processes.iter().any(|process| lives(*process)) {
        thread::sleep(Duration::from_millis(2));
    }
}
