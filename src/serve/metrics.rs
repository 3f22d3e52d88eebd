//! Metrics for Prometheus.

use std::array;
use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use strum::VariantArray;

use crate::serve::auth_request::Caller;
use crate::usage::ACCEPTED;

/// The counters and gauges.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    /// The accepted requests by caller, cached to avoid a lookup.
    accepted: [Counter; Caller::VARIANTS.len()],
    logins: Family<LoginLabels, Counter>,
    policy: Family<LoginLabels, Counter>,
    /// Whether the last attempt to read the vault succeeded.
    pub(super) vault_available: Gauge<i64, AtomicI64>,
    /// The number of cached secrets.
    pub(super) cached: Gauge<i64, AtomicI64>,
    /// The number of open connections.
    pub(super) connections: Gauge<i64, AtomicI64>,
    /// Failed attempts to record usage.
    pub(super) lost_records: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    path: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LoginLabels {
    verdict: &'static str,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let requests = Family::<RequestLabels, Counter>::default();
        let accepted = array::from_fn(|at| {
            let (path, verdict) = (Caller::VARIANTS[at].path(), ACCEPTED);
            requests
                .get_or_create(&RequestLabels { path, verdict })
                .clone()
        });
        let mut metrics = Self {
            registry: Registry::with_prefix("postkey"),
            requests,
            accepted,
            logins: Family::default(),
            policy: Family::default(),
            vault_available: Gauge::default(),
            cached: Gauge::default(),
            connections: Gauge::default(),
            lost_records: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests",
            "Requests by path and verdict",
            self.requests.clone(),
        );
        registry.register(
            "mail_logins",
            "Logins checked or reported by a mail server, by verdict",
            self.logins.clone(),
        );
        registry.register(
            "policy_requests",
            "Requests of Postfix by verdict",
            self.policy.clone(),
        );
        registry.register(
            "vault_up",
            "Whether the last attempt to read the vault succeeded",
            self.vault_available.clone(),
        );
        registry.register(
            "cached_secrets",
            "Secrets cached until the vault changes",
            self.cached.clone(),
        );
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register(
            "lost_usage_records",
            "Failed attempts to record usage",
            self.lost_records.clone(),
        );
    }

    /// Counts an answered request.
    pub(super) fn count(&self, caller: Caller, verdict: &'static str) {
        if verdict == ACCEPTED {
            self.accepted[caller as usize].inc();
            return;
        }
        let path = caller.path();
        self.requests
            .get_or_create(&RequestLabels { path, verdict })
            .inc();
    }

    /// Counts a login that was asked about or reported.
    pub(super) fn count_login(&self, verdict: &'static str) {
        self.logins.get_or_create(&LoginLabels { verdict }).inc();
    }

    /// Counts a request of Postfix.
    pub(super) fn count_policy(&self, verdict: &'static str) {
        self.policy.get_or_create(&LoginLabels { verdict }).inc();
    }

    /// All metrics in the OpenMetrics text format.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to memory does not fail");
        text
    }
}
