//! What is put around packets, in the words of `ip`: `encap vxlan id 100 rmac 02:00:00:00:00:01`, `encap mpls 100/200`.

use super::convert::{mac_bytes, mac_text};
use super::words::{WordError, Words, parse, unknown};
use ferroute_dataplane::mac::Mac;
use ferroute_proto::v1;
use ferroute_proto::v1::encap::Kind;

/// What may follow `encap`, for messages.
const KNOWN: &str = "vxlan, mpls, mpls-udp, ip, gue";

/// Reads what follows `encap`.
pub(super) fn encap<'a, I: Iterator<Item = &'a str>>(
    words: &mut Words<'a, I>,
) -> Result<v1::Encap, WordError> {
    let kind = match words.required("the kind of the encapsulation")? {
        "vxlan" => Kind::Vxlan(vxlan(words)?),
        "mpls" => Kind::Mpls(labels(words)?),
        "mpls-udp" => Kind::MplsUdp(labels(words)?),
        "ip" => Kind::Ipip(v1::IpIpEncap {}),
        "gue" => Kind::Gue(v1::GueEncap {}),
        other => return Err(unknown(other, KNOWN)),
    };
    let endpoint = if words.take("endpoint") {
        words.text("endpoint")?
    } else {
        String::new()
    };
    Ok(v1::Encap {
        endpoint,
        kind: Some(kind),
    })
}

fn vxlan<'a, I: Iterator<Item = &'a str>>(
    words: &mut Words<'a, I>,
) -> Result<v1::VxlanEncap, WordError> {
    let (mut vni, mut router_mac) = (None, None);
    while vni.is_none() || router_mac.is_none() {
        if words.take("id") {
            vni = Some(words.value("id", "VNI")?);
        } else if words.take("rmac") {
            router_mac = Some(words.value::<Mac>("rmac", "Ethernet address")?);
        } else {
            return Err(WordError::Missing(if vni.is_none() {
                "the VNI, `id N`,"
            } else {
                "the remote end's router MAC, `rmac MAC`,"
            }));
        }
    }
    Ok(v1::VxlanEncap {
        vni: vni.unwrap_or_default(),
        router_mac: router_mac.map(mac_bytes).unwrap_or_default(),
    })
}

/// Labels with slashes between them, the outermost first.
fn labels<'a, I: Iterator<Item = &'a str>>(
    words: &mut Words<'a, I>,
) -> Result<v1::LabelEncap, WordError> {
    let text = words.required("a label")?;
    let labels = text.split('/').map(|label| parse(label, "label"));
    Ok(v1::LabelEncap {
        labels: labels.collect::<Result<_, _>>()?,
    })
}

/// An encapsulation in the words by which it is given.
pub(super) fn text(encap: &v1::Encap) -> String {
    let stack = |labels: &v1::LabelEncap| {
        let labels: Vec<_> = labels.labels.iter().map(u32::to_string).collect();
        labels.join("/")
    };
    let mut text = match &encap.kind {
        Some(Kind::Vxlan(vxlan)) if vxlan.router_mac.is_empty() => {
            format!("encap vxlan id {}", vxlan.vni)
        }
        Some(Kind::Vxlan(vxlan)) => {
            let mac = mac_text(&vxlan.router_mac);
            format!("encap vxlan id {} rmac {mac}", vxlan.vni)
        }
        Some(Kind::Mpls(labels)) => format!("encap mpls {}", stack(labels)),
        Some(Kind::MplsUdp(labels)) => format!("encap mpls-udp {}", stack(labels)),
        Some(Kind::Ipip(_)) => "encap ip".to_owned(),
        Some(Kind::Gue(_)) => "encap gue".to_owned(),
        None => "encap unknown".to_owned(),
    };
    if !matches!(encap.endpoint.as_str(), "" | "default") {
        text.push_str(&format!(" endpoint {}", encap.endpoint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encapsulations_are_read_and_written_in_the_same_words() {
        for line in [
            "encap vxlan id 100 rmac 02:00:00:00:00:01",
            "encap vxlan id 0 rmac 02:00:00:00:00:01 endpoint fabric",
            "encap mpls 100/200",
            "encap mpls-udp 16 endpoint other",
            "encap ip",
            "encap gue",
        ] {
            let mut words = Words::new(line.split(' ').skip(1));
            let read = encap(&mut words).unwrap();
            assert_eq!(text(&read), line);
            assert_eq!(words.next(), None);
        }
        for bad in [
            "",
            "vxlan",
            "vxlan id 5",
            "vxlan rmac 02:00:00:00:00:01",
            "mpls",
            "mpls 1/x",
            "gre",
        ] {
            let mut words = Words::new(bad.split_whitespace());
            assert!(encap(&mut words).is_err(), "{bad}");
        }
    }
}
