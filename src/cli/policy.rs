//! Where the commands that read files take the policy from.

use std::path::{Path, PathBuf};

use ipnetwork::IpNetwork;

use super::{Error, answers::DnsArgs};
use crate::{
    config::{self, Config},
    ingest::files::Reading,
    names::Domain,
    net::parse_network,
    policy::DkimSource,
};

/// The file that is read when none is named.
pub(super) const SYSTEM_FILE: &str = "/etc/relaywatch/relaywatch.toml";

#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "What is ours")]
pub(super) struct PolicyArgs {
    /// The configuration file [default: /etc/relaywatch/relaywatch.toml if it is there, else embedded defaults]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A network of ours, beside the configured ones; may be given several times
    #[arg(long, value_name = "CIDR", value_parser = parse_network)]
    our_network: Vec<IpNetwork>,
    /// A domain of ours, beside the configured ones; may be given several times
    #[arg(long, value_name = "DOMAIN", value_parser = Domain::parse)]
    our_domain: Vec<Domain>,
}

impl PolicyArgs {
    /// The configuration that the arguments amount to.
    pub(super) fn config(self, color: bool) -> Result<Config, Error> {
        let (mut config, _) = load_or_default(self.config.as_deref(), color)?;
        config.policy.topology.networks.extend(self.our_network);
        config.policy.topology.domains.extend(self.our_domain);
        Ok(config)
    }
}

/// How files are read: bodies only where signatures are verified.
pub(super) fn reading(config: &Config, dns: &DnsArgs) -> Reading {
    let authentication = &config.policy.authentication;
    let verifies = dns.asks() && authentication.dkim == DkimSource::Verify;
    Reading {
        max_header_bytes: config.milter.max_header_bytes,
        max_body_bytes: if verifies { authentication.max_body_bytes } else { 0 },
        ..Reading::default()
    }
}

/// Reads a configuration file.
pub(super) fn load(file: &Path, color: bool) -> Result<Config, Error> {
    config::load(file).map_err(|error| Error::Config(error.render(color)))
}

/// Reads the named file, else the system's if it is there, else takes the embedded defaults; and says which file it was.
pub(super) fn load_or_default(named: Option<&Path>, color: bool) -> Result<(Config, Option<PathBuf>), Error> {
    let system = Path::new(SYSTEM_FILE);
    match named {
        Some(file) => Ok((load(file, color)?, Some(file.to_owned()))),
        None if system.exists() => Ok((load(system, color)?, Some(system.to_owned()))),
        None => Ok((config::defaults(), None)),
    }
}
