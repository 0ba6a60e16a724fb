//! What the requests of one scenario in one run have in common: names, randomness, headers.

use serde::Serialize;

use super::call::{ADDRESS_HEADER, Call, Identity};
use super::random::{Draw, fold, fold_text};
use crate::ids::Traffic;
use crate::secret::Secret;

/// Bytes that nearly every body fits into.
const ROOM: usize = 512;

/// What a random stream is for: streams of one arrival don't touch each other.
#[derive(Clone, Copy)]
pub(super) enum Dice {
    /// The thing that is sent.
    Content = 0,
    /// Whether to send it again instead, and which one.
    Delivery = 1,
    /// What makes a probe wrong.
    Probe = 2,
    /// The order of the whole run.
    Order = 3,
}

/// One scenario of one run.
pub(super) struct Run {
    stream: u64,
    seed: u64,
    /// The run's name, fit for a header.
    pub(super) name: String,
    /// Of seed and run, 16 hex digits.
    fingerprint: String,
    /// What must never be quoted.
    pub(super) known: Vec<Secret>,
}

impl Run {
    /// `stream` keeps the random streams of scenarios apart.
    pub(super) fn new(stream: u64, seed: u64, run_id: &str, known: Vec<Secret>) -> Self {
        Self {
            stream,
            seed,
            name: run_id.chars().filter(char::is_ascii_graphic).collect(),
            fingerprint: format!("{:016x}", fold(&[seed, fold_text(run_id)])),
            known,
        }
    }

    /// The random stream of one request: a function of (seed, stream, traffic, n).
    pub(super) fn draw(&self, purpose: Dice, traffic: Traffic, n: u64) -> Draw {
        Draw::of(&[self.seed, self.stream, traffic as u64, purpose as u64, n])
    }

    /// [`Run::draw`] of one of several things of a request, each with a stream of its own.
    pub(super) fn draw_of(&self, what: &str, purpose: Dice, traffic: Traffic, n: u64) -> Draw {
        let words = [self.seed, self.stream, fold_text(what), traffic as u64, purpose as u64, n];
        Draw::of(&words)
    }

    /// A name that no other request has, in this run or another: 16 hex digits for
    /// seed and run, a letter for the traffic, the number. Letters and digits only.
    pub(super) fn serial(&self, traffic: Traffic, n: u64) -> String {
        let letter = match traffic {
            Traffic::Arrival => "a",
            Traffic::Canary => "c",
            Traffic::Probe => "x",
            Traffic::Proof => "p",
            Traffic::Minting => "m",
            Traffic::Setup => "s",
        };
        [self.fingerprint.as_str(), letter, &n.to_string()].concat()
    }
}

/// The headers that every request has, with room for `more`.
pub(super) fn headers(identity: &Identity, more: usize) -> Vec<(&'static str, String)> {
    let mut headers = Vec::with_capacity(2 + more);
    headers.push(("content-type", "application/json".to_owned()));
    if let Some(address) = identity.address {
        headers.push((ADDRESS_HEADER, address.to_string()));
    }
    headers
}

/// `value` as JSON. Ours are structs of texts and numbers, which can't fail.
pub(super) fn json_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ROOM);
    // Memory takes whatever is written.
    let _ = serde_json::to_writer(&mut bytes, value);
    bytes
}

/// `call`, counted among the probes.
pub(super) fn as_probe<'a>(call: &Call<'a>) -> Call<'a> {
    Call { traffic: Traffic::Probe, ..*call }
}
