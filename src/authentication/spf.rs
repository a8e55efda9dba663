//! SPF (RFC 7208): whether a domain lets an address send.
//!
//! Takes an address, a sender and an [`Inquiry`], gives the result. Records and macros are read by `mail-auth`. Its own evaluation asks
//! a resolver of its own, which knows nothing of a message's budget, keeps no answer for the evidence, and has no limit of
//! void lookups; so [`check`] walks the record itself, with all limits of RFC 7208, 4.6.4.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    pin::Pin,
    sync::Arc,
};

use mail_auth::{
    common::parse::TxtRecordParser,
    spf::{Macro, Mechanism, Qualifier, Spf, Variables},
};

use super::SpfResult;
use crate::dns::{Answer, Data, Inquiry, Kind, Question, Said};

/// Terms that ask DNS, of one check (RFC 7208, 4.6.4).
const TERMS: usize = 10;
/// Lookups that come to nothing, of one check.
const VOID_LOOKUPS: usize = 2;
/// Exchangers of one `mx`, names of one `ptr`.
const HOSTS: usize = 10;

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query<'a> {
    /// The address that sent.
    pub(super) ip: IpAddr,
    /// The name in HELO, which a record may ask about by a macro.
    pub(super) helo: &'a str,
    /// The envelope sender; for the HELO identity `postmaster@` that name (RFC 7208, 2.3 and 4.3).
    pub(super) sender: &'a str,
    /// The domain whose record is asked for.
    pub(super) domain: &'a str,
}

/// Evaluates SPF, with all questions that it takes.
pub(super) async fn check(query: Query<'_>, inquiry: &mut Inquiry<'_>) -> SpfResult {
    let mut check = Check { query, inquiry, terms: 0, void: 0, validated: None };
    match check.host(query.domain.to_owned()).await {
        Ok(result) => result,
        Err(Stop::Temporary) => SpfResult::TempError,
        Err(Stop::Permanent) => SpfResult::PermError,
    }
}

/// What ends a check, wherever it is.
enum Stop {
    /// A server failed (`temperror`).
    Temporary,
    /// The record cannot be used (`permerror`).
    Permanent,
}

struct Check<'a, 'd> {
    query: Query<'a>,
    inquiry: &'a mut Inquiry<'d>,
    terms: usize,
    void: usize,
    /// The client's validated name, once it was asked for (the macro `p`).
    validated: Option<String>,
}

type Step<'s, T> = Pin<Box<dyn Future<Output = Result<T, Stop>> + Send + 's>>;

