//! What the user typed to look for.
//!
//! Takes the arguments, reads the lists among them, gives what is looked for. An argument that is none of what it could be
//! is refused with what was expected: a hunt that silently looks for nothing would answer that nobody was affected.

use std::{fs, path::Path};

use toml::Spanned;

use crate::{
    cli::{Error, Screen},
    hunt::Wanted,
    names::Domain,
    net::{parse_literal, parse_network},
    problem::{Problem, Source},
    rules::indicators::{Value, described, plain},
    text::printable,
};

const LISTS: [&str; 3] = ["toml", "netset", "txt"];

/// Reads every argument.
pub(super) fn read(arguments: &[String], screen: &Screen<'_>) -> Result<Wanted, Error> {
    let mut wanted = Wanted::new();
    for argument in arguments {
        let path = Path::new(argument);
        if is_list(path) {
            list(path, &mut wanted, screen.style.color)?;
        } else {
            let value = value(argument).map_err(|reason| Error::Usage(format!("cannot look for {reason}")))?;
            wanted.add(argument, value);
        }
    }
    if wanted.is_empty() {
        return Err(Error::Usage("there is nothing to look for: the lists are empty".to_owned()));
    }
    Ok(wanted)
}

fn is_list(path: &Path) -> bool {
    let named = path.extension().is_some_and(|extension| LISTS.iter().any(|known| extension == *known));
    named || (path.components().count() > 1 && path.is_file())
}

fn list(path: &Path, wanted: &mut Wanted, color: bool) -> Result<(), Error> {
    let name = path.display().to_string();
    let shown = printable(&name, 200);
    let fail = |reason: String| Error::Input { path: shown.clone(), reason };
    let bytes = fs::read(path).map_err(|error| fail(error.to_string()))?;
    let mut problems = Vec::new();
    if path.extension().is_some_and(|extension| extension == "toml") {
        let text = str::from_utf8(&bytes).map_err(|_| fail("it is not UTF-8".to_owned()))?;
        for indicator in described::read(&Source { name: &shown, text }, &mut problems) {
            wanted.add_described(Spanned::into_inner(indicator));
        }
    } else {
        let text = String::from_utf8_lossy(&bytes);
        let networks = plain::read(&Source { name: &shown, text: &text }, &mut problems);
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        wanted.add_plain(&name, networks);
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::Config(problems.iter().map(|problem: &Problem| problem.render(color)).collect::<Vec<_>>().join("\n")))
}

/// An address, a network or a name; else why it is none, as what follows "cannot look for".
fn value(text: &str) -> Result<Value, String> {
    let shown = printable(text, 80);
    if let Some(name) = text.strip_prefix("host:") {
        return Domain::parse(name).map(Value::Host).map_err(|error| format!("`{shown}`: {error}"));
    }
    if let Some(ip) = parse_literal(text) {
        return Ok(Value::Network(ip.into()));
    }
    if text.contains('/') {
        return match parse_network(text) {
            Ok(network) if network.prefix() > 0 => Ok(Value::Network(network)),
            Ok(_) => Err(format!("`{shown}`: every address there is lies in it")),
            Err(error) => Err(format!("{error}; and there is no file of that name")),
        };
    }
    let domain = Domain::parse(text).map_err(|error| {
        format!("{error}; expected an address, a network, a name, `host:NAME`, or the path of a list")
    })?;
    if domain.is_public_suffix() || !domain.as_str().contains('.') {
        return Err(format!(
            "`{shown}`: anyone may have a name below it; write `host:{shown}` for a host of exactly that name"
        ));
    }
    // `45.77.24` and `45.77.24.2500` are no names, though DNS would have them: a slip must not look for nothing.
    if domain.as_str().rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!("`{shown}`: it is neither an address nor a name"));
    }
    Ok(Value::Domain(domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_networks_and_names_are_told_apart() {
        let read = |text: &str| match value(text).unwrap() {
            Value::Network(network) => format!("network {network}"),
            Value::Host(name) => format!("host {name}"),
            Value::Domain(name) => format!("domain {name}"),
        };
        for (text, expected) in [
            ("45.77.24.250", "network 45.77.24.250/32"),
            ("[IPv6:2001:DB8::1]", "network 2001:db8::1/128"),
            ("::ffff:192.0.2.1", "network 192.0.2.1/32"),
            ("203.0.113.0/24", "network 203.0.113.0/24"),
            ("2001:db8::/32", "network 2001:db8::/32"),
            ("Bad.Example.", "domain bad.example"),
            ("host:localhost", "host localhost"),
            ("bücher.example", "domain xn--bcher-kva.example"),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_none_of_these_is_refused_with_its_reason() {
        for (text, reason) in [
            ("45.77.24", "neither an address nor a name"),
            ("45.77.24.2500", "neither an address nor a name"),
            ("192.0.2.7/24", "bits are set behind the prefix"),
            ("192.0.2.0/33", "no file of that name"),
            ("0.0.0.0/0", "every address"),
            ("no/such/list", "no file of that name"),
            ("co.jp", "anyone may have a name below it"),
            ("localhost", "write `host:localhost`"),
            ("bob@victim.example", "expected an address"),
            ("", "expected an address"),
            ("host:", "it is empty"),
            ("host:192.0.2.1", "it is an address"),
        ] {
            let refused = value(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }
}
