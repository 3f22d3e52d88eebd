//! Keys as gauges, for the textfile collector of Prometheus' node_exporter.

use std::collections::HashSet;
use std::fmt;
use std::io::Write;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::output::{Output, ignore_closed_pipe};
use crate::check::{Finding, Reminder};
use crate::error::Error;
use crate::key::{Key, KeyName, Kind};

/// The gauges of keys.
#[derive(Debug)]
pub struct KeyGauges {
    now: Timestamp,
    keys: usize,
    expiry: Gauge<KeyLabels>,
    rotation: Gauge<KeyLabels>,
    last_use: Gauge<KeyLabels>,
    findings: Gauge<FindingLabels>,
    found: HashSet<FindingLabels>,
}

/// A gauge, and its value for each label set.
#[derive(Debug)]
struct Gauge<Labels> {
    name: &'static str,
    help: &'static str,
    samples: Vec<(Labels, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    key: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FindingLabels {
    #[prometheus(flatten)]
    key: KeyLabels,
    finding: &'static str,
}

impl<Labels: EncodeLabelSet> Gauge<Labels> {
    fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            samples: Vec::new(),
        }
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric =
            encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?;
        for (labels, value) in &self.samples {
            metric.encode_family(labels)?.encode_gauge(value)?;
        }
        Ok(())
    }
}

impl Gauge<KeyLabels> {
    fn push_time(&mut self, key: &Key, at: Timestamp) {
        let labels = labels(&key.name, key.kind());
        self.samples.push((labels, at.as_second()));
    }
}

impl KeyGauges {
    /// Those of no keys yet.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            keys: 0,
            expiry: Gauge::new(
                "key_expiry_timestamp_seconds",
                "When the key expires, in seconds since 1970",
            ),
            rotation: Gauge::new(
                "key_rotation_due_timestamp_seconds",
                "When the key's secret becomes too old, in seconds since 1970",
            ),
            last_use: Gauge::new(
                "key_last_use_timestamp_seconds",
                "When the key was last accepted, in seconds since 1970",
            ),
            findings: Gauge::new("key_finding", "1 for each finding of `postkey check`"),
            found: HashSet::new(),
        }
    }

    /// Adds a key, and when it was last accepted, if it was.
    pub fn push(&mut self, key: &Key, used_at: Option<Timestamp>) {
        self.keys += 1;
        if let Some(at) = used_at {
            self.last_use.push_time(key, at);
        }
    }

    /// Adds the next rotation or the expiry of a key.
    pub fn push_reminder(&mut self, key: &Key, reminder: Reminder) {
        match reminder {
            Reminder::Rotation { due_at, .. } => self.rotation.push_time(key, due_at),
            Reminder::Expiry { at } => self.expiry.push_time(key, at),
        }
    }

    /// Adds a finding about a key.
    pub fn push_finding(&mut self, name: &KeyName, kind: Kind, finding: &Finding) {
        let labels = FindingLabels {
            key: labels(name, kind),
            finding: finding.into_str(),
        };
        // A key can have a finding twice: requests and recipients are both unusual.
        if self.found.insert(labels.clone()) {
            self.findings.samples.push((labels, 1));
        }
    }

    /// Writes all to standard output, in the OpenMetrics text format.
    ///
    /// # Errors
    /// If that fails; a closed pipe is not an error.
    pub fn finish(self) -> Result<(), Error> {
        let mut registry = Registry::with_prefix("postkey");
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to memory does not fail");
        ignore_closed_pipe(Output.write_all(text.as_bytes()))
    }
}

impl Collector for KeyGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for gauge in [&self.expiry, &self.rotation, &self.last_use] {
            gauge.encode(&mut encoder)?;
        }
        self.findings.encode(&mut encoder)?;
        for (name, help, value) in [
            (
                "checked_keys",
                "How many keys were checked",
                self.keys as i64,
            ),
            (
                "check_timestamp_seconds",
                "When they were checked, in seconds since 1970",
                self.now.as_second(),
            ),
        ] {
            let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            metric.encode_gauge(&value)?;
        }
        Ok(())
    }
}

fn labels(name: &KeyName, kind: Kind) -> KeyLabels {
    KeyLabels {
        key: name.to_string(),
        kind: kind.into_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_series_however_often_and_in_which_order_it_is_found() {
        let mut gauges = KeyGauges::new(Timestamp::UNIX_EPOCH);
        let made_at = Timestamp::UNIX_EPOCH;
        let (no_limit, no_expiry) = (Finding::NoLimit { made_at }, Finding::NoExpiry { made_at });
        let name = "web".parse().expect("a name");
        for finding in [&no_limit, &no_expiry, &no_limit] {
            gauges.push_finding(&name, Kind::Api, finding);
        }
        assert_eq!(gauges.findings.samples.len(), 2);
    }
}
