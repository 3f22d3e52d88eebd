//! Real gateways in front of a backend, with the configuration that `connect` prints.

mod backend;
mod brevo;
mod clients;
mod cors;
mod credentials;
mod keys;
mod kind;
mod lost;
mod odd;
mod printed;
mod programs;
mod sdks;
mod secrecy;
mod setup;
mod slow;
mod upgrades;

use kind::Kind;
use setup::Setup;

/// A request that only tests the key.
const GET: (&str, &str) = ("GET", "/v3/contacts?limit=1");
