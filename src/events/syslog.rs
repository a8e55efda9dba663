//! Syslog: one event a message, with the JSON as its text.
//!
//! Over UDP and TCP as RFC 5424 says it, the code as MSGID; over a socket of this host as `syslog(3)` does, because what listens
//! there (rsyslog's imuxsock, journald) expects that form and makes a muddle of the other. The crate `syslog` does not do: its TCP
//! has no framing (RFC 6587) and no time limit, it resolves names, and it reads the clock itself.
//!
//! Neither UDP nor TCP syslog has an answer. A receiver that closed the connection is noticed before the next event; what was on
//! its way when it died is lost, and nobody can count it.

use std::{
    fmt::Write as _,
    fs,
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket},
    os::unix::net::UnixDatagram,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};

use super::{Destination, Line, writer::Output};
use crate::{finding::Severity, metrics::EventOutput};

/// How long the receiver may take to let us in, and to take an event.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long data may stay unacknowledged before the connection counts as dead (RFC 5482).
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// The facility `mail`: where the MTA's own lines go.
const FACILITY: u8 = 2;

/// A syslog receiver.
#[derive(Debug)]
pub struct Syslog {
    to: Destination,
    /// This host's name; `-` where it is not known.
    host: String,
    socket: Option<Socket>,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixDatagram),
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Syslog {
    /// A receiver that is not connected yet.
    pub fn new(to: Destination) -> Self {
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
        Self { to, host: if name.is_empty() { "-".to_owned() } else { name }, socket: None }
    }

    /// The message as this receiver wants it.
    fn message(&self, line: &Line) -> String {
        let priority = FACILITY * 8 + level(line.severity);
        let (pid, json) = (std::process::id(), &line.json);
        let mut message = match self.to {
            Destination::Unix(_) => return format!("<{priority}>relaywatch[{pid}]: {json}"),
            Destination::Udp(_) | Destination::Tcp(_) => {
                format!("<{priority}>1 {} {} relaywatch {pid} {} - ", line.time, self.host, line.code.as_str())
            }
        };
        message.push_str(json);
        message
    }
}

/// The severities of RFC 5424.
fn level(severity: Severity) -> u8 {
    match severity {
        Severity::Notice => 5,
        Severity::Suspicious => 4,
        Severity::Malicious => 2,
    }
}

impl Socket {
    fn connect(to: &Destination) -> io::Result<Self> {
        match to {
            Destination::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(path)?;
                socket.set_write_timeout(Some(PATIENCE))?;
                Ok(Self::Unix(socket))
            }
            Destination::Udp(address) => {
                let any: SocketAddr = match address {
                    SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                    SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
                };
                let socket = UdpSocket::bind(any)?;
                socket.connect(address)?;
                Ok(Self::Udp(socket))
            }
            Destination::Tcp(address) => {
                let stream = TcpStream::connect_timeout(address, PATIENCE)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                let socket = SockRef::from(&stream);
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(UNACKNOWLEDGED))?;
                #[cfg(target_os = "linux")]
                socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
                Ok(Self::Tcp(stream))
            }
        }
    }

    fn send(&self, message: &str) -> io::Result<()> {
        match self {
            Self::Unix(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Udp(socket) => socket.send(message.as_bytes()).map(drop),
            Self::Tcp(stream) => {
                let mut stream: &TcpStream = stream;
                let mut frame = String::with_capacity(message.len() + 6);
                // Writing to a string does not fail.
                let _ = write!(frame, "{} {message}", message.len());
                stream.write_all(frame.as_bytes())
            }
        }
    }

    /// Whether the receiver closed the connection; a first write after that would succeed and be lost.
    fn is_closed(&self) -> bool {
        let Self::Tcp(stream) = self else { return false };
        let mut stream: &TcpStream = stream;
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        // A receiver says nothing; what one says all the same is not kept.
        let closed = match stream.read(&mut [0; 4096]) {
            Ok(read) => read == 0,
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        };
        closed || stream.set_nonblocking(false).is_err()
    }
}

