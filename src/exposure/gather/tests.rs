use std::sync::Arc;

use super::{
    sample::{RELAY, hop, mail, stored},
    *,
};
use crate::{evidence::Party, exposure::zone::Zone, hunt::Wanted, rules::indicators::Value};

/// 1,000 to 2,000, and 500 before and behind.
fn query() -> Query {
    let mut wanted = Wanted::new();
    wanted.add(RELAY, Value::Network(RELAY.parse().unwrap()));
    Query {
        wanted,
        asked: vec![RELAY.to_owned()],
        changed: 1000,
        fixed: 2000,
        ns_ttl: 500,
        pre_window: 500,
        zone: Zone::default(),
    }
}

fn gathered(query: &Query, relayed: &[Stored], others: &[Stored]) -> Exposure {
    let mut gathering = Gathering::new(query);
    relayed.iter().for_each(|message| assert!(gathering.relayed(message).is_some(), "{message:?}"));
    others.iter().for_each(|message| gathering.other(message));
    gathering.finish(Timestamp::from_second(10_000).unwrap(), &evidence::Coverage::default())
}

fn written(time: i64, message: Stored) -> Stored {
    Stored { dated: Some(time), ..message }
}

const US: &str = "support@coincheck.com";

#[test]
fn messages_belong_where_they_were_written_and_people_are_added_once() {
    let mail = |time, from: &str| mail(time, from, US, RELAY);
    let exposure = gathered(
        &query(),
        &[
            written(499, mail(1100, "early@a.example")),
            written(500, mail(1100, "ann@a.example")),
            written(999, mail(1100, "Bob@A.example")),
            mail(1200, "bob@a.example"),
            mail(2000, "carol@a.example"),
            mail(2001, "ann@a.example"),
            mail(2500, "dave@a.example"),
            mail(2501, "late@a.example"),
        ],
        &[],
    );
    let parts =
        exposure.parts.each_ref().map(|part| (part.recorded.messages, part.recorded.senders, part.added_senders));
    assert_eq!(parts, [(2, 2, 1), (2, 2, 2), (2, 2, 1)]);
    assert_eq!((exposure.recorded.messages, exposure.recorded.senders, exposure.recorded.recipients), (6, 4, 1));
    assert_eq!(exposure.parts.iter().map(|part| part.added_senders).sum::<u64>(), exposure.recorded.senders);
    assert_eq!((exposure.outside.earlier.messages, exposure.outside.later.messages), (1, 1));
    assert_eq!(exposure.recorded.first.as_ref().map(Moment::second), Some(1100));
    assert_eq!(exposure.recorded.last.as_ref().map(Moment::second), Some(2500));
    let bob = exposure.senders.iter().find(|sender| sender.person.address.as_deref() == Some("bob@a.example")).unwrap();
    assert_eq!(
        (bob.person.pre_window, bob.person.window, bob.person.first.second(), bob.person.last.second()),
        (1, 1, 1100, 1200)
    );
    assert!(exposure.warnings.iter().any(|warning| warning.contains("--pre-window")), "{:?}", exposure.warnings);
    assert!(exposure.warnings.iter().any(|warning| warning.contains("--ns-ttl")), "{:?}", exposure.warnings);
}

#[test]
fn what_only_others_say_is_counted_apart_and_came_by_another_way() {
    let decoy = Stored {
        hops: Arc::new(vec![
            hop("203.0.113.9", "mx.spam.example", "gw.coincheck.com"),
            hop(RELAY, "mail.coincheck.com", "mx.spam.example"),
        ]),
        times: vec![Some(1500), Some(1499)],
        ..mail(1500, "spam@b.example", US, RELAY)
    };
    let exposure = gathered(&query(), &[decoy.clone(), mail(1600, "ann@a.example", US, RELAY)], &[decoy]);
    assert_eq!((exposure.recorded.messages, exposure.claimed.messages), (1, 1));
    assert_eq!((exposure.recorded.senders, exposure.claimed.senders), (1, 1));
    assert_eq!((exposure.normal.messages, exposure.normal.senders_not_relayed), (1, 1));
    let spammer = &exposure.senders[0].person;
    assert_eq!((spammer.claimed, spammer.is_exposed(), exposure.senders[0].normal), (1, false, 1));
    assert_eq!(exposure.path.addresses.messages(), 1);
}

#[test]
fn refused_attempts_are_counted_apart_and_their_people_all_the_same() {
    let refused = |time, action| Stored { action: Some(action), ..mail(time, "ann@a.example", US, RELAY) };
    let retried = [
        refused(1100, Action::Tempfail),
        refused(1200, Action::Tempfail),
        refused(1300, Action::Accept),
        Stored { action: Some(Action::Reject), ..mail(1400, "bob@a.example", US, RELAY) },
    ];
    let exposure = gathered(&query(), &retried, &[]);
    assert_eq!((exposure.recorded.messages, exposure.recorded.refused, exposure.recorded.senders), (1, 3, 2));
    assert!(exposure.senders.iter().all(|sender| sender.person.is_exposed()));
    let other = Stored { action: Some(Action::Reject), ..mail(1400, "bob@a.example", US, "203.0.113.9") };
    assert_eq!(gathered(&query(), &[], &[other]).normal.messages, 0);
}

