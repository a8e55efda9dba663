//! Plain lists: one address or network a line, as netset files and drop lists are published.
//!
//! Takes the text, gives each network with its line. `#` and `;` begin a comment anywhere; CRLF is fine.

use ipnetwork::IpNetwork;

use crate::{
    net::parse_network,
    problem::{Problem, Source},
    text::printable,
};

/// How many bad lines of a list are shown; a web page saved as a list has thousands.
const SHOWN: usize = 5;

/// Reads a plain list; bad lines are added to `problems`.
pub fn read(source: &Source<'_>, problems: &mut Vec<Problem>) -> Vec<(u32, IpNetwork)> {
    let mut networks = Vec::new();
    let mut bad = 0;
    let mut number = 0u32;
    let mut offset = 0;
    for line in source.text.split_inclusive('\n') {
        number = number.saturating_add(1);
        let begin = offset;
        offset += line.len();
        let entry = line.split(['#', ';']).next().unwrap_or_default();
        let entry = if number == 1 { entry.trim_start_matches('\u{feff}') } else { entry };
        let entry = entry.trim();
        if entry.is_empty() {
            continue;
        }
        match parse_network(entry) {
            Ok(network) if network.prefix() > 0 => networks.push((number, network)),
            refused => {
                bad += 1;
                if bad <= SHOWN {
                    let start = begin + line.find(entry).unwrap_or(0);
                    let message = match refused {
                        Ok(network) => format!("`{network}` holds every address there is"),
                        Err(error) => error.to_string(),
                    };
                    let problem = source.error(start..start + entry.len(), message);
                    problems.push(problem.expected("expected one address or network a line"));
                }
            }
        }
    }
    if bad > SHOWN {
        let message = format!("`{}` has {} more lines that are no network", printable(source.name, 200), bad - SHOWN);
        problems.push(Problem::error(message));
    }
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Vec<(u32, String)>, Vec<String>) {
        let mut problems = Vec::new();
        let networks = read(&Source { name: "drop.netset", text }, &mut problems);
        let networks = networks.into_iter().map(|(line, network)| (line, network.to_string())).collect();
        (networks, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn comments_blank_lines_and_crlf_are_fine() {
        let (networks, problems) =
            read_text("\u{feff}# c\r\n\r\n192.0.2.0/24 ; SBL1\r\n 2001:db8::1 # one\n198.51.100.7");
        assert_eq!(problems, Vec::<String>::new());
        let expected = [(3, "192.0.2.0/24"), (4, "2001:db8::1/128"), (5, "198.51.100.7/32")];
        assert_eq!(networks, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn bad_lines_are_named_and_counted() {
        let (networks, problems) = read_text(&format!("192.0.2.1\n{}", "<html>\n".repeat(15)));
        assert_eq!(networks.len(), 1);
        assert_eq!(problems.len(), 6);
        assert!(problems[0].starts_with("drop.netset:2:1: `<html>` is not a network"), "{}", problems[0]);
        assert_eq!(problems[5], "`drop.netset` has 10 more lines that are no network");
    }
}
