//! One mail of the stream: what our border saw of it, and the same mail as it lies in an archive.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use relaywatch::{
    clock::Timestamp,
    message::{HeaderSection, RawMessage},
    session::Session,
    tls::TlsVersion,
};

use super::{
    calendar::{JST, date, mbox_date},
    hosts::{BORDER, BORDER_IP, Dialect},
    received::{Client, Step, postfix},
};

/// Which way a mail came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Way {
    /// From an organisation's own MX.
    Direct,
    /// From a provider's pool.
    Provider,
    /// By a host that hands on mail for an old address.
    Forwarded,
    /// By a mailing list.
    List,
    /// By our backup MX.
    BackupMx,
    /// By a sender of bulk mail.
    Bulk,
    /// From our own people and hosts.
    Internal,
    /// Spam, from wherever.
    Spam,
    /// Through the relay.
    Relay,
}

impl Way {
    /// Every way.
    pub(crate) const ALL: [Self; 9] = [
        Self::Direct,
        Self::Provider,
        Self::Forwarded,
        Self::List,
        Self::BackupMx,
        Self::Bulk,
        Self::Internal,
        Self::Spam,
        Self::Relay,
    ];
}

/// One mail, with what our border recorded of the session that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamMail {
    /// Its place in the stream, from 0, by arrival.
    pub(crate) number: u64,
    /// When it arrived at our border, in unix seconds.
    pub(crate) arrival: i64,
    /// When its author sent it, in unix seconds.
    pub(crate) written: i64,
    /// Which way it came.
    pub(crate) way: Way,
    /// Who handed it to a host of ours from outside: what the boundary has to find. Nothing where it is our own.
    pub(crate) outside: Option<IpAddr>,
    /// The address of the session's client; nothing where the mail was made on the border host itself.
    pub(crate) peer: Option<IpAddr>,
    /// The client's verified name.
    pub(crate) peer_name: Option<String>,
    /// What the client said in HELO.
    pub(crate) helo: String,
    /// Whether that was EHLO.
    pub(crate) extended: bool,
    /// The session's TLS version, none in clear.
    pub(crate) tls: Option<TlsVersion>,
    /// Who logged in.
    pub(crate) login: Option<String>,
    /// The border host.
    pub(crate) border: &'static str,
    /// The border's queue id; among 16 million mails no two have the same.
    pub(crate) queue_id: String,
    /// The envelope sender, empty for a bounce.
    pub(crate) mail_from: String,
    /// The envelope recipients.
    pub(crate) recipients: Vec<String>,
    /// The address in `From`.
    pub(crate) author: String,
    /// The header section as it came to the border, lines ending in LF, with the empty line that ends it.
    pub(crate) headers: Vec<u8>,
}

impl StreamMail {
    /// The mail as a milter of the border hands it over: without the border's own `Received`, with the session.
    pub(crate) fn to_message(&self) -> RawMessage {
        RawMessage {
            headers: HeaderSection::read(&self.headers, self.headers.len()),
            session: Some(self.session()),
            ..RawMessage::default()
        }
    }

    /// What the border recorded of the session.
    pub(crate) fn session(&self) -> Session {
        let mut session = Session {
            peer_ip: self.peer,
            peer_name: self.peer_name.clone(),
            helo: self.peer.map(|_| self.helo.clone()),
            extended: self.extended,
            tls: self.tls,
            tls_known: true,
            authenticated: self.login.clone(),
            border: Some(self.border.to_owned()),
            queue_id: Some(self.queue_id.clone()),
            mail_from: Some(self.mail_from.clone()),
            recipients: self.recipients.clone(),
            time: Timestamp::from_second(self.arrival).ok(),
            ..Session::default()
        };
        session.local = self.peer.is_none();
        session
    }

    /// The mail as a Postfix of ours stores it, behind an mbox separator, with a body of about so many bytes.
    ///
    /// With several recipients it is the one copy of an archive: a `Delivered-To` for each.
    pub(crate) fn write_mbox(&self, out: &mut impl Write, body_bytes: usize) -> io::Result<()> {
        let separator = if self.mail_from.is_empty() { "MAILER-DAEMON" } else { &self.mail_from };
        writeln!(out, "From {separator} {}", mbox_date(self.arrival))?;
        writeln!(out, "Return-Path: <{}>", self.mail_from)?;
        for recipient in &self.recipients {
            writeln!(out, "Delivered-To: {recipient}")?;
        }
        out.write_all(self.border_line().as_bytes())?;
        out.write_all(&self.headers)?;
        self.write_body(out, body_bytes)?;
        out.write_all(b"\n")
    }

    /// The border's own `Received` field.
    fn border_line(&self) -> String {
        let Some(ip) = self.peer else {
            let date = date(self.arrival, JST);
            return format!("Received: by {BORDER} (Postfix, from userid 0)\n\tid {}; {date} (JST)\n", self.queue_id);
        };
        let step = Step {
            client: Client { helo: &self.helo, name: self.peer_name.as_deref(), ip },
            by: self.border,
            by_ip: BORDER_IP,
            dialect: Dialect::Postfix,
            zone: JST,
            tls: self.tls,
            login: self.login.is_some(),
            sender: self.login.as_deref().unwrap_or(&self.mail_from),
            recipient: self.only_recipient(),
            time: self.arrival,
        };
        let line = postfix(&step, &self.queue_id);
        if self.extended { line } else { line.replacen(" with ESMTP id ", " with SMTP id ", 1) }
    }

    fn only_recipient(&self) -> Option<&str> {
        if let [only] = &self.recipients[..] { Some(only) } else { None }
    }

    /// Text that differs from mail to mail and never looks like a separator.
    fn write_body(&self, out: &mut impl Write, bytes: usize) -> io::Result<()> {
        const LINE: &[u8] = b"Thank you for your answer. I send the papers that you asked for, number ";
        let mut left = bytes;
        let mut number = self.number;
        while left > 0 {
            let line = [LINE, number.to_string().as_bytes()].concat();
            let taken = line.len().min(left.saturating_sub(1).max(1));
            out.write_all(&line[..taken])?;
            out.write_all(b"\n")?;
            left = left.saturating_sub(taken + 1);
            number = number.wrapping_add(7);
        }
        Ok(())
    }
}
