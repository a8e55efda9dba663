//! A private Postfix on loopback, with a folder and a port of its own: takes mail for coincheck.com and puts it into a
//! Maildir. Nothing leaves the machine; every other domain is an error. Stopped when the value is dropped.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{delivered::Delivered, ports, process, scratch, smtp, wait};

/// A running instance.
pub(crate) struct Postfix {
    folder: TempDir,
    port: u16,
}

impl Postfix {
    /// Starts one with a milter (`unix:/path`, `inet:127.0.0.1:port`) and settings of main.cf that go before the usual.
    pub(crate) fn start(milter: &str, settings: &[(&str, &str)]) -> Self {
        assert!(process::is_root(), "the tests with a real Postfix need root; run: sudo make test");
        let postfix = Self { folder: scratch::folder("postfix"), port: ports::free() };
        let at = postfix.folder.path();
        for name in ["etc", "queue", "data", "mail"] {
            fs::create_dir(at.join(name)).expect("a folder can be made");
        }
        process::run(Command::new("chown").arg("postfix").arg(at.join("data")));
        process::run(Command::new("chown").arg("nobody:nogroup").arg(at.join("mail")));
        fs::write(at.join("etc/main.cf"), main_cf(at, milter, settings)).expect("main.cf is writable");
        fs::write(at.join("etc/master.cf"), master_cf(postfix.port)).expect("master.cf is writable");
        process::run(postfix.command().arg("start"));
        wait::until("Postfix to listen", || TcpStream::connect(("127.0.0.1", postfix.port)).ok());
        postfix
    }

    /// The port of its SMTP server.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A session as some host.
    pub(crate) fn session(&self, client: smtp::Client) -> smtp::Smtp {
        smtp::Smtp::connect_as(self.port, client)
    }

    /// Hands in a mail on the machine itself, as cron does (`sendmail`).
    pub(crate) fn submit(&self, sender: &str, recipient: &str, message: &[u8]) {
        let file = self.folder.path().join("submitted");
        fs::write(&file, message).expect("a file is writable");
        let mut sendmail = Command::new("sendmail");
        sendmail.arg("-C").arg(self.etc()).args(["-i", "-f", sender, recipient]);
        process::run(sendmail.stdin(File::open(file).expect("a file is readable")));
    }

    /// Waits until a mail with this Message-ID is delivered.
    pub(crate) fn mail(&self, id: &str) -> Delivered {
        let found = wait::within(wait::PATIENCE, || self.mails(id).into_iter().next());
        found.unwrap_or_else(|| panic!("{id} was not delivered; Postfix says:\n{}", self.log()))
    }

    /// What is delivered by now with this Message-ID: one copy a recipient.
    pub(crate) fn mails(&self, id: &str) -> Vec<Delivered> {
        let wanted = format!("<{id}>");
        self.all_mails().into_iter().filter(|mail| mail.one("Message-Id").as_deref() == Some(&wanted)).collect()
    }

    /// Everything that is delivered by now.
    pub(crate) fn all_mails(&self) -> Vec<Delivered> {
        let files = fs::read_dir(self.folder.path().join("mail/all/new")).into_iter().flatten();
        files.map(|file| Delivered::read(&file.expect("a readable folder").path())).collect()
    }

    /// Waits until nothing is on its way. Then every one of these mails must have arrived, each once, and nothing else;
    /// gives the value of `X-Relaywatch` of each, in order.
    pub(crate) fn arrived(&self, ids: &[String]) -> Vec<Option<String>> {
        self.settle();
        let mut copies: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
        for mail in self.all_mails() {
            let id = mail.one("Message-Id").expect("a Message-ID");
            copies.entry(id.trim_matches(['<', '>']).to_owned()).or_default().push(mail.one("X-Relaywatch"));
        }
        let verdict = |id: &String| {
            let mut found = copies.remove(id).unwrap_or_default();
            assert_eq!(found.len(), 1, "{id} arrived {} times; Postfix says:\n{}", found.len(), self.log());
            found.remove(0)
        };
        let verdicts = ids.iter().map(verdict).collect();
        assert!(copies.is_empty(), "mails that nobody sent: {copies:?}");
        verdicts
    }

    /// Waits until no mail is on its way; held mail stays.
    pub(crate) fn settle(&self) {
        wait::until("an empty mail queue", || {
            ["maildrop", "incoming", "active", "deferred"]
                .iter()
                .all(|queue| self.queued(queue).is_empty())
                .then_some(())
        });
    }

    /// The queue ids in a queue, such as `hold`.
    pub(crate) fn queued(&self, queue: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("queue").join(queue)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(_) => found.push(entry.file_name().to_string_lossy().into_owned()),
                    // It was delivered between the two looks.
                    Err(_) => {}
                }
            }
        }
        found
    }

    /// A message in the queue as Postfix shows it (`postcat`).
    pub(crate) fn show_queued(&self, queue_id: &str) -> String {
        let output = process::run(Command::new("postcat").arg("-c").arg(self.etc()).args(["-q", queue_id]));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Its log.
    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.folder.path().join("maillog")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    fn etc(&self) -> PathBuf {
        self.folder.path().join("etc")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("postfix");
        command.arg("-c").arg(self.etc());
        command
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Half started it may be stopped already; there is nobody to tell.
        let _ = self.command().arg("stop").output();
    }
}

/// Programs, users and shared folders stay as Postfix was built on this system.
fn main_cf(at: &Path, milter: &str, settings: &[(&str, &str)]) -> String {
    let at = at.display();
    let mut text = format!(
        "compatibility_level = 3.6
queue_directory = {at}/queue
data_directory = {at}/data
maillog_file = {at}/maillog
maillog_file_prefixes = {at}
default_privs = nobody
myhostname = gw.coincheck.com
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
alias_maps =
alias_database =
local_recipient_maps =
biff = no
in_flow_delay = 0
virtual_mailbox_domains = coincheck.com
virtual_mailbox_base = {at}/mail
virtual_mailbox_maps = static:all/
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
# nothing leaves the machine
default_transport = error:no delivery to the outside from a test
relay_transport = error:no delivery to the outside from a test
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
# a test speaks as any host
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_milters = {milter}
non_smtpd_milters = {milter}
milter_default_action = accept
milter_connect_timeout = 10s
milter_command_timeout = 10s
milter_content_timeout = 20s
"
    );
    for (key, value) in settings {
        text.retain_lines(|line| line.split(" =").next() != Some(key));
        text.push_str(&format!("{key} = {value}\n"));
    }
    text
}

trait RetainLines {
    fn retain_lines(&mut self, keep: impl Fn(&str) -> bool);
}

impl RetainLines for String {
    /// Postfix warns of a key that stands twice.
    fn retain_lines(&mut self, keep: impl Fn(&str) -> bool) {
        *self = self.lines().filter(|line| keep(line)).map(|line| format!("{line}\n")).collect();
    }
}

fn master_cf(port: u16) -> String {
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"
    )
}
