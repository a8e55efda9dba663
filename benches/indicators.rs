//! Indicator lists of half a million networks: how long one takes to read, what memory it takes, and how fast an address is
//! found, with a loop over the same networks as the baseline.
//!
//! `cargo bench --bench indicators`; the memory is written first.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::{hint::black_box, io::Write as _, net::IpAddr, path::Path};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ipnetwork::IpNetwork;
use relaywatch::{config, problem::Source, rules::indicators::plain};

const NETWORKS: usize = 500_000;
const CONFIG: &[u8] =
    b"[topology]\nnetworks = [\"198.51.100.0/24\"]\n[[indicators.list]]\npath = \"/lists/drop.netset\"\n";

/// Numbers that are the same in every run.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 32).unwrap_or_default()
    }
}

/// A list as they are published: mostly single addresses and small networks, a tenth of it IPv6.
fn list() -> String {
    let mut random = Lcg(2020);
    let mut text = String::from("# half a million networks\n");
    for number in 0..NETWORKS {
        if number % 10 == 0 {
            let (a, b) = (random.next() >> 16, random.next() >> 16);
            text.push_str(&format!("2001:{a:x}:{b:x}::/48\n"));
        } else {
            let prefix = [32, 32, 32, 24, 28, 22][number % 6];
            let address = random.next() & (u32::MAX << (32 - prefix));
            text.push_str(&format!("{}/{prefix}\n", std::net::Ipv4Addr::from(address)));
        }
    }
    text
}

fn addresses() -> Vec<IpAddr> {
    let mut random = Lcg(7);
    (0..65_536).map(|_| IpAddr::from(std::net::Ipv4Addr::from(random.next()))).collect()
}

/// Resident memory in bytes, by /proc; nothing where there is no /proc.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn indicators(criterion: &mut Criterion) {
    let text = list();
    let read = |_: &Path| Ok(text.clone().into_bytes());
    let before = resident();
    let Ok(config) = config::from_text("bench", CONFIG, &read) else { return };
    let taken = resident().saturating_sub(before);
    let networks = config.policy.indicators.network_count();
    let _ = writeln!(
        std::io::stderr(),
        "{networks} networks from {} bytes of text: {:.1} MiB resident, {} bytes each",
        text.len(),
        taken as f64 / (1024.0 * 1024.0),
        taken / networks.max(1)
    );

    let mut group = criterion.benchmark_group("indicators");
    group.sample_size(10).throughput(Throughput::Elements(NETWORKS as u64));
    group.bench_function("read_500k", |bencher| {
        bencher.iter_batched(|| (), |()| config::from_text("bench", CONFIG, &read), BatchSize::PerIteration);
    });
    let source = Source { name: "bench", text: &text };
    group.bench_function("parse_500k_of_it", |bencher| bencher.iter(|| plain::read(&source, &mut Vec::new())));
    group.finish();

    let addresses = addresses();
    let mut next = addresses.iter().cycle().copied();
    let mut group = criterion.benchmark_group("indicator_lookup_in_500k");
    group.throughput(Throughput::Elements(1));
    group.bench_function("prefix_table", |bencher| {
        bencher.iter(|| {
            let ip = next.next();
            black_box(ip.and_then(|ip| config.policy.indicators.address(ip)).is_some())
        });
    });
    let all: Vec<IpNetwork> = plain::read(&source, &mut Vec::new()).into_iter().map(|(_, network)| network).collect();
    group.sample_size(10);
    group.bench_function("loop_as_baseline", |bencher| {
        bencher.iter(|| {
            let ip = next.next();
            black_box(ip.and_then(|ip| all.iter().find(|network| network.contains(ip))).is_some())
        });
    });
    group.finish();
}

criterion_group!(benches, indicators);
criterion_main!(benches);
