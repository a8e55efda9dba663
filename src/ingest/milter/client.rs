//! A milter client: the MTA's side of the protocol.
//!
//! Takes an address and a [`Transaction`], does what Postfix does with them (macros before commands, no wait where
//! none was agreed, ABORT after a message), gives the filter's [`Ruling`] back. For the demo, tests and benches.

use std::{io, net::IpAddr, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::codec::Decoder;

use super::{
    command::{Command, Peer},
    frame::{FrameCodec, FrameError},
    listener::Transport,
    negotiation::Agreement,
    offer::{Offer, protocol},
    reply::Reply,
    unix::UnixStream,
};
use crate::{config::Address, ingest::Ruling, message::HeaderSection, policy::Action, stamp::HeaderChange};

/// How long the filter may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The number of each stage in the protocol, by its command byte (`SMFIM_*`).
const STAGES: &[(u8, u32)] = &[(b'C', 0), (b'H', 1), (b'M', 2), (b'R', 3), (b'T', 4), (b'E', 5), (b'N', 6)];

/// One mail as the border MTA took it.
#[derive(Debug, Clone, Copy)]
pub struct Transaction<'a> {
    /// The client's address; nothing for a local one.
    pub peer_ip: Option<IpAddr>,
    /// The client's name as forward DNS confirms it.
    pub peer_name: Option<&'a str>,
    /// The client's name as reverse DNS alone has it.
    pub peer_ptr: Option<&'a str>,
    /// What the client said in EHLO.
    pub helo: &'a str,
    /// The TLS version, as `TLSv1.3`.
    pub tls_version: Option<&'a str>,
    /// The login name.
    pub authenticated: Option<&'a str>,
    /// The envelope sender without brackets; empty for a bounce.
    pub mail_from: &'a str,
    /// The envelope recipients without brackets.
    pub recipients: &'a [&'a str],
    /// The MTA's queue id.
    pub queue_id: &'a str,
    /// The MTA's own name.
    pub border: &'a str,
    /// The header section.
    pub headers: &'a HeaderSection,
}

/// A connection to a filter on which the protocol is settled.
pub struct Client {
    stream: Box<dyn Transport>,
    agreement: Agreement,
    input: BytesMut,
    output: BytesMut,
}

impl Client {
    /// Connects as a Postfix of today.
    pub async fn connect(address: &Address) -> io::Result<Self> {
        Self::connect_as(address, Offer::full()).await
    }

    /// Connects as an MTA that can do this much.
    pub async fn connect_as(address: &Address, offer: Offer) -> io::Result<Self> {
        let stream: Box<dyn Transport> = match address {
            Address::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        };
        let agreement = Agreement { version: 0, actions: 0, protocol: 0, macros: Vec::new() };
        let mut client = Self { stream, agreement, input: BytesMut::new(), output: BytesMut::new() };
        Command::Negotiate(offer).encode(&mut client.output);
        match client.reply().await? {
            Reply::Negotiate(agreement) => client.agreement = agreement,
            other => return Err(unexpected(&other)),
        }
        Ok(client)
    }

    /// What the filter agreed to.
    pub fn agreement(&self) -> &Agreement {
        &self.agreement
    }

    /// Sends one mail over an SMTP connection of its own and returns what the filter rules.
    pub async fn send(&mut self, mail: &Transaction<'_>) -> io::Result<Ruling> {
        self.connection(mail).await?;
        let ruling = self.message(mail).await?;
        self.say(&Command::QuitNewConnection).await?;
        Ok(ruling)
    }

    /// Says who the SMTP client is; [`Self::message`] may follow any number of times.
    pub async fn connection(&mut self, mail: &Transaction<'_>) -> io::Result<()> {
        let address = mail.peer_ip.map(|address| address.to_string());
        let name = mail.peer_name.unwrap_or("unknown");
        let peer = mail.peer_ip.map_or(Peer::Local, |address| Peer::Ip { address, port: 25_000 });
        self.macros(
            b'C',
            &[
                ("j", Some(mail.border)),
                ("{client_addr}", address.as_deref()),
                ("{client_name}", Some(name)),
                ("{client_ptr}", Some(mail.peer_ptr.unwrap_or("unknown"))),
            ],
        );
        self.say(&Command::Connect { hostname: name.as_bytes(), peer }).await?;
        self.macros(b'H', &[("{tls_version}", mail.tls_version)]);
        self.say(&Command::Helo(mail.helo.as_bytes())).await
    }

