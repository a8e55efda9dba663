//! The command line as a user meets it: the built program, run on files.
//!
//! tests/cli/cases/NAME holds one run: `args` (one argument a line), perhaps `env` and `stdin`, and what must come of it:
//! `stdout`, `stderr`, `code`. `RELAYWATCH_BLESS=1 cargo test --test cli` writes the latter three anew; read the diff.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use relaywatch::text::is_unsafe;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relaywatch"));
    command.env_clear().env("COLUMNS", "120").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn run(command: Command, stdin: Vec<u8>) -> Output {
    let mut command = assert_cmd::Command::from_std(command);
    command.write_stdin(stdin).output().unwrap()
}

/// The one thing in the output that differs from run to run.
fn without_time(text: &[u8]) -> String {
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lines = text.lines().map(|line| {
        let start = [" fields in ", " messages in "].iter().find_map(|words| Some(line.find(words)? + words.len()));
        match (start, line.find(" messages/s")) {
            (Some(start), Some(end)) => format!("{}TIME{}", &line[..start], &line[end + 11..]),
            _ => line.to_owned(),
        }
    });
    lines.map(|line| line + "\n").collect()
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases");
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn every_case_ends_as_written() {
    let bless = std::env::var_os("RELAYWATCH_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        let mut command = program();
        command.args(fs::read_to_string(case.join("args")).unwrap().lines());
        let env = fs::read_to_string(case.join("env")).unwrap_or_default();
        command.envs(env.lines().filter_map(|line| line.split_once('=')));
        let output = run(command, fs::read(case.join("stdin")).unwrap_or_default());
        let colored = fs::read_to_string(case.join("args")).unwrap().contains("always");
        let found = [
            ("stdout", without_time(&output.stdout)),
            ("stderr", without_time(&output.stderr)),
            ("code", format!("{}\n", output.status.code().unwrap())),
        ];
        for (name, text) in found {
            let harmless = colored || !text.contains(|c| c != '\n' && is_unsafe(c));
            assert!(harmless, "{}: {name} holds what a terminal would obey", case.display());
            let path = case.join(name);
            if bless {
                fs::write(path, text).unwrap();
            } else if fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(format!("{}:\n{text}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_the_output_does_not_depend_on_the_threads() {
    let scan = |threads: &str| {
        let mut command = program();
        command.args(["scan", "--format", "jsonl", "-q", "-j", threads]).args(["tests/cli/mix"; 40]);
        run(command, Vec::new()).stdout
    };
    let one = scan("1");
    assert!(one.iter().filter(|byte| **byte == b'\n').count() > 500);
    assert_eq!(one, scan("7"));
}

#[test]
fn a_reader_that_goes_away_is_no_error_message() {
    let mut command = program();
    command.args(["scan", "--format", "jsonl"]).args(["tests/cli/mix/c-box.mbox"; 400]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut complaint = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(141));
    assert_eq!(complaint, "");
}

#[test]
fn a_field_is_answered_before_the_next_one_is_asked_for() {
    use std::io::{BufRead, BufReader, Write};
    let mut command = program();
    command.args(["trace", "--fields"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        input.write_all(b"from a (b [192.0.2.1]) by c.example with SMTP; Mon, 1 Jun 2020 00:00:00 +0000\n").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.starts_with('{') && line.ends_with("}\n"), "{line}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_bomb_and_an_endless_header_are_read_in_passing() {
    let folder = tempfile::tempdir().unwrap();
    let zeros = vec![0_u8; 64 << 20];
    let bomb = [b"Subject: x\n\n", &zeros[..]].concat();
    fs::write(folder.path().join("a.zst"), zstd::encode_all(&bomb[..], 1).unwrap()).unwrap();
    let endless = [b"Subject: ", &vec![b'x'; 8 << 20][..]].concat();
    fs::write(folder.path().join("b.zst"), zstd::encode_all(&endless[..], 1).unwrap()).unwrap();
    let mut command = program();
    command.args(["scan", "--format", "jsonl"]).arg(folder.path());
    let output = run(command, Vec::new());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 2);
    assert!(text.lines().nth(1).unwrap().contains(r#""header_breaks":["too-long"]"#));
    assert!(output.status.success());
}

#[test]
fn manual_pages_and_completions_come_from_the_same_definition() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.arg("man").arg(folder.path().join("man1"));
    assert!(run(command, Vec::new()).status.success());
    for page in ["relaywatch.1", "relaywatch-scan.1", "relaywatch-inspect.1"] {
        let text = fs::read_to_string(folder.path().join("man1").join(page)).unwrap();
        assert!(text.contains("Example"), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let mut command = program();
        command.args(["completions", shell]);
        let script = String::from_utf8(run(command, Vec::new()).stdout).unwrap();
        assert!(script.contains("fail-on"), "{shell}");
    }
}
