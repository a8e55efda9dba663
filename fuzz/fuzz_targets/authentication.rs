//! Any records and any mail: SPF, DKIM and the signs of forwarding end within the budget, whatever DNS and the sender say.
//! The input is a record, a key and a mail, with lines of `--` between them.

#![no_main]

use std::{net::IpAddr, sync::Arc, time::Duration};

use libfuzzer_sys::fuzz_target;
use memchr::memmem;
use relaywatch::{
    dns::{Answer, Budget, Data, Dns, Kind, Pending, Question, Said, at_once},
    inspect::inspect,
    message::{HeaderSection, RawMessage},
    policy::{AuthenticationSettings, DkimSource, Policy},
    session::Session,
    text::is_unsafe,
};

/// Every name has the record; below `_domainkey` the key.
struct Told<'a> {
    record: &'a [u8],
    key: &'a [u8],
}

impl Dns for Told<'_> {
    fn ask(&self, question: Question, _: Duration) -> Pending<'_> {
        let text = if question.name.contains("._domainkey.") { self.key } else { self.record };
        let data = match question.kind {
            Kind::A => vec![Data::Address(IpAddr::from([192, 0, 2, 77]))],
            Kind::Aaaa => Vec::new(),
            Kind::Mx => vec![Data::Mx { preference: 10, exchange: "mx.sender.example".into() }],
            Kind::Txt => vec![Data::Txt(text.into())],
            Kind::Ptr => vec![Data::Ptr("host.sender.example".into())],
        };
        let said = if data.is_empty() { Said::NoData } else { Said::Records(data) };
        Box::pin(std::future::ready(Arc::new(Answer { said, ttl: Duration::ZERO })))
    }
}

fuzz_target!(|data: &[u8]| {
    let mut parts = memmem::find_iter(data, b"\n--\n");
    let (first, second) = (parts.next().unwrap_or(data.len()), parts.next().unwrap_or(data.len()));
    let part = |from: usize, to: usize| data.get(from..to).unwrap_or_default();
    let dns = Told { record: part(0, first), key: part(first + 4, second) };
    let mail = part(second + 4, data.len());
    let end = memmem::find(mail, b"\n\n").unwrap_or(mail.len());
    let sender = String::from_utf8_lossy(part(0, first.min(60))).into_owned();
    let message = RawMessage {
        headers: HeaderSection::read(mail, mail.len()),
        session: Some(Session {
            peer_ip: Some(IpAddr::from([192, 0, 2, 1])),
            helo: Some(sender.clone()),
            mail_from: Some(format!("{sender}@sender.example")),
            recipients: vec!["bob@victim.example".to_owned()],
            ..Session::default()
        }),
        body: Some(mail.get(end + 2..).unwrap_or_default().to_vec()),
    };
    let budget = Budget { time: Duration::from_secs(5), lookups: 60 };
    let authentication =
        AuthenticationSettings { dkim: DkimSource::Verify, budget, ..AuthenticationSettings::default() };
    let policy = Policy { authentication, ..Policy::default() };
    let report = at_once(inspect(&message, &policy, &dns));
    for finding in report.verdict.findings.iter().chain(report.explained()) {
        assert!(!finding.sentence.contains(is_unsafe), "{:?}", finding.sentence);
        assert!(!finding.evidence.iter().any(|line| line.contains(is_unsafe)), "{:?}", finding.evidence);
    }
    // Each question is kept, those that were turned away included.
    assert!(report.authentication.asked.len() < 10_000, "{}", report.authentication.asked.len());
});
