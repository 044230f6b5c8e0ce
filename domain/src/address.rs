//! The address guard: which addresses may be dialled on a user's behalf.
//!
//! Special-purpose ranges (the IANA registries of RFC 6890 and their later entries) are refused unless the operator
//! allows them, so that a monitor cannot be used to look around inside the network it runs in. The guard judges
//! addresses, never names, and is asked about the address that is really dialled, at every hop.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// Special-purpose IPv4 ranges (<https://www.iana.org/assignments/iana-ipv4-special-registry>), multicast and reserved.
const SPECIAL_V4: [Ipv4Net; 15] = [
    v4(0, 0, 0, 0, 8),       // this network
    v4(10, 0, 0, 0, 8),      // private
    v4(100, 64, 0, 0, 10),   // shared by carriers
    v4(127, 0, 0, 0, 8),     // loopback
    v4(169, 254, 0, 0, 16),  // link-local, and cloud metadata
    v4(172, 16, 0, 0, 12),   // private
    v4(192, 0, 0, 0, 24),    // protocol assignments
    v4(192, 0, 2, 0, 24),    // documentation
    v4(192, 88, 99, 0, 24),  // former 6to4 relays
    v4(192, 168, 0, 0, 16),  // private
    v4(198, 18, 0, 0, 15),   // benchmarking
    v4(198, 51, 100, 0, 24), // documentation
    v4(203, 0, 113, 0, 24),  // documentation
    v4(224, 0, 0, 0, 4),     // multicast
    v4(240, 0, 0, 0, 4),     // reserved, and broadcast
];

/// Special-purpose IPv6 ranges inside global unicast (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
const SPECIAL_V6: [Ipv6Net; 3] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),     // protocol assignments, Teredo, ORCHID
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),     // documentation
];

/// The only IPv6 range from which global unicast addresses are assigned (RFC 4291, section 2.4).
const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);
/// 6to4 (RFC 3056): the IPv4 address sits in the two segments after the first.
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16);
/// NAT64 (RFC 6052): the IPv4 address sits in the last two segments.
const NAT64: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);

/// Decides which addresses may be dialled for a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressGuard {
    allowed: Vec<IpNet>,
}

impl AddressGuard {
    /// A guard that lets through, beside the open Internet, the given networks.
    pub fn allowing(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allowed: networks.into_iter().collect() }
    }

    /// A guard that lets everything through: for those who watch their own network.
    pub fn allowing_all() -> Self {
        Self::allowing([IpNet::V4(v4(0, 0, 0, 0, 0)), IpNet::V6(v6([0; 8], 0))])
    }

    /// Whether the address may be dialled. An IPv4 address in the dress of IPv6 is judged as what it reaches.
    pub fn permits(&self, address: IpAddr) -> bool {
        let reached = reached(address);
        let allowed = |candidate: IpAddr| self.allowed.iter().any(|network| network.contains(&candidate));
        allowed(reached) || allowed(address) || !is_special(reached)
    }
}

/// The address that a packet to this one ends up at.
fn reached(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [_, b, c, .., g, h] = v6.segments();
            let embedded = |high: u16, low: u16| {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            };
            if let Some(mapped) = v6.to_ipv4_mapped() {
                IpAddr::V4(mapped)
            } else if NAT64.contains(&v6) {
                embedded(g, h)
            } else if SIX_TO_FOUR.contains(&v6) {
                embedded(b, c)
            } else {
                address
            }
        }
    }
}

fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => SPECIAL_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => !GLOBAL_UNICAST_V6.contains(&v6) || SPECIAL_V6.iter().any(|network| network.contains(&v6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(guard: &AddressGuard, address: &str) -> bool {
        guard.permits(address.parse().unwrap())
    }

    #[test]
    fn the_open_internet_may_be_dialled() {
        let guard = AddressGuard::default();
        for address in
            ["1.1.1.1", "93.184.216.34", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
        {
            assert!(permits(&guard, address), "{address}");
        }
    }

    #[test]
    fn special_ranges_may_not_in_whatever_dress() {
        let guard = AddressGuard::default();
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!permits(&guard, address), "{address}");
        }
    }

    #[test]
    fn the_operator_opens_what_they_name_and_no_more() {
        let guard = AddressGuard::allowing(["127.0.0.0/8".parse().unwrap()]);
        assert!(permits(&guard, "127.0.0.1"));
        assert!(permits(&guard, "::ffff:127.0.0.1"));
        assert!(!permits(&guard, "10.0.0.1"));
        assert!(!permits(&guard, "::1"));
        assert!(permits(&AddressGuard::allowing_all(), "fe80::1"));
    }
}
