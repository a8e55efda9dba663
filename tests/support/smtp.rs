//! A small SMTP client that can speak as another host (Postfix's XCLIENT).

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    time::Duration,
};

/// Who a session pretends to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client {
    /// The address; an IPv6 one too.
    pub(crate) ip: &'static str,
    /// The name that reverse and forward DNS agree on; empty when there is none.
    pub(crate) name: &'static str,
    /// The name in EHLO.
    pub(crate) helo: &'static str,
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The three digits.
    pub(crate) code: u16,
    /// The text of all lines.
    pub(crate) text: String,
}

impl Reply {
    /// The queue id in Postfix's answer to a message.
    pub(crate) fn queue_id(&self) -> &str {
        let id = self.text.split("queued as ").nth(1).unwrap_or_else(|| panic!("no queue id in {self:?}"));
        id.split_whitespace().next().unwrap_or_default()
    }
}

/// An SMTP session.
pub(crate) struct Smtp {
    stream: BufReader<TcpStream>,
}

impl Smtp {
    /// Connects to a port of loopback and reads the greeting.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("Postfix answers");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket option");
        let mut session = Self { stream: BufReader::new(stream) };
        session.expect(220, "a greeting");
        session
    }

    /// Connects and speaks as another host from then on.
    pub(crate) fn connect_as(port: u16, client: Client) -> Self {
        let mut session = Self::connect(port);
        session.say(250, "EHLO front.example");
        let Client { ip, name, helo } = client;
        let ip = if ip.contains(':') { format!("IPV6:{ip}") } else { ip.to_owned() };
        let name = if name.is_empty() { "[UNAVAILABLE]" } else { name };
        session.say(220, &format!("XCLIENT ADDR={ip} NAME={name} REVERSE_NAME={name}"));
        session.say(250, &format!("EHLO {helo}"));
        session
    }

    /// Sends a whole message and returns the last answer; every step before it must succeed.
    pub(crate) fn send(&mut self, sender: &str, recipients: &[&str], message: &[u8]) -> Reply {
        self.begin(sender, recipients);
        self.write_message(message);
        self.finish()
    }

    /// Goes as far as the 354 to DATA.
    pub(crate) fn begin(&mut self, sender: &str, recipients: &[&str]) {
        self.say(250, &format!("MAIL FROM:<{sender}>"));
        for recipient in recipients {
            self.say(250, &format!("RCPT TO:<{recipient}>"));
        }
        self.say(354, "DATA");
    }

    /// Writes bytes of a message as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).expect("Postfix reads");
    }

    /// Writes a message, or a part that ends with a line, as it must stand on the wire.
    pub(crate) fn write_message(&mut self, message: &[u8]) {
        self.write(&dotted(message));
    }

    /// Ends the message and reads the answer.
    pub(crate) fn finish(&mut self) -> Reply {
        self.write(b".\r\n");
        self.reply()
    }

    /// Sends a command whose answer must have this code.
    pub(crate) fn say(&mut self, code: u16, line: &str) -> Reply {
        self.write(format!("{line}\r\n").as_bytes());
        self.expect(code, line)
    }

    /// Says goodbye.
    pub(crate) fn quit(mut self) {
        self.say(221, "QUIT");
    }

    fn expect(&mut self, code: u16, to: &str) -> Reply {
        let reply = self.reply();
        assert_eq!(reply.code, code, "to {to:?} the server says {reply:?}");
        reply
    }

    fn reply(&mut self) -> Reply {
        let mut text = String::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("Postfix answers in time");
            assert!(line.len() >= 4, "the server closed the session; so far: {text:?}{line:?}");
            text.push_str(line[4..].trim_end());
            text.push(' ');
            if line.as_bytes()[3] != b'-' {
                return Reply { code: line[..3].parse().expect("three digits"), text };
            }
        }
    }
}

/// A message with CRLF line ends and doubled leading dots (RFC 5321, 4.5.2).
fn dotted(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(message.len() + message.len() / 16);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        if bare.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(bare);
        wire.extend_from_slice(b"\r\n");
    }
    wire
}
