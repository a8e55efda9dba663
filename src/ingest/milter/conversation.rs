//! The milter protocol as a state machine, without any I/O.
//!
//! Takes the MTA's commands one by one, says for each what is to be done ([`Step`]), and gathers them to a
//! [`RawMessage`]. What belongs to the SMTP connection (client, HELO, TLS) outlives a message; what belongs to a
//! message (sender, recipients, fields) ends with it, by the end of the message, an ABORT or the next MAIL.
//!
//! Order is held to where a mix-up would judge one message by another's data: a message's commands only go forwards.
//! Where libmilter would start over (CONNECT, HELO or MAIL in the middle of a message), this does too: Sendmail sends
//! no ABORT for RSET.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    command::{Command, Peer},
    macros::{Macros, text},
    negotiation::Agreement,
    offer::action,
    reply::Reply,
    smtp_connection::SmtpConnection,
};
use crate::{
    clock::Clock,
    ingest::Ruling,
    message::{Break, HeaderSection, RawMessage},
    metrics::MilterError,
    policy::Action,
    session::Session,
    stamp::{self, HeaderChange},
};

/// Right above the MTA's own `Received` field, which it keeps out of sight of milters (seen: Postfix 3.7, Sendmail 8.17).
const TOP: u32 = 0;

/// The longest text of an SMTP reply that is passed on (RFC 5321, 4.5.3.1.5: 512 bytes a line, the code included).
const REPLY_LIMIT: usize = 480;

/// The largest header section whose memory is kept for the connection's next message.
const KEPT_HEADER_BYTES: usize = 64 * 1024;

/// What is to be done after a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing: the MTA does not wait.
    Silent,
    /// Say this.
    Reply(Reply),
    /// The message is whole: have [`Conversation::message`] judged and say what [`Conversation::rule`] gives.
    Judge,
    /// The MTA is done: close.
    Quit,
    /// The MTA broke the protocol in this way: close, for what comes next cannot be trusted.
    Broken(MilterError),
}

/// What is kept of one message at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of header section.
    pub header_bytes: usize,
    /// Recipients.
    pub recipients: usize,
    /// Bytes of body; zero where no body is asked for.
    pub body_bytes: usize,
}

/// How far a message has come; its commands only go forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    None,
    Mail,
    Rcpt,
    Data,
    Header,
    EndOfHeader,
    Body,
}

impl Stage {
    fn may_repeat(self) -> bool {
        matches!(self, Self::Rcpt | Self::Header | Self::Body)
    }
}

/// One milter connection.
pub struct Conversation {
    limits: Limits,
    clock: Arc<dyn Clock>,
    agreement: Option<Agreement>,
    connection: SmtpConnection,
    stage: Stage,
    macros: Macros,
    too_long: bool,
    too_many: bool,
    body_too_long: bool,
    message: RawMessage,
    noted: Vec<MilterError>,
}

impl Conversation {
    /// A connection on which nothing was said yet.
    pub fn new(limits: Limits, clock: Arc<dyn Clock>) -> Self {
        Self {
            limits,
            clock,
            agreement: None,
            connection: SmtpConnection::default(),
            stage: Stage::None,
            macros: Macros::default(),
            too_long: false,
            too_many: false,
            body_too_long: false,
            message: RawMessage::default(),
            noted: Vec::new(),
        }
    }

    /// Takes the MTA's next command.
    pub fn on(&mut self, command: &Command<'_>) -> Step {
        let Some(agreement) = &self.agreement else {
            return match command {
                Command::Negotiate(offer) => self.negotiate(Agreement::of(*offer, self.limits.body_bytes > 0)),
                Command::Quit => Step::Quit,
                _ => Step::Broken(MilterError::Sequence),
            };
        };
        let expects_reply = agreement.expects_reply(command);
        let in_order = match command {
            Command::Negotiate(_) => false,
            Command::Macros { stage, pairs } => self.macros(*stage, pairs),
            Command::Connect { hostname, peer } => self.connect(hostname, *peer),
            Command::Helo(name) => self.helo(name),
            Command::Mail(arguments) => self.mail(arguments.first().copied().unwrap_or_default()),
            Command::Rcpt(arguments) => self.rcpt(arguments.first().copied().unwrap_or_default()),
            Command::Data => self.advance(Stage::Data),
            Command::Header { name, value } => self.header(name, value),
            Command::EndOfHeader => self.advance(Stage::EndOfHeader),
            Command::Body(piece) => self.body(piece),
            Command::EndOfMessage(_) if self.stage == Stage::None => false,
            Command::EndOfMessage(_) => {
                self.complete();
                return Step::Judge;
            }
            Command::Abort => self.forget_message(),
            Command::Quit => return Step::Quit,
            Command::QuitNewConnection => self.forget_connection(),
            Command::Unknown(_) => true,
        };
        match (in_order, expects_reply) {
            (false, _) => Step::Broken(MilterError::Sequence),
            (true, false) => Step::Silent,
            (true, true) => Step::Reply(Reply::Continue),
        }
    }

