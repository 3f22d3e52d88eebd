//! Real gateways in front of a backend, with the configuration that `connect` prints.

mod backend;
mod clients;
mod keys;
mod lost;
mod printed;
mod secrecy;
mod setup;

use setup::{Kind, Setup};

/// What is asked for a key's sake alone.
const GET: (&str, &str) = ("GET", "/v3/contacts?limit=1");
