//! `relaywatch report`: who wrote through a relay, out of the evidence store.

mod files;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{Error, Screen, Status, policy::load_or_default, store::StoreArgs, wanted};
use crate::{
    clock::{Clock, SystemClock, Timestamp},
    exposure::{self, Exposure, Query, Zone, page, parse_length, parse_time, people, write_text},
    text::printable,
    view::json,
};

/// Count who was exposed: who wrote through a relay, from when to when
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  relaywatch report --indicator 45.77.24.250 --time-zone Asia/Tokyo \\
      --changed-at 2020-05-31T00:05 --fixed-at 2020-06-01T20:52 --ns-ttl 360000
                                               coincheck.com in 2020
  relaywatch report --indicator 45.77.24.250 --indicator mail.coincheck.com \\
      --changed-at 2020-05-31T00:05+09:00 --fixed-at 2020-06-01T20:52+09:00 --output exposure
                                               everything, into a new folder, with hashes
  relaywatch report --indicator 45.77.24.250 --format csv \\
      --changed-at 2020-05-30T15:05Z --fixed-at 2020-06-01T11:52Z > affected.csv
                                               the people alone

docs/exposure-report.md says what each number means, and what no report can know.

Exit codes:
  0  the report was made, and no mail is known to have come through the relay
  1  the report was made, and some did, or is said to have done so by lines that others wrote
  2  it could not be made")]
pub(super) struct Args {
    /// The relay: an address, a network, a name (with all names below it), `host:NAME` (that name alone), or the path of an indicator list;
    /// may be given several times
    #[arg(long, value_name = "X", required = true)]
    indicator: Vec<String>,
    /// When the delegation was changed: `2020-05-31T00:05:00+09:00`, or `2020-05-31T00:05` with --time-zone
    #[arg(long, value_name = "TIME")]
    changed_at: String,
    /// When it was put right; while it is not, the present
    #[arg(long, value_name = "TIME")]
    fixed_at: String,
    /// How long a resolver may have held the false delegation after that: the TTL of its NS records, in seconds or as `100h`. The false name
    /// server's own answer states it (`dig +norecurse NS victim.example @NAMESERVER`), and so does the registry's
    #[arg(long, value_name = "TTL", default_value = "2d", value_parser = length, allow_hyphen_values = true)]
    ns_ttl: Length,
    /// How long before the change mail may have been written that was delivered after it
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = length, allow_hyphen_values = true)]
    pre_window: Length,
    /// The zone of all times in the report, by its IANA name such as `Asia/Tokyo` [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// How the report is written to the standard output; csv is the people whose mail it was
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// Write the report in all formats, the messages and a manifest with hashes into a new folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with = "format")]
    output: Option<PathBuf>,
    /// Name the people in the text and on the page as well; csv and json always do
    #[arg(long)]
    list_people: bool,
    /// The configuration file, which says where the store is [default: /etc/relaywatch/relaywatch.toml if it is there, else embedded
    /// defaults]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Format {
    #[default]
    Text,
    Csv,
    Json,
    Html,
}

/// A length of time, and how it was typed.
#[derive(Debug, Clone)]
struct Length {
    typed: String,
    seconds: i64,
}

fn length(typed: &str) -> Result<Length, String> {
    Ok(Length { typed: typed.to_owned(), seconds: parse_length(typed)? })
}

impl Args {
    pub(super) fn run(self, screen: &mut Screen<'_>) -> Result<Status, Error> {
        let now = SystemClock.now();
        let query = self.query(now, screen.style.color)?;
        let (config, _) = load_or_default(self.config.as_deref(), screen.style.color)?;
        let store = self.store.path(&config);
        let reader = super::store::open(&store, screen)?;
        let exposure = match &self.output {
            Some(folder) => {
                let order = files::Order { folder, query: &query, typed: self.typed(&store), people: self.list_people };
                let (exposure, sealed) = files::write(&order, &reader, now)?;
                files::tell(screen, &exposure, folder, &sealed)?;
                exposure
            }
            None => {
                let exposure = exposure::ask(&reader, &query, now, &mut |_| Ok(()))?;
                match self.format {
                    Format::Text => write_text(screen.out, &exposure, self.list_people, &screen.style)?,
                    Format::Csv => people(screen.out, &exposure)?,
                    Format::Json => writeln!(screen.out, "{}", json::pretty(&exposure)?)?,
                    Format::Html => screen.out.write_all(page(&exposure, self.list_people).as_bytes())?,
                }
                exposure
            }
        };
        Ok(if has_crossed(&exposure) { Status::Found } else { Status::Done })
    }

    fn query(&self, now: Timestamp, color: bool) -> Result<Query, Error> {
        let refuse = |option: &str, reason: String| Error::Usage(format!("{option}: {reason}"));
        let wanted = wanted::read(&self.indicator, color)?;
        let asked = self.time_zone.as_deref().map(Zone::named).transpose();
        let asked = asked.map_err(|error| refuse("--time-zone", error.to_string()))?;
        let time =
            |option, text: &str| parse_time(text, asked.as_ref()).map_err(|error| refuse(option, error.to_string()));
        let query = Query {
            wanted,
            asked: self.indicator.iter().map(|typed| printable(typed, 500)).collect(),
            changed: time("--changed-at", &self.changed_at)?,
            fixed: time("--fixed-at", &self.fixed_at)?,
            ns_ttl: self.ns_ttl.seconds,
            pre_window: self.pre_window.seconds,
            zone: asked.unwrap_or_default(),
        };
        query.check(now).map_err(|error| Error::Usage(error.to_string()))?;
        Ok(query)
    }

    /// The question as it was typed, with what goes without saying.
    fn typed(&self, store: &Path) -> Vec<String> {
        let mut typed: Vec<String> =
            self.indicator.iter().map(|indicator| format!("--indicator={indicator}")).collect();
        typed.push(format!("--changed-at={}", self.changed_at));
        typed.push(format!("--fixed-at={}", self.fixed_at));
        typed.push(format!("--ns-ttl={}", self.ns_ttl.typed));
        typed.push(format!("--pre-window={}", self.pre_window.typed));
        typed.push(format!("--time-zone={}", self.time_zone.as_deref().unwrap_or("UTC")));
        typed.push(format!("--store={}", store.to_string_lossy()));
        if self.list_people {
            typed.push("--list-people".to_owned());
        }
        typed
    }
}

/// Whether any mail came through the relay, or is said to have done so, at whatever time.
fn has_crossed(exposure: &Exposure) -> bool {
    let outside = &exposure.outside;
    let counts = [&exposure.recorded, &exposure.claimed, &outside.earlier, &outside.later, &outside.claimed];
    counts.iter().any(|counts| counts.messages + counts.refused > 0)
}
