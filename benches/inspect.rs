//! What a message costs from its header section to its verdict, against what mail-parser takes to read the same bytes.
//!
//! `cargo bench --bench inspect` prints both; docs/performance.md quotes the ratio.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation fails the test")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mail_parser::MessageParser;
use relaywatch::{
    config,
    inspect::inspect_offline,
    message::{HeaderSection, RawMessage},
};

const MAIL: &[u8] = include_bytes!("data/five-hops.eml");

const CONFIG: &[u8] = include_bytes!("data/gateway.toml");

fn benches(criterion: &mut Criterion) {
    let policy = config::from_text("gateway.toml", CONFIG, &|_| unreachable!())
        .expect("the bench's configuration is valid")
        .policy;
    let mut group = criterion.benchmark_group("five-hop message");
    group.throughput(Throughput::Elements(1));
    group.bench_function("mail-parser parse_headers", |bencher| {
        let parser = MessageParser::new();
        bencher.iter(|| parser.parse_headers(black_box(MAIL)));
    });
    group.bench_function("relaywatch header section + inspect", |bencher| {
        bencher.iter(|| {
            let message =
                RawMessage { headers: HeaderSection::read(black_box(MAIL), MAIL.len()), ..RawMessage::default() };
            black_box(inspect_offline(&message, &policy).verdict.level)
        });
    });
    group.bench_function("relaywatch inspect", |bencher| {
        let message = RawMessage { headers: HeaderSection::read(MAIL, MAIL.len()), ..RawMessage::default() };
        bencher.iter(|| inspect_offline(black_box(&message), &policy));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
