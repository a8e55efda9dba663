//! DNS behind one trait.
//!
//! Takes a [`Question`], gives an [`Answer`] in which "the name does not exist", "it has no such records", "the server refused" and
//! "nobody answered" stay apart, because they mean different things to SPF (RFC 7208, 4.4) and to an admin. [`Network`] asks
//! real servers, behind a bounded cache; [`Zone`] answers from a zone file; [`Offline`] answers nothing. Whoever asks on behalf of a
//! message does it through an [`Inquiry`], which holds the message's budget and keeps every answer.

mod cache;
mod inquiry;
mod network;
mod response;
mod server;
mod zone;

pub use inquiry::{Asked, Budget, Inquiry};
pub use network::{FAULT_KEPT, Network, NetworkError, Observer, Settings};
pub use zone::{Zone, ZoneError};

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
    sync::Arc,
    task,
    time::Duration,
};

use crate::names::normal;

/// An answer that is on its way.
pub type Pending<'a> = Pin<Box<dyn Future<Output = Arc<Answer>> + Send + 'a>>;

/// Whatever answers questions of DNS.
pub trait Dns: Send + Sync {
    /// Answers a question, in about `within` at the latest.
    fn ask(&self, question: Question, within: Duration) -> Pending<'_>;

    /// Whether it can answer anything at all; where it cannot, nobody need ask.
    fn is_on(&self) -> bool {
        true
    }
}

/// The types of records that are asked for (RFC 1035, RFC 3596).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// IPv4 addresses of a host.
    A,
    /// IPv6 addresses of a host.
    Aaaa,
    /// Mail exchangers of a domain.
    Mx,
    /// Texts of a name: SPF records, DKIM keys.
    Txt,
    /// Names of an address.
    Ptr,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 5] = [Self::A, Self::Aaaa, Self::Mx, Self::Txt, Self::Ptr];

    /// The type's name in zone files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Mx => "MX",
            Self::Txt => "TXT",
            Self::Ptr => "PTR",
        }
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Question {
    /// The name, in lower case, without a trailing dot.
    pub name: Box<str>,
    /// What is asked of it.
    pub kind: Kind,
}

impl Question {
    /// A question, where the text can be a name at all: labels of 1 to 63 octets, 253 in all (RFC 1035, 2.3.4).
    pub fn new(name: &str, kind: Kind) -> Option<Self> {
        let name = normal(name);
        let fits = name.len() <= 253 && name.split('.').all(|label| (1..=63).contains(&label.len()));
        let plain =
            name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'(' | b')' | b';'));
        (fits && plain).then(|| Self { name: name.into(), kind })
    }

    /// The question for the addresses of a host, of the family of `like`.
    pub fn address(name: &str, like: IpAddr) -> Option<Self> {
        Self::new(name, if like.is_ipv4() { Kind::A } else { Kind::Aaaa })
    }

    /// The question for the names of an address (RFC 1035, 3.5; RFC 3596, 2.5).
    pub fn reverse(ip: IpAddr) -> Self {
        let name = match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                format!("{d}.{c}.{b}.{a}.in-addr.arpa")
            }
            IpAddr::V6(ip) => {
                let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
                let mut name: String = nibbles.map(|nibble| format!("{nibble:x}.")).collect();
                name.push_str("ip6.arpa");
                name
            }
        };
        Self { name: name.into(), kind: Kind::Ptr }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.kind.as_str())
    }
}

/// What was answered, and for how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What was answered.
    pub said: Said,
    /// How long it may be kept (RFC 1035, 3.2.1; of a negative answer RFC 2308, 5); zero where it may not.
    pub ttl: Duration,
}

/// What DNS said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Records of the type that was asked for, at least one.
    Records(Vec<Data>),
    /// The name does not exist (NXDOMAIN).
    NoName,
    /// The name exists and has no such records (NODATA).
    NoData,
    /// The servers refuse to answer us (REFUSED).
    Refused,
    /// The servers failed (SERVFAIL and other codes, or what came was no answer).
    Failed,
    /// Nobody answered in time.
    Timeout,
    /// The message's budget of lookups or of time was gone, or too many questions were open; nobody was asked.
    OverBudget,
    /// There is no DNS here.
    Off,
}