    /// Whether a message has begun and is not done with.
    pub fn in_message(&self) -> bool {
        self.stage != Stage::None
    }

    /// The message as gathered so far; whole after [`Step::Judge`].
    pub fn message(&self) -> &RawMessage {
        &self.message
    }

    /// What was cut short or lacking since the last time this was asked.
    pub fn take_noted(&mut self) -> impl Iterator<Item = MilterError> {
        self.noted.drain(..)
    }

    /// Ends the message with a ruling, as far as the MTA lets us.
    ///
    /// Of a message that is refused, nothing is changed: nobody would see it.
    pub fn rule(&mut self, ruling: &Ruling) -> Vec<Reply> {
        self.forget_message();
        let text = ruling.reply.as_deref();
        let mut replies = Vec::with_capacity(ruling.changes.len() + 2);
        match ruling.action {
            Action::Tempfail => replies.push(text.map_or(Reply::Tempfail, |text| smtp_reply("451 4.7.1", text))),
            Action::Reject => replies.push(text.map_or(Reply::Reject, |text| smtp_reply("550 5.7.1", text))),
            Action::Accept | Action::Quarantine => {
                replies.extend(ruling.changes.iter().filter_map(|change| self.change(change)));
                if ruling.action == Action::Quarantine && self.may(action::QUARANTINE) {
                    replies.push(Reply::Quarantine(Bytes::from_static(b"relaywatch")));
                }
                replies.push(Reply::Accept);
            }
        }
        replies
    }

    fn change(&self, change: &HeaderChange) -> Option<Reply> {
        match change {
            HeaderChange::Remove { name, occurrence } if self.may(action::CHANGE_HEADERS) => {
                Some(Reply::ChangeHeader {
                    occurrence: *occurrence,
                    name: Bytes::copy_from_slice(name.as_bytes()),
                    value: Bytes::new(),
                })
            }
            HeaderChange::Prepend { name, value } if self.may(action::ADD_HEADERS) => {
                let agreement = self.agreement.as_ref()?;
                let space = if agreement.leading_space() { " " } else { "" };
                let name = Bytes::copy_from_slice(name.as_bytes());
                let value = Bytes::from([space, value].concat());
                Some(if agreement.may_insert() {
                    Reply::InsertHeader { index: TOP, name, value }
                } else {
                    Reply::AddHeader { name, value }
                })
            }
            HeaderChange::Remove { .. } | HeaderChange::Prepend { .. } => None,
        }
    }

    fn may(&self, actions: u32) -> bool {
        self.agreement.as_ref().is_some_and(|agreement| agreement.may(actions))
    }

    fn negotiate(&mut self, agreement: Option<Agreement>) -> Step {
        let Some(agreement) = agreement else {
            return Step::Broken(MilterError::Negotiation);
        };
        if !agreement.is_complete() {
            self.noted.push(MilterError::Negotiation);
        }
        self.agreement = Some(agreement.clone());
        Step::Reply(Reply::Negotiate(agreement))
    }

    fn macros(&mut self, stage: u8, pairs: &[(&[u8], &[u8])]) -> bool {
        let cut = match stage {
            b'C' => self.connection.macros.announce(pairs),
            b'H' => self.connection.helo_macros.announce(pairs),
            b'M' => self.macros.announce(pairs),
            _ => self.macros.add(pairs),
        };
        self.connection.tls_told |= matches!(stage, b'H' | b'M');
        self.note_if(cut, MilterError::ValueLimit);
        true
    }

    fn connect(&mut self, hostname: &[u8], peer: Peer) -> bool {
        self.forget_message();
        let hostname = self.text(hostname);
        self.connection.begin(hostname, peer);
        true
    }

    fn helo(&mut self, name: &[u8]) -> bool {
        self.forget_message();
        self.connection.helo_macros.settle();
        self.connection.helo = Some(self.text(name)).filter(|name| !name.is_empty());
        true
    }

    fn mail(&mut self, address: &[u8]) -> bool {
        let mut macros = std::mem::take(&mut self.macros);
        macros.settle();
        self.forget_message();
        self.macros = macros;
        self.stage = Stage::Mail;
        let mail_from = Some(self.text(path(address)));
        // The time of MAIL is the time that the MTA writes into its own Received field.
        self.message.session = Some(Session { mail_from, time: Some(self.clock.now()), ..Session::default() });
        true
    }

