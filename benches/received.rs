//! What reading a trace costs: a mail of five hops, against mail-parser's header parser, and single fields of all kinds,
//! against its parser of `Received`; the same bytes in the same run.
//!
//! The fields are the labelled ones of `tests/received`. `RECEIVED_SHAPES=FILE` takes others: gzip, a line each, `count<TAB>value`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a broken expectation fails the bench")]

use std::{env, fs, hint::black_box, io::Read as _, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mail_parser::parsers::MessageStream;
use relaywatch::{
    message::{HeaderSection, RawMessage},
    trace::{Trace, read_received},
};

const FIVE_HOPS: &[u8] = b"Received: from mx1.sender.example (mx1.sender.example [192.0.2.10])\r\n\
\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\r\n\
\tkey-exchange X25519 server-signature RSA-PSS (4096 bits) server-digest SHA256)\r\n\
\t(No client certificate requested)\r\n\
\tby mail.victim.example (Postfix) with ESMTPS id 4XyZ123abc\r\n\
\tfor <bob@victim.example>; Mon,  3 Nov 2025 10:00:05 +0100 (CET)\r\n\
Received: from relay.sender.example ([198.51.100.20]:33996 helo=out.sender.example)\r\n\
\tby mx1.sender.example with esmtps  (TLS1.3) tls TLS_AES_256_GCM_SHA384\r\n\
\t(Exim 4.98) (envelope-from <a@sender.example>)\r\n\
\tid 1tE6ty-0000000ERvE-1o26 for bob@victim.example; Mon, 03 Nov 2025 09:00:04 +0000\r\n\
Received: from EX01.sender.example (2001:db8:600:21c::9) by\r\n\
\tEX02.sender.example (2001:db8:800:1e::42) with Microsoft SMTP Server\r\n\
\t(version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384) id\r\n\
\t15.20.9564.16 via Frontend Transport; Mon, 3 Nov 2025 09:00:03 +0000\r\n\
Received: from laptop (host-7.isp.example [203.0.113.7]) by smtp.sender.example\r\n\
\t(8.18.1/8.18.1) with ESMTPSA id 5A3902ab012345 (version=TLSv1.3\r\n\
\tcipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO); Mon, 3 Nov 2025 09:00:02 GMT\r\n\
Received: (qmail 21084 invoked by uid 1000); 3 Nov 2025 09:00:01 -0000\r\n\
From: a@sender.example\r\n\
To: bob@victim.example\r\n\
Subject: hello\r\n\
Date: Mon, 3 Nov 2025 09:00:00 +0000\r\n\
Message-ID: <1@sender.example>\r\n\
\r\n";

/// The values of fields, each with the line end that mail-parser looks for.
fn fields() -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    if let Some(file) = env::var_os("RECEIVED_SHAPES") {
        let mut text = Vec::new();
        flate2::read::MultiGzDecoder::new(fs::File::open(file).unwrap()).read_to_end(&mut text).unwrap();
        let lines = text.split(|byte| *byte == b'\n');
        values.extend(lines.filter_map(|line| line.splitn(2, |byte| *byte == b'\t').nth(1).map(<[u8]>::to_vec)));
    } else {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/received");
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let text = fs::read_to_string(path).unwrap();
                let value = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
                values.extend(text.lines().map(|line| value(line)["received"].as_str().unwrap().as_bytes().to_vec()));
            }
        }
    }
    assert!(values.len() > 700, "only {} fields", values.len());
    values.iter_mut().for_each(|value| value.extend_from_slice(b"\r\n"));
    values
}

fn benches(criterion: &mut Criterion) {
    let message = RawMessage { headers: HeaderSection::read(FIVE_HOPS, usize::MAX), ..RawMessage::default() };
    let trace = Trace::read(&message);
    assert_eq!(trace.hops.len(), 5);
    assert!(trace.hops.iter().all(|hop| hop.received.time.is_some()));

    let mut group = criterion.benchmark_group("five hops");
    group.bench_function("Trace::read", |bench| bench.iter(|| Trace::read(black_box(&message))));
    group.bench_function("HeaderSection::read + Trace::read", |bench| {
        bench.iter(|| {
            let headers = HeaderSection::read(black_box(FIVE_HOPS), usize::MAX);
            let message = RawMessage { headers, ..RawMessage::default() };
            black_box(Trace::read(&message).hops.len())
        });
    });
    let parser = mail_parser::MessageParser::new();
    group.bench_function("mail_parser::parse_headers", |bench| {
        bench.iter(|| parser.parse_headers(black_box(FIVE_HOPS)))
    });
    group.finish();

    let fields = fields();
    let mut group = criterion.benchmark_group("a field of any kind");
    let bytes: usize = fields.iter().map(Vec::len).sum();
    group.throughput(Throughput::Bytes((bytes / fields.len()) as u64));
    group.bench_function("mail_parser::parse_received", |bench| {
        let mut next = fields.iter().cycle();
        bench.iter(|| MessageStream::new(black_box(next.next().unwrap())).parse_received());
    });
    group.bench_function("read_received", |bench| {
        let mut next = fields.iter().cycle();
        bench.iter(|| {
            let field = next.next().unwrap();
            black_box(read_received(black_box(field)));
        });
    });
    group.finish();

    let mut group = criterion.benchmark_group("one field");
    for (_, field) in message.headers.named("Received") {
        let value = field.unfolded().into_owned();
        let name = trace_name(&value);
        group.bench_function(name, |bench| bench.iter(|| read_received(black_box(&value))));
    }
    group.finish();
}

fn trace_name(value: &[u8]) -> &'static str {
    read_received(value).dialect.unwrap_or("unnamed")
}

criterion_group!(received, benches);
criterion_main!(received);