/// One record's data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// An address of [`Kind::A`] or [`Kind::Aaaa`].
    Address(IpAddr),
    /// A mail exchanger.
    Mx {
        /// The lower, the earlier it is tried (RFC 5321, 5.1).
        preference: u16,
        /// The host, in lower case, without a trailing dot; empty for "takes no mail" (RFC 7505).
        exchange: Box<str>,
    },
    /// A text, its strings joined (RFC 7208, 3.3).
    Txt(Box<[u8]>),
    /// A host name, in lower case, without a trailing dot.
    Ptr(Box<str>),
}

impl Said {
    /// The names of what servers can be found to say.
    pub const SERVED: [&'static str; 6] = ["records", "no_name", "no_data", "refused", "failed", "timeout"];
    /// The names of what leaves a question open.
    pub const OPEN: [&'static str; 4] = ["refused", "failed", "timeout", "over_budget"];

    /// A short name for output and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Records(_) => "records",
            Self::NoName => "no_name",
            Self::NoData => "no_data",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::OverBudget => "over_budget",
            Self::Off => "off",
        }
    }

    /// Whether it says anything of the name: records, or that there are none. All else says something of the servers or of us.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Records(_) | Self::NoName | Self::NoData)
    }
}

impl Answer {
    /// An answer that is not to be kept.
    pub fn unkept(said: Said) -> Arc<Self> {
        Arc::new(Self { said, ttl: Duration::ZERO })
    }

    /// The records; none of a negative answer.
    pub fn records(&self) -> &[Data] {
        if let Said::Records(records) = &self.said { records } else { &[] }
    }

    /// The addresses among the records.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.records().iter().filter_map(|data| if let Data::Address(ip) = data { Some(*ip) } else { None })
    }
}

/// As in a zone file.
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => write!(f, "{ip}"),
            Self::Mx { preference, exchange } => write!(f, "{preference} {exchange}."),
            Self::Txt(text) => write!(f, "\"{}\"", crate::text::printable(&String::from_utf8_lossy(text), 1000)),
            Self::Ptr(name) => write!(f, "{name}."),
        }
    }
}

/// No DNS: stored mail is judged by what it says itself, because today's DNS says nothing of its day.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl Dns for Offline {
    fn ask(&self, _: Question, _: Duration) -> Pending<'_> {
        Box::pin(std::future::ready(Answer::unkept(Said::Off)))
    }

    fn is_on(&self) -> bool {
        false
    }
}

/// Runs something to its end that waits for nothing, as all does that asks [`Offline`] or a [`Zone`].
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = task::Context::from_waker(task::Waker::noop());
    loop {
        if let task::Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
        std::thread::yield_now();
    }
}

/// Addresses as data, for those who make answers.
impl From<Ipv4Addr> for Data {
    fn from(ip: Ipv4Addr) -> Self {
        Self::Address(ip.into())
    }
}

impl From<Ipv6Addr> for Data {
    fn from(ip: Ipv6Addr) -> Self {
        Self::Address(ip.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_cannot_be_asked_for_are_no_question() {
        assert_eq!(Question::new("Mail.Sender.EXAMPLE.", Kind::A).unwrap().to_string(), "mail.sender.example A");
        let long = "a.".repeat(127) + "example";
        for name in
            ["", ".", "a..example", "a b.example", "a\\b.example", &"x".repeat(64), &long, "b\u{fc}cher.example"]
        {
            assert_eq!(Question::new(name, Kind::A), None, "{name}");
        }
    }

    #[test]
    fn addresses_are_reversed() {
        assert_eq!(&*Question::reverse("192.0.2.1".parse().unwrap()).name, "1.2.0.192.in-addr.arpa");
        let v6 = Question::reverse("2001:db8::1".parse().unwrap());
        assert_eq!(&*v6.name, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
    }
}
