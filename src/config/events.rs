//! Where events go: `[events]`.

use super::{
    address::{AddressError, tcp, unix},
    take::{Take, expected},
    written::{self, Text},
};
use crate::{
    events::{Destination, Settings},
    finding::Severity,
    text::printable,
};

const OFF: &str = "off";

pub(super) fn decide(take: &mut Take<'_>, written: &written::Events) -> Settings {
    let default = Settings::default();
    let max_size = usize::try_from(default.max_size).unwrap_or(usize::MAX);
    Settings {
        file: written.file.as_ref().and_then(|text| file(take, text)),
        max_size: take.size("events.max_size", written.max_size.as_ref(), max_size) as u64,
        keep: written.keep.as_ref().map_or(default.keep, |keep| *keep.get_ref()),
        syslog: written.syslog.as_ref().and_then(|text| syslog(take, text)),
        level: take.word("events.level", written.level.as_ref(), &Severity::ALL, Severity::as_str, default.level),
    }
}

fn file(take: &mut Take<'_>, text: &Text) -> Option<std::path::PathBuf> {
    let path = text.get_ref().as_str();
    if path == OFF {
        return None;
    }
    let is_file = path.starts_with('/') && !path.ends_with('/') && !path.ends_with("/..") && !path.contains('\0');
    if !is_file {
        let message = format!("`{}` is no absolute path to a file", printable(path, 120));
        take.errors.push(take.source.error(text.span(), message).expected(expected("events.file")));
    }
    is_file.then(|| path.into())
}

fn syslog(take: &mut Take<'_>, text: &Text) -> Option<Destination> {
    let to = text.get_ref().as_str();
    if to == OFF {
        return None;
    }
    let read = match to.split_once(':') {
        Some(("unix", path)) => unix(path).map(Destination::Unix),
        Some(("udp", address)) => tcp(address).map(Destination::Udp),
        Some(("tcp", address)) => tcp(address).map(Destination::Tcp),
        _ => Err(AddressError::Scheme),
    };
    match read {
        Ok(to) => Some(to),
        Err(error) => {
            let error = match error {
                AddressError::Scheme => "it does not begin with `unix:`, `udp:` or `tcp:`".to_owned(),
                error => error.to_string(),
            };
            let message = format!("`{}` is no syslog receiver: {error}", printable(to, 120));
            take.errors.push(take.source.error(text.span(), message).expected(expected("events.syslog")));
            None
        }
    }
}
