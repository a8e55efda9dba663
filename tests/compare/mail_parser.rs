//! How the crate mail-parser reads `Received` fields: one unfolded value a line on standard input, one JSON object a line.
//!
//! tests/compare/run.py compares this with our own reader.

use std::io::{self, BufRead, BufWriter, Write};

use mail_parser::{HeaderValue, Host, MessageParser, Protocol, Received};
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let parser = MessageParser::default();
    let mut output = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().split(b'\n') {
        let message = [b"Received: ", &line?[..], b"\r\n\r\n"].concat();
        let message = parser.parse_headers(&message);
        let field = message.as_ref().and_then(|message| message.headers().first()).map(|header| &header.value);
        let read = if let Some(HeaderValue::Received(received)) = field { keys(received) } else { json!({}) };
        writeln!(output, "{read}")?;
    }
    output.flush()
}

/// The library's answer under our keys. It does not say what the first word behind `from` is, so that goes under `perhaps`,
/// which counts where it is right and never as wrong: the HELO or, where a comment states the HELO, the client's name.
fn keys(received: &Received<'_>) -> Value {
    let first = received.from.as_ref().map(ToString::to_string);
    let address =
        received.from.as_ref().and_then(|host| if let Host::IpAddr(address) = host { Some(*address) } else { None });
    let (helo, rdns) = if received.helo.is_some() { (None, first) } else { (first, None) };
    let tls = tls(received);
    json!({
        "helo": received.helo.as_ref().map(ToString::to_string),
        "rdns": received.from_iprev,
        "ip": received.from_ip,
        "by": received.by.as_ref().map(ToString::to_string),
        "with": received.with.map(|protocol| protocol.as_str()),
        "id": received.id,
        "for": received.for_,
        "time": received.date.as_ref().map(|date| date.to_timestamp()),
        "tls": tls.filter(|tls| *tls),
        "tls_version": received.tls_version.map(|version| version.as_str()),
        "perhaps": { "helo": helo, "rdns": rdns, "ip": address, "tls": tls },
    })
}

/// The library says version, cipher and protocol; a plain protocol alone could mean that there was no TLS.
fn tls(received: &Received<'_>) -> Option<bool> {
    let protocol = received.with.map(|protocol| protocol.as_str());
    let secure = protocol.is_some_and(|protocol| ["PS", "PSA"].iter().any(|end| protocol.ends_with(end)));
    if received.tls_version.is_some() || received.tls_cipher.is_some() || secure {
        return Some(true);
    }
    match received.with {
        None | Some(Protocol::Local) => None,
        Some(_) => Some(false),
    }
}