impl Output for Syslog {
    fn kind(&self) -> EventOutput {
        EventOutput::Syslog
    }

    fn name(&self) -> String {
        self.to.to_string()
    }

    fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            self.socket = Some(Socket::connect(&self.to)?);
        }
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let open = self.socket.take().filter(|socket| !socket.is_closed());
        let socket = match open {
            Some(socket) => socket,
            None => Socket::connect(&self.to)?,
        };
        // A socket that failed is not used again: half a frame may have gone out on it.
        socket.send(&self.message(line))?;
        self.socket = Some(socket);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{io::BufRead as _, net::TcpListener};

    use super::*;
    use crate::finding::Code;

    fn line(json: &str) -> Line {
        let time = "2020-06-01T00:03:17.250000Z".to_owned();
        Line { code: Code::OwnName, severity: Severity::Malicious, time, json: json.to_owned() }
    }

    fn header(syslog: &Syslog) -> String {
        let pid = std::process::id();
        format!("<18>1 2020-06-01T00:03:17.250000Z {} relaywatch {pid} own-name - ", syslog.host)
    }

    #[test]
    fn a_socket_of_the_host_gets_what_syslog_3_would_send() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut syslog = Syslog::new(Destination::Unix(path.clone()));
        assert!(syslog.write(&line("{}")).is_err(), "nobody is there yet");
        let mut buffer = [0; 1000];
        for round in 0..2 {
            // The second round is a receiver that was started anew.
            let receiver = UnixDatagram::bind(&path).unwrap();
            if round == 1 {
                assert!(syslog.write(&line("{}")).is_err(), "the old socket is gone");
            }
            syslog.write(&line("{\"a\":1}")).unwrap();
            let length = receiver.recv(&mut buffer).unwrap();
            let pid = std::process::id();
            assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), format!("<18>relaywatch[{pid}]: {{\"a\":1}}"));
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn udp_gets_one_datagram_an_event() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let receiver = UdpSocket::bind(address).unwrap();
            let mut syslog = Syslog::new(Destination::Udp(receiver.local_addr().unwrap()));
            let long = format!("\"{}\"", "ü".repeat(super::super::MOST_BYTES / 2));
            let mut buffer = [0; 10_000];
            for json in ["{}", &long] {
                syslog.write(&line(json)).unwrap();
                let length = receiver.recv(&mut buffer).unwrap();
                assert_eq!(std::str::from_utf8(&buffer[..length]).unwrap(), header(&syslog) + json);
            }
        }
    }

    /// Reads one frame of octet counting.
    fn frame(stream: &mut io::BufReader<TcpStream>) -> String {
        let mut length = Vec::new();
        stream.read_until(b' ', &mut length).unwrap();
        let length = std::str::from_utf8(&length).unwrap().trim_end().parse().unwrap();
        let mut message = vec![0; length];
        stream.read_exact(&mut message).unwrap();
        String::from_utf8(message).unwrap()
    }

    #[test]
    fn tcp_counts_octets_and_a_closed_connection_costs_no_event() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut syslog = Syslog::new(Destination::Tcp(listener.local_addr().unwrap()));
        syslog.open().unwrap();
        for _ in 0..3 {
            syslog.write(&line("{\"ü\":1}")).unwrap();
            syslog.write(&line("{}")).unwrap();
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"a receiver that talks").unwrap();
            let mut stream = io::BufReader::new(stream);
            assert_eq!(frame(&mut stream), header(&syslog) + "{\"ü\":1}");
            assert_eq!(frame(&mut stream), header(&syslog) + "{}");
            // The receiver is started anew; its end is here when the next event is written.
            drop(stream);
            if let Some(Socket::Tcp(stream)) = &syslog.socket {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut rest = Vec::new();
                let _ = (&*stream).read_to_end(&mut rest);
            }
        }
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(syslog.write(&line("{}")).is_err(), "nobody listens at {address}");
        assert!(syslog.socket.is_none());
    }
}