impl Check<'_, '_> {
    /// `check_host()` of RFC 7208, 4. Includes and redirects call it anew; their depth is bounded by the terms.
    fn host(&mut self, domain: String) -> Step<'_, SpfResult> {
        Box::pin(async move {
            let Some(record) = self.record(&domain).await? else { return Ok(SpfResult::None) };
            for directive in &record.directives {
                if self.matches(&directive.mechanism, &domain).await? {
                    return Ok(match directive.qualifier {
                        Qualifier::Pass => SpfResult::Pass,
                        Qualifier::Fail => SpfResult::Fail,
                        Qualifier::SoftFail => SpfResult::SoftFail,
                        Qualifier::Neutral => SpfResult::Neutral,
                    });
                }
            }
            let Some(redirect) = &record.redirect else { return Ok(SpfResult::Neutral) };
            self.term()?;
            let target = self.expand(redirect, &domain).await?;
            match self.host(target).await? {
                SpfResult::None => Err(Stop::Permanent),
                result => Ok(result),
            }
        })
    }

    /// The one SPF record of a domain (RFC 7208, 4.5).
    async fn record(&mut self, domain: &str) -> Result<Option<Spf>, Stop> {
        // A name of one label is no domain of the mail (RFC 7208, 4.3).
        let Some(question) = Question::new(domain, Kind::Txt).filter(|question| question.name.contains('.')) else {
            return Ok(None);
        };
        let answer = self.inquiry.ask(question).await;
        if !answer.said.is_answer() {
            return Err(Stop::Temporary);
        }
        let texts =
            answer.records().iter().filter_map(|data| if let Data::Txt(text) = data { Some(&**text) } else { None });
        let mut records = texts.filter(|text| is_spf(text));
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(record), None) => Spf::parse(record).map(Some).map_err(|_| Stop::Permanent),
            (Some(_), Some(_)) => Err(Stop::Permanent),
        }
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Result<bool, Stop> {
        let ip = self.query.ip;
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4 { addr, mask } => Ok(fits(ip, IpAddr::V4(*addr), *mask, 0)),
            Mechanism::Ip6 { addr, mask } => Ok(fits(ip, IpAddr::V6(*addr), 0, *mask)),
            Mechanism::Include { macro_string } => {
                self.term()?;
                let target = self.expand(macro_string, domain).await?;
                match self.host(target).await? {
                    SpfResult::Pass => Ok(true),
                    SpfResult::None => Err(Stop::Permanent),
                    _ => Ok(false),
                }
            }
            Mechanism::A { macro_string, ip4_mask, ip6_mask } => {
                self.term()?;
                let target = self.expand(macro_string, domain).await?;
                self.host_fits(&target, *ip4_mask, *ip6_mask).await
            }
            Mechanism::Mx { macro_string, ip4_mask, ip6_mask } => {
                self.term()?;
                let target = self.expand(macro_string, domain).await?;
                let answer = self.ask(&target, Kind::Mx).await?;
                if answer.records().len() > HOSTS {
                    return Err(Stop::Permanent);
                }
                for data in answer.records() {
                    if let Data::Mx { exchange, .. } = data
                        && self.host_fits(exchange, *ip4_mask, *ip6_mask).await?
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Mechanism::Ptr { macro_string } => {
                self.term()?;
                let target = self.expand(macro_string, domain).await?;
                let target = crate::names::normal(&target).into_owned();
                let below =
                    |name: &str| name == target || name.strip_suffix(&target).is_some_and(|rest| rest.ends_with('.'));
                Ok(self.validated_names().await?.iter().any(|name| below(name)))
            }
            Mechanism::Exists { macro_string } => {
                self.term()?;
                let target = self.expand(macro_string, domain).await?;
                // Whatever the client's family (RFC 7208, 5.7).
                Ok(!self.ask(&target, Kind::A).await?.records().is_empty())
            }
        }
    }

    async fn host_fits(&mut self, host: &str, ip4_mask: u32, ip6_mask: u128) -> Result<bool, Stop> {
        let ip = self.query.ip;
        let kind = if ip.is_ipv4() { Kind::A } else { Kind::Aaaa };
        let answer = self.ask(host, kind).await?;
        Ok(answer.addresses().any(|address| fits(ip, address, ip4_mask, ip6_mask)))
    }

    /// The client's names that lead back to it (RFC 7208, 5.5). A failing server proves nothing, and ends nothing.
    async fn validated_names(&mut self) -> Result<Vec<String>, Stop> {
        let ip = self.query.ip;
        let answer = self.inquiry.ask(Question::reverse(ip)).await;
        if answer.records().is_empty() {
            self.count_void()?;
        }
        let mut names = Vec::new();
        for data in answer.records().iter().take(HOSTS) {
            if let Data::Ptr(name) = data
                && let Some(question) = Question::address(name, ip)
                && self.inquiry.ask(question).await.addresses().any(|address| address == ip)
            {
                names.push(name.to_string());
            }
        }
        Ok(names)
    }

    /// A question of a mechanism; one that comes to nothing counts.
    async fn ask(&mut self, name: &str, kind: Kind) -> Result<Arc<Answer>, Stop> {
        // What can be no name does not exist (RFC 7208, 4.8).
        let answer = match Question::new(name, kind) {
            Some(question) => self.inquiry.ask(question).await,
            None => Answer::unkept(Said::NoName),
        };
        match answer.said {
            Said::Records(_) => {}
            Said::NoName | Said::NoData => self.count_void()?,
            _ => return Err(Stop::Temporary),
        }
        Ok(answer)
    }

    /// The text with its macros filled in (RFC 7208, 7).
    async fn expand(&mut self, text: &Macro, domain: &str) -> Result<String, Stop> {
        if let Macro::Literal(text) = text {
            return Ok(String::from_utf8_lossy(text).into_owned());
        }
        if text.needs_ptr() && self.validated.is_none() {
            let names = self.validated_names().await?;
            let below =
                |name: &&String| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            let name = names.iter().find(below).or(names.first());
            self.validated = Some(name.cloned().unwrap_or_else(|| "unknown".to_owned()));
        }
        let mut variables = Variables::new();
        variables.set_ip(&self.query.ip);
        variables.set_sender(self.query.sender.as_bytes());
        variables.set_domain(domain.as_bytes());
        variables.set_helo_domain(self.query.helo.as_bytes());
        if let Some(name) = &self.validated {
            variables.set_validated_domain(name.as_bytes());
        }
        let name = text.eval(&variables, domain, false);
        // Too long a name loses labels from its left (RFC 7208, 7.3).
        let mut name = &*name;
        while name.len() > 253 {
            let Some((_, parent)) = name.split_once('.') else { break };
            name = parent;
        }
        Ok(name.to_owned())
    }

    fn term(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        if self.terms > TERMS { Err(Stop::Permanent) } else { Ok(()) }
    }

    fn count_void(&mut self) -> Result<(), Stop> {
        self.void += 1;
        if self.void > VOID_LOOKUPS { Err(Stop::Permanent) } else { Ok(()) }
    }
}