    /// Sends a mail over the SMTP connection and returns what the filter rules.
    pub async fn message(&mut self, mail: &Transaction<'_>) -> io::Result<Ruling> {
        let sender = format!("<{}>", mail.mail_from);
        self.macros(
            b'M',
            &[
                ("{mail_addr}", Some(mail.mail_from)),
                ("{auth_authen}", mail.authenticated),
                ("{tls_version}", mail.tls_version),
            ],
        );
        self.say(&Command::Mail(vec![sender.as_bytes()])).await?;
        for recipient in mail.recipients {
            let path = format!("<{recipient}>");
            self.macros(b'R', &[("{rcpt_addr}", Some(recipient))]);
            self.say(&Command::Rcpt(vec![path.as_bytes()])).await?;
        }
        let queue_id: &[(&str, Option<&str>)] = &[("i", Some(mail.queue_id))];
        self.macros(b'T', queue_id);
        if self.agreement.protocol & protocol::NO_DATA == 0 {
            self.say(&Command::Data).await?;
        }
        for (_, field) in mail.headers.iter() {
            // Postfix hands folds over with a line feed alone.
            let value: Vec<u8> = line_feeds(field.value);
            let value = match value.strip_prefix(b" ") {
                Some(stripped) if !self.agreement.leading_space() => stripped,
                _ => &value,
            };
            self.say(&Command::Header { name: field.name, value }).await?;
        }
        self.macros(b'N', queue_id);
        if self.agreement.protocol & protocol::NO_END_OF_HEADER == 0 {
            self.say(&Command::EndOfHeader).await?;
        }
        self.macros(b'E', queue_id);
        self.write(&Command::EndOfMessage(b""));
        let ruling = self.ruling().await?;
        self.say(&Command::Abort).await?;
        Ok(ruling)
    }

    /// Ends the connection as an MTA does.
    pub async fn quit(mut self) -> io::Result<()> {
        self.write(&Command::Quit);
        self.flush().await
    }

    /// Sends the macros that the filter asked for at this stage, and all of them when it had no say.
    fn macros(&mut self, stage: u8, known: &[(&str, Option<&str>)]) {
        let number = STAGES.iter().find(|(command, _)| *command == stage).map(|(_, number)| *number);
        let asked = self.agreement.macros.iter().find(|(wanted, _)| Some(*wanted) == number).map(|(_, names)| names);
        let is_asked = |name: &str| {
            asked.is_none_or(|names| names.split(|byte| *byte == b' ').any(|asked| asked == name.as_bytes()))
        };
        let pairs: Vec<_> = known
            .iter()
            .filter(|(name, _)| is_asked(name))
            .filter_map(|(name, value)| Some((name.as_bytes(), (*value)?.as_bytes())))
            .collect();
        if !pairs.is_empty() || asked.is_none() {
            Command::Macros { stage, pairs }.encode(&mut self.output);
        }
    }

    fn write(&mut self, command: &Command<'_>) {
        command.encode(&mut self.output);
    }

    /// Sends a command and waits for its answer, if the filter gives one.
    async fn say(&mut self, command: &Command<'_>) -> io::Result<()> {
        self.write(command);
        if !self.agreement.expects_reply(command) {
            return Ok(());
        }
        match self.reply().await? {
            Reply::Continue => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    async fn ruling(&mut self) -> io::Result<Ruling> {
        let mut ruling = Ruling::open();
        loop {
            match self.reply().await? {
                Reply::InsertHeader { name, value, .. } | Reply::AddHeader { name, value } => {
                    let value = text(&value);
                    let stripped = value.strip_prefix(' ').filter(|_| self.agreement.leading_space());
                    let value = stripped.unwrap_or(&value).to_owned();
                    ruling.changes.push(HeaderChange::Prepend { name: text(&name).into(), value });
                }
                Reply::ChangeHeader { occurrence, name, value } if value.is_empty() => {
                    ruling.changes.push(HeaderChange::Remove { name: text(&name), occurrence });
                }
                Reply::Quarantine(_) => ruling.action = Action::Quarantine,
                Reply::Accept | Reply::Continue => return Ok(ruling),
                Reply::Tempfail => return Ok(Ruling { action: Action::Tempfail, ..ruling }),
                Reply::Reject => return Ok(Ruling { action: Action::Reject, ..ruling }),
                Reply::Smtp(line) => {
                    let line = text(&line);
                    let action = if line.starts_with('4') { Action::Tempfail } else { Action::Reject };
                    let reply = line.splitn(3, ' ').nth(2).map(str::to_owned);
                    return Ok(Ruling { action, reply, ..ruling });
                }
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        timeout(PATIENCE, self.stream.write_all(&self.output)).await??;
        self.output.clear();
        Ok(())
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        self.flush().await?;
        loop {
            let frame = FrameCodec.decode(&mut self.input).map_err(|error| match error {
                FrameError::Io(error) => error,
                other => io::Error::new(io::ErrorKind::InvalidData, other),
            })?;
            if let Some(frame) = frame {
                return Reply::parse(frame.command, &frame.payload)
                    .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a reply that is none"));
            }
            self.stream.before_read();
            if timeout(PATIENCE, self.stream.read_buf(&mut self.input)).await?? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// A value with CRLF made LF; a bare CR stays.
fn line_feeds(value: &[u8]) -> Vec<u8> {
    let is_end = |at: usize| value.get(at + 1) == Some(&b'\n');
    value.iter().enumerate().filter(|(at, byte)| **byte != b'\r' || !is_end(*at)).map(|(_, byte)| *byte).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn unexpected(reply: &Reply) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("an answer that does not belong here: {reply:?}"))
}
