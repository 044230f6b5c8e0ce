//! How busy the connections of the store are: the saturation of what all nodes share. It is read when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// The connections of one pool at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// What they are for.
    pub purpose: &'static str,
    /// How many there may be.
    pub most: u32,
    /// How many are at work.
    pub in_use: u32,
    /// How many are open and wait for work.
    pub idle: u32,
}

/// Shows the connections that a store answers.
pub struct StoreConnections<R>(pub R);

impl<R> fmt::Debug for StoreConnections<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreConnections")
    }
}

impl<R: Fn() -> Vec<Connections> + Send + Sync + 'static> Collector for StoreConnections<R> {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let pools = (self.0)();
        let mut family = encoder.encode_descriptor(
            "watchkeeper_store_connections",
            "Open connections to the store, by purpose and state.",
            None,
            MetricType::Gauge,
        )?;
        for pool in &pools {
            for (state, count) in [("in_use", pool.in_use), ("idle", pool.idle)] {
                let labels = [("purpose", pool.purpose), ("state", state)];
                ConstGauge::new(count).encode(family.encode_family(&labels)?)?;
            }
        }
        let mut family = encoder.encode_descriptor(
            "watchkeeper_store_connections_limit",
            "Connections to the store that there may be, by purpose.",
            None,
            MetricType::Gauge,
        )?;
        for pool in &pools {
            ConstGauge::new(pool.most).encode(family.encode_family(&[("purpose", pool.purpose)])?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_pool_is_shown_with_its_bound() {
        let mut registry = Registry::default();
        let pools = || vec![Connections { purpose: "work", most: 7, in_use: 2, idle: 1 }];
        registry.register_collector(Box::new(StoreConnections(pools)));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            r#"watchkeeper_store_connections{purpose="work",state="in_use"} 2"#,
            r#"watchkeeper_store_connections{purpose="work",state="idle"} 1"#,
            r#"watchkeeper_store_connections_limit{purpose="work"} 7"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}: {text}");
        }
    }
}