/// Whether a text is an SPF record: `v=spf1`, then a space or nothing.
fn is_spf(text: &[u8]) -> bool {
    let Some((version, rest)) = text.split_at_checked(6) else { return false };
    version.eq_ignore_ascii_case(b"v=spf1") && rest.first().is_none_or(|byte| *byte == b' ')
}

/// Whether an address is another under a mask; never one of the other family.
fn fits(ip: IpAddr, of: IpAddr, ip4_mask: u32, ip6_mask: u128) -> bool {
    let v4 = |ip: Ipv4Addr| ip.to_bits() & ip4_mask;
    let v6 = |ip: Ipv6Addr| ip.to_bits() & ip6_mask;
    match (ip, of) {
        (IpAddr::V4(ip), IpAddr::V4(of)) => v4(ip) == v4(of),
        (IpAddr::V6(ip), IpAddr::V6(of)) => v6(ip) == v6(of),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, path::PathBuf};

    use super::*;
    use crate::dns::{Budget, Zone, at_once};

    /// Every folder of cases: ours, and one more where somebody names it.
    fn files() -> Vec<PathBuf> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spf");
        let more = std::env::var_os("RELAYWATCH_SPF_CASES").map(PathBuf::from);
        let folders = std::iter::once(own).chain(more);
        let files = folders.flat_map(|folder| fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()));
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "zone")).collect();
        files.sort();
        assert!(!files.is_empty());
        files
    }

    #[test]
    fn every_case_of_the_zones_comes_out_as_they_say() {
        let (mut cases, mut wrong) = (0, Vec::new());
        for file in files() {
            let text = fs::read_to_string(&file).unwrap();
            let zone = Zone::read(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            for case in text.lines().filter_map(|line| line.strip_prefix(";? ")) {
                let words: Vec<&str> = case.split_whitespace().collect();
                let [ip, helo, sender, expected] = words[..] else { panic!("{}: {case}", file.display()) };
                let sender = if sender == "<>" { format!("postmaster@{helo}") } else { sender.to_owned() };
                let domain = sender.rsplit_once('@').map_or(sender.as_str(), |(_, domain)| domain);
                let query = Query { ip: ip.parse().unwrap(), helo, sender: &sender, domain };
                let mut inquiry = Inquiry::new(&zone, Budget { lookups: 200, ..Budget::default() });
                let found = at_once(check(query, &mut inquiry));
                cases += 1;
                if found.as_str() != expected {
                    wrong.push(format!("{}: {case}: {}", file.display(), found.as_str()));
                }
            }
        }
        assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
    }
}
