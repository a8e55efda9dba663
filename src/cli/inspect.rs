//! `relaywatch inspect`: one mail, shown as a hop table or as JSON.

use std::{
    net::IpAddr,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::{
    Error, Screen, Status,
    answers::DnsArgs,
    policy::{PolicyArgs, reading},
    scan::Threshold,
};
use crate::{
    finding::Level,
    ingest::files::{Item, Mail, Reading, STDIN},
    net::canonical,
    session::Session,
    text::Printable,
    tls::TlsVersion,
    view::{Style, json, table},
};

/// Show the way of one mail, hop by hop, and what is wrong with it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch inspect mail.eml
  relaywatch inspect - < mail.eml
  relaywatch inspect --our-network 198.51.100.0/24 --our-domain victim.example mail.eml
  relaywatch inspect --at 48211 archive.mbox.gz      the mail that scan showed as archive.mbox.gz:48211
  relaywatch inspect --peer 192.0.2.66 --helo mail.victim.example mail.eml
                                                     as if that host were handing us the mail now
  relaywatch inspect --format json mail.eml | jq .findings")]
pub(super) struct Args {
    /// The mail: a file (of an mbox the first message), also compressed; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the report is written; docs/json.md describes the JSON
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// Show each hop within the provider of our mailboxes, instead of one line for all of them
    #[arg(long)]
    all_hops: bool,
    /// The message that begins at this byte of the (decompressed) mbox, as `scan` shows it
    #[arg(long, value_name = "OFFSET")]
    at: Option<u64>,
    /// Exit with code 1 when the verdict is at least this
    #[arg(long, value_enum, value_name = "LEVEL")]
    fail_on: Option<Threshold>,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    dns: DnsArgs,
    #[command(flatten)]
    session: SessionArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// Facts of an SMTP session that is not in the mail, as a milter would see them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "As if a host were handing us the mail now")]
struct SessionArgs {
    /// The host's address
    #[arg(long, value_name = "IP")]
    peer: Option<IpAddr>,
    /// The host's verified name
    #[arg(long, value_name = "NAME", requires = "peer")]
    peer_name: Option<String>,
    /// What it says in HELO
    #[arg(long, value_name = "NAME", requires = "peer")]
    helo: Option<String>,
    /// The envelope sender; empty for a bounce
    #[arg(long, value_name = "ADDRESS", requires = "peer")]
    mail_from: Option<String>,
    /// An envelope recipient; may be given several times
    #[arg(long, value_name = "ADDRESS", requires = "peer")]
    rcpt: Vec<String>,
    /// The session's TLS version, such as `TLSv1.3`
    #[arg(long, value_name = "VERSION", requires = "peer", value_parser = tls_version)]
    tls: Option<TlsVersion>,
    /// The name of our host that it talks to
    #[arg(long, value_name = "NAME", requires = "peer")]
    border: Option<String>,
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let config = self.policy.config(screen.style.color)?;
        let answers = self.dns.answers(&config.dns)?;
        let reading = reading(&config, &self.dns);
        let (mut mail, more) = first_message(&self.file, self.at, reading)?;
        mail.message.session = self.session.session();
        let report = answers.inspect(&mail.message, &config.policy);
        match self.format {
            Format::Text => {
                let style = Style { all_hops: self.all_hops, ..screen.style };
                table::write(screen.out, &report, &mail.message, &style)?;
            }
            Format::Json => writeln!(screen.out, "{}", json::pretty(&json::report(&report, &mail.message))?)?,
        }
        if more && self.at.is_none() {
            let path = self.file.to_string_lossy();
            writeln!(
                screen.err,
                "relaywatch: {} holds further messages; `relaywatch scan` looks at all, `inspect --at OFFSET` at one",
                Printable(&path)
            )?;
        }
        let threshold = self.fail_on.map(Level::from);
        let found = threshold.is_some_and(|level| report.verdict.level >= level);
        Ok(if found { Status::Found } else { Status::Done })
    }
}

impl SessionArgs {
    fn session(self) -> Option<Session> {
        let peer = canonical(self.peer?);
        Some(Session {
            peer_ip: Some(peer),
            peer_name: self.peer_name,
            helo: self.helo,
            extended: true,
            tls: self.tls,
            tls_known: self.tls.is_some(),
            border: self.border,
            mail_from: self.mail_from,
            recipients: self.rcpt,
            ..Session::default()
        })
    }
}

fn tls_version(text: &str) -> Result<TlsVersion, String> {
    TlsVersion::parse(text).ok_or_else(|| "expected a version such as `TLSv1.3`".to_owned())
}

/// The first message of a file, or the one that begins at `at`, and whether the file holds further ones.
pub(super) fn first_message(file: &Path, at: Option<u64>, reading: Reading) -> Result<(Mail, bool), Error> {
    let shown = Printable(&file.to_string_lossy()).to_string();
    let fail = |reason: String| Error::Input { path: shown.clone(), reason };
    if file.is_dir() {
        return Err(fail("it is a folder; `relaywatch scan` reads folders".to_owned()));
    }
    let mut found = None;
    let mut trouble = None;
    let mut more = false;
    let _ = reading.all(&[file.to_owned()], &mut |item| {
        match item {
            Item::Mail(mail) if found.is_none() && at.is_none_or(|at| at == mail.source.offset) => found = Some(mail),
            Item::Mail(_) => more |= found.is_some(),
            Item::Trouble(found) => trouble = Some(found.reason),
        }
        let enough = found.is_some() && (more || at.is_some());
        // a pipe is read to its end, or else whoever writes into it would be killed for it
        if enough && file != Path::new(STDIN) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    match (found, trouble, at) {
        (Some(mail), ..) => Ok((mail, more)),
        (None, Some(reason), _) => Err(fail(reason)),
        (None, None, Some(at)) => Err(fail(format!("no message begins at byte {at}"))),
        (None, None, None) => Err(fail("it holds no message".to_owned())),
    }
}
