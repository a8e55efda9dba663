//! What is kept of the mail, where and for how long: `[state]` and `[evidence]`.

use std::path::{Path, PathBuf};

use super::{
    lists::{self, Reader},
    take::{Take, expected},
    written::{self, Text, Written},
};
use crate::{
    evidence::{
        Durability, Settings,
        privacy::{HashKey, Privacy, Show},
    },
    text::printable,
};

/// What was decided, and the key's file, which is watched for changes.
pub(super) struct Evidence {
    pub(super) settings: Settings,
    pub(super) source: Option<PathBuf>,
}

pub(super) fn decide(take: &mut Take<'_>, written: &Written, read: Reader<'_>) -> Evidence {
    let default = Settings::default();
    let evidence = &written.evidence;
    let folder = written.state.folder.as_ref().and_then(|folder| absolute(take, "state.folder", folder));
    let source = evidence.key_file.as_ref().and_then(|file| absolute(take, "evidence.key_file", file));
    let key = match (&evidence.key_file, &source) {
        (Some(at), Some(path)) => key(take, at, path, read),
        _ => None,
    };
    let settings = Settings {
        on: evidence.enabled.unwrap_or(default.on),
        folder: folder.unwrap_or(default.folder),
        durability: take.word(
            "evidence.durability",
            evidence.durability.as_ref(),
            &Durability::ALL,
            Durability::as_str,
            default.durability,
        ),
        privacy: privacy(take, evidence, key),
        retention: take.duration("evidence.retention", evidence.retention.as_ref(), default.retention),
        max_size: take.size("evidence.max_size", evidence.max_size.as_ref(), 2 << 30) as u64,
        buffer: take.size("evidence.buffer", evidence.buffer.as_ref(), default.buffer),
    };
    Evidence { settings, source }
}

fn privacy(take: &mut Take<'_>, written: &written::Evidence, key: Option<HashKey>) -> Privacy {
    let default = Privacy::default();
    let mut show = |path: &str, field: &Option<Text>, usual: Show| {
        let show = take.word(path, field.as_ref(), &Show::ALL, Show::as_str, usual);
        if let Some(field) = field
            && show == Show::KeyedHash
            && written.key_file.is_none()
        {
            let problem = take.source.error(field.span(), format!("`{path}` is to be hashed, and there is no key"));
            let help =
                "make one with `openssl rand -out /etc/relaywatch/evidence.key 32`, and name it in `evidence.key_file`";
            take.errors.push(problem.expected("but `evidence.key_file` is not set").help(help));
        }
        show
    };
    Privacy {
        sender: show("evidence.sender", &written.sender, default.sender),
        recipients: show("evidence.recipients", &written.recipients, default.recipients),
        header_from: show("evidence.header_from", &written.header_from, default.header_from),
        message_id: show("evidence.message_id", &written.message_id, default.message_id),
        subject: show("evidence.subject", &written.subject, default.subject),
        key,
    }
}

/// The key in a file. What is in it is never said.
fn key(take: &mut Take<'_>, at: &Text, path: &Path, read: Reader<'_>) -> Option<HashKey> {
    let problem = match read(path) {
        Ok(bytes) => match HashKey::new(&bytes) {
            Some(key) => return Some(key),
            None => {
                let message = format!("the key has {} bytes", bytes.len());
                let expected = format!("expected at least {} random bytes", HashKey::LEAST_BYTES);
                take.source.error(at.span(), message).expected(expected)
            }
        },
        Err(error) => take.source.error(at.span(), "cannot read the key").help(lists::reason(&error)),
    };
    take.errors.push(problem);
    None
}

fn absolute(take: &mut Take<'_>, key: &str, written: &Text) -> Option<PathBuf> {
    let path = Path::new(written.get_ref());
    if path.is_absolute() {
        return Some(path.to_owned());
    }
    let message = format!("`{}` is no absolute path", printable(written.get_ref(), 120));
    take.errors.push(take.source.error(written.span(), message).expected(expected(key)));
    None
}
