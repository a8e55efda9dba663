//! The way of the mail, as a drawing for a page.
//!
//! Takes the path, gives SVG: the senders' hosts, the relay between them and us, and the way that mail takes on other days. The list of the
//! same facts stands beside it on the page.

use maud::{Markup, html};

use super::{
    report::Exposure,
    top::Top,
    words::{many, number},
};

/// Characters of a name that fit into a box.
const FITS: usize = 27;

pub(super) fn drawing(exposure: &Exposure) -> Markup {
    let path = &exposure.path;
    let relayed = exposure.recorded.messages + exposure.recorded.refused;
    let normal = exposure.normal.messages;
    let tls = &path.tls;
    let how = match (tls.encrypted, tls.clear) {
        (0, 0) => String::new(),
        (_, 0) => "encrypted".to_owned(),
        (0, _) => "in clear".to_owned(),
        (encrypted, clear) => format!("{} encrypted, {} in clear", number(encrypted), number(clear)),
    };
    html! {
        svg viewBox="0 0 960 300" role="img" aria-labelledby="path-title path-text" {
            title id="path-title" { "The way of the mail" }
            desc id="path-text" {
                (many(relayed, "message")) " went from the senders' hosts to the relay " (name(&path.addresses)) " and from there to "
                (name(&path.borders)) ". " (many(normal, "message")) " went from the senders' hosts to " (name(&path.normal_borders)) " by other ways."
            }
            defs {
                marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" { path class="tip" d="M0 0L8 4L0 8z" {} }
                marker id="tip-relay" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" { path class="tip-relay" d="M0 0L8 4L0 8z" {} }
            }
            rect class="host" x="8" y="84" width="232" height="132" rx="6" {}
            text class="host-title" x="124" y="112" text-anchor="middle" { "Senders" }
            text class="host-line" x="124" y="136" text-anchor="middle" { (many(exposure.recorded.senders, "sender")) " by the relay" }
            text class="host-line" x="124" y="158" text-anchor="middle" { (hosts(&path.handed_by, path.handed_by_unknown)) }
            text class="host-line" x="124" y="192" text-anchor="middle" { (many(exposure.normal.senders, "sender")) " by other ways" }

            rect class="relay" x="364" y="14" width="232" height="112" rx="6" {}
            text class="host-title" x="480" y="40" text-anchor="middle" { "The relay" }
            text class="host-line" x="480" y="64" text-anchor="middle" { (name(&path.addresses)) }
            text class="host-line" x="480" y="86" text-anchor="middle" { (name(&path.names)) }
            text class="host-line" x="480" y="108" text-anchor="middle" { "calls itself " (short(&first(&path.helos), 18)) }

            rect class="host" x="720" y="84" width="232" height="132" rx="6" {}
            text class="host-title" x="836" y="112" text-anchor="middle" { "Our servers" }
            text class="host-line" x="836" y="136" text-anchor="middle" { (name(&path.borders)) }
            text class="host-line" x="836" y="158" text-anchor="middle" { (how) }
            text class="host-line" x="836" y="192" text-anchor="middle" { (many(exposure.recorded.recipients, "recipient")) " by the relay" }

            path class="way-relay" d="M240 112L358 74" marker-end="url(#tip-relay)" {}
            path class="way-relay" d="M596 74L714 112" marker-end="url(#tip-relay)" {}
            text class="count-relay" x="664" y="78" text-anchor="middle" { (number(relayed)) }

            path class="way" d="M240 190C400 250 560 250 714 190" marker-end="url(#tip)" {}
            text class="count" x="480" y="226" text-anchor="middle" { (number(normal)) }
            text class="way-label" x="480" y="262" text-anchor="middle" { "by other ways, from the change to the end of the tail" }
        }
    }
}

/// The first name, and how many others.
fn name(top: &Top) -> String {
    let rest = top.first.len().saturating_sub(1) + top.others_named.unwrap_or(0);
    let more = if top.others_named.is_none() && top.others > 0 { " and more".to_owned() } else { format!(" +{rest}") };
    let more = if rest == 0 && top.others == 0 { "" } else { &more };
    format!("{}{more}", short(&first(top), FITS - more.len()))
}

fn first(top: &Top) -> String {
    top.first.first().map_or_else(|| "name not recorded".to_owned(), |counted| counted.name.clone())
}

fn hosts(top: &Top, unknown: u64) -> String {
    let hosts = top.first.len() as u64 + top.others_named.unwrap_or(0) as u64;
    match (hosts, unknown) {
        (0, _) => "hosts not stated".to_owned(),
        (hosts, 0) => format!("from {}", many(hosts, "host")),
        (hosts, _) => format!("from {} at least", many(hosts, "host")),
    }
}

/// Printable, and the end of it where it does not fit: of a host name the end says whose it is.
fn short(text: &str, most: usize) -> String {
    crate::view::fit::keep_end(&crate::text::printable(text, 255), most)
}