    fn rcpt(&mut self, address: &[u8]) -> bool {
        let in_order = self.advance(Stage::Rcpt);
        let kept = self.message.session.as_ref().map_or(0, |session| session.recipients.len());
        if kept >= self.limits.recipients {
            let first = !std::mem::replace(&mut self.too_many, true);
            self.note_if(first, MilterError::RecipientLimit);
        } else if in_order {
            let recipient = self.text(path(address));
            self.message.session.get_or_insert_default().recipients.push(recipient);
        }
        in_order
    }

    /// Once a field did not fit, none behind it is taken: a section with a hole in it would be read as a whole one. Only
    /// what may be a forged copy of our own fields is remembered, in as much room again: it must be taken out wherever
    /// it stands.
    fn header(&mut self, name: &[u8], value: &[u8]) -> bool {
        let in_order = self.advance(Stage::Header);
        let headers = &mut self.message.headers;
        let limit = self.limits.header_bytes;
        let fits = headers.footprint() + HeaderSection::field_footprint(name, value) <= limit;
        if !fits && !self.too_long {
            self.too_long = true;
            headers.note(Break::TooLong);
            self.noted.push(MilterError::HeaderLimit);
        }
        if in_order && !self.too_long {
            // What the MTA took away is put back, so that a field reads here as it does in a file.
            match &self.agreement {
                Some(agreement) if agreement.leading_space() || value.is_empty() => headers.push(name, value),
                _ => headers.push(name, &[b" ", value].concat()),
            }
        } else if in_order
            && let Some(remnant) = stamp::remnant(name, value)
            && headers.footprint() + HeaderSection::field_footprint(name, remnant) <= 2 * limit
        {
            headers.push(name, remnant);
        }
        in_order
    }

    /// A body that is too long is not kept at all: a part of it proves nothing.
    fn body(&mut self, piece: &[u8]) -> bool {
        let in_order = self.advance(Stage::Body);
        if !in_order || self.limits.body_bytes == 0 || self.body_too_long {
            return in_order;
        }
        let body = self.message.body.get_or_insert_default();
        if body.len() + piece.len() <= self.limits.body_bytes {
            body.extend_from_slice(piece);
        } else {
            self.message.body = None;
            self.body_too_long = true;
            self.noted.push(MilterError::BodyLimit);
        }
        in_order
    }

    fn advance(&mut self, to: Stage) -> bool {
        let in_order = self.in_message() && (self.stage < to || (self.stage == to && to.may_repeat()));
        if in_order {
            self.stage = to;
        }
        in_order
    }

    fn complete(&mut self) {
        // A mail without a body has an empty one, where we would have seen any.
        if self.limits.body_bytes > 0 && !self.body_too_long {
            self.message.body.get_or_insert_default();
        }
        let chose_macros = self.agreement.as_ref().is_some_and(Agreement::chose_macros);
        self.connection.describe(&self.macros, chose_macros, self.message.session.get_or_insert_default());
    }

    fn forget_message(&mut self) -> bool {
        self.stage = Stage::None;
        self.macros = Macros::default();
        self.too_long = false;
        self.too_many = false;
        self.body_too_long = false;
        self.message.session = None;
        self.message.body = None;
        if self.message.headers.footprint() > KEPT_HEADER_BYTES {
            self.message.headers = HeaderSection::default();
        }
        self.message.headers.clear();
        true
    }

    fn forget_connection(&mut self) -> bool {
        self.connection = SmtpConnection::default();
        self.forget_message()
    }

    fn text(&mut self, value: &[u8]) -> String {
        let (text, cut) = text(value);
        self.note_if(cut, MilterError::ValueLimit);
        text
    }

    fn note_if(&mut self, happened: bool, what: MilterError) {
        if happened {
            self.noted.push(what);
        }
    }
}

/// An address out of its angle brackets.
fn path(argument: &[u8]) -> &[u8] {
    argument.strip_prefix(b"<").and_then(|path| path.strip_suffix(b">")).unwrap_or(argument)
}

/// One line of printable ASCII behind its codes: a line end in it would be a second reply of the MTA's.
fn smtp_reply(codes: &str, text: &str) -> Reply {
    let printable = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
    let line: String =
        codes.chars().chain(std::iter::once(' ')).chain(text.chars().map(printable)).take(REPLY_LIMIT).collect();
    Reply::Smtp(Bytes::from(line))
}