#[test]
fn other_ways_are_from_outside_and_within_the_time() {
    let direct = |time, from: &str| mail(time, from, US, "203.0.113.9");
    let internal = Stored { place: "internal".to_owned(), ..direct(1500, "us@coincheck.com") };
    let unknown = Stored { place: "not_found".to_owned(), border_hop: None, ..direct(1500, "x@b.example") };
    let bounce =
        Stored { sender: Some(Party { id: 1, address: Some(String::new()) }), ..direct(1500, "daemon@b.example") };
    let others = [
        direct(999, "a@b.example"),
        direct(1000, "ann@a.example"),
        direct(2500, "B@b.example"),
        direct(2501, "c@b.example"),
        internal,
        unknown,
        bounce,
        mail(1500, "ann@a.example", US, RELAY),
    ];
    let exposure = gathered(&query(), &[mail(1500, "ann@a.example", US, RELAY)], &others);
    let normal = &exposure.normal;
    assert_eq!((normal.messages, normal.bounces, normal.senders, normal.senders_not_relayed), (4, 1, 4, 3));
    assert_eq!((normal.authors, normal.authors_not_relayed), (4, 3));
    assert_eq!(exposure.senders[0].normal, 1);
}

#[test]
fn forgotten_people_count_and_so_do_those_who_are_not_kept() {
    let forgotten =
        |id| Stored { sender: Some(Party { id, address: None }), header_from: None, ..mail(1500, "x", US, RELAY) };
    let nobody = Stored { sender: None, header_from: None, ..mail(1500, "x", US, RELAY) };
    let exposure = gathered(&query(), &[forgotten(7), forgotten(7), forgotten(8), nobody], &[]);
    assert_eq!((exposure.recorded.messages, exposure.recorded.senders, exposure.recorded.without_sender), (4, 2, 1));
    let numbers: Vec<_> = exposure.senders.iter().map(|sender| sender.person.forgotten).collect();
    assert_eq!(numbers, [Some(7), Some(8)]);
}

#[test]
fn without_a_border_nothing_is_a_record_of_ours_and_that_is_said() {
    let unknown = Stored { place: "not_found".to_owned(), border_hop: None, ..mail(1500, "ann@a.example", US, RELAY) };
    let exposure = gathered(&query(), &[unknown], &[]);
    assert_eq!((exposure.recorded.messages, exposure.claimed.messages, exposure.claimed.without_border), (0, 1, 1));
    let said = "was the topology configured with which it was inspected?";
    assert!(exposure.warnings.iter().any(|warning| warning.ends_with(said)), "{:?}", exposure.warnings);
}

#[test]
fn every_hour_is_there_and_the_relay_is_described() {
    let tokyo = Query {
        changed: 7200,
        fixed: 7200,
        ns_ttl: 3 * 3600,
        pre_window: 3600,
        zone: Zone::named("Asia/Tokyo").unwrap(),
        ..query()
    };
    let own_line = Stored {
        hops: Arc::new(vec![
            hop(RELAY, "mail.coincheck.com", "gw.coincheck.com"),
            hop("203.0.113.10", "mx1.sender.example", "MAIL.coincheck.com"),
        ]),
        times: vec![Some(7300), None],
        dated: Some(7200),
        ..mail(7300, "ann@a.example", US, RELAY)
    };
    let stripped = Stored {
        hops: Arc::new(vec![
            hop(RELAY, "mail.coincheck.com", "gw.coincheck.com"),
            hop("10.0.0.1", "ws", "mx2.sender.example"),
        ]),
        ..own_line.clone()
    };
    let bare = mail(7200 + 2 * 3600, "bob@a.example", US, RELAY);
    let exposure = gathered(&tokyo, &[own_line, stripped, bare], &[]);
    let hours: Vec<_> = exposure.hours.iter().map(|hour| (hour.begins.minute(), hour.relayed())).collect();
    let expected = [("10:00", 0), ("11:00", 2), ("12:00", 0), ("13:00", 1), ("14:00", 0)];
    assert_eq!(hours, expected.map(|(hour, count)| (format!("1970-01-01 {hour}"), count)));
    let names: Vec<_> = exposure.path.handed_by.first.iter().map(|counted| counted.name.as_str()).collect();
    assert_eq!((names, exposure.path.handed_by_unknown), (vec!["mx1.sender.example", "mx2.sender.example"], 1));
    assert_eq!((exposure.path.tls.clear, exposure.path.borders.messages()), (3, 3));
}

#[test]
fn mail_by_other_ways_is_no_row() {
    let query = query();
    let mut gathering = Gathering::new(&query);
    assert!(gathering.relayed(&mail(1500, "ann@a.example", US, "203.0.113.9")).is_none());
    assert!(gathering.relayed(&stored(1500)).is_none());
    let exposure = gathering.finish(Timestamp::from_second(10_000).unwrap(), &evidence::Coverage::default());
    assert_eq!(exposure.recorded, Counts::default());
    assert!(exposure.warnings[0].starts_with("The store is empty"), "{:?}", exposure.warnings);
}
