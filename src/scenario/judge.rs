//! What every judge does alike: status, size, JSON, and what may be quoted of a refusal.

use serde_json::Value;

use super::call::{Answer, Judgement};
use super::json::{self, Json};
use crate::outcome::{Outcome, ProbeEnd};
use crate::secret::{Secret, excerpt, text_of};

/// How many checks every scenario begins with: the status, `body_size`, JSON, and
/// that no key of it stands twice.
pub(super) const COMMON: usize = 4;
/// Of those, how many are about JSON.
const OF_JSON: usize = 2;

/// The second check of every scenario: the whole body fits under the cap.
pub(super) const BODY_SIZE: &str = "body_size";

/// The third check of every scenario.
pub(super) const BODY_IS_JSON: &str = "body is JSON";

/// The fourth check of every scenario: readers differ in which of two values they
/// take, so that one of them is taken for what it isn't.
pub(super) const UNIQUE_KEYS: &str = "no duplicate keys";

/// The names of the checks that a scenario of one's own may have besides its own.
pub const COMMON_CHECKS: [&str; 3] = [BODY_SIZE, BODY_IS_JSON, UNIQUE_KEYS];

const STATUS_BIT: u32 = 1;
const SIZE_BIT: u32 = 1 << 1;
const JSON_BIT: u32 = 1 << 2;
const UNIQUE_BIT: u32 = 1 << 3;

/// The longest excerpt of a refusal, in characters.
const EXCERPT: usize = 200;

/// Judges `answer`, where `success` is the success status and `contract` says of
/// the parsed body whether each of the scenario's own checks holds. A body that
/// isn't JSON is put before it as null, which fails them all.
pub(super) fn judge<const N: usize>(
    answer: &Answer<'_>,
    success: u16,
    known: &[Secret],
    contract: impl FnOnce(&Value) -> [bool; N],
) -> Judgement {
    judge_by(answer, |status| status == success, true, known, contract)
}

/// [`judge`], with any statuses of success; a body that needn't be JSON has no checks
/// of that and is put before `contract` as null.
pub(super) fn judge_by<C: IntoIterator<Item = bool>>(
    answer: &Answer<'_>,
    success: impl Fn(u16) -> bool,
    wants_json: bool,
    known: &[Secret],
    contract: impl FnOnce(&Value) -> C,
) -> Judgement {
    let by_status = match answer.status {
        _ if answer.refused => Some(Outcome::RateLimited),
        status if success(status) => None,
        status => Outcome::of_status(status, 0),
    };
    let Some(body) = answer.body else {
        // The status is left unsaid where it failed too: the size is the reason.
        return Judgement {
            outcome: Some(Outcome::Contract),
            passed: if by_status.is_none() { STATUS_BIT } else { 0 },
            failed: SIZE_BIT,
            ..Judgement::default()
        };
    };
    let parsed = if wants_json || by_status.is_some() { json::read(body) } else { None };
    if let Some(outcome) = by_status {
        return refusal(answer.status, outcome, body, parsed.as_ref(), known, answer.secrets);
    }

    let mut judgement =
        Judgement { passed: STATUS_BIT | SIZE_BIT, json: parsed.is_some(), ..Judgement::default() };
    let mut record = |bit: u32, holds: bool| {
        *(if holds { &mut judgement.passed } else { &mut judgement.failed }) |= bit;
    };
    if wants_json {
        record(JSON_BIT, parsed.is_some());
        // What isn't JSON has no keys.
        if let Some(json) = &parsed {
            record(UNIQUE_BIT, !json.duplicate);
        }
    }
    let first = if wants_json { COMMON } else { COMMON - OF_JSON };
    let body = parsed.as_ref().map_or(&Value::Null, |json| &json.value);
    for (index, holds) in contract(body).into_iter().enumerate() {
        record(1 << (first + index), holds);
    }
    let accepted = judgement.failed == 0;
    judgement.outcome = Some(if accepted { Outcome::Accepted } else { Outcome::Contract });
    judgement.items = u32::from(accepted);
    judgement
}

/// The judgement of an answer whose status is not the success status.
fn refusal(
    status: u16,
    outcome: Outcome,
    body: &[u8],
    parsed: Option<&Json>,
    known: &[Secret],
    secrets: &[Secret],
) -> Judgement {
    let limited = outcome == Outcome::RateLimited;
    Judgement {
        outcome: Some(outcome),
        failed: if limited { 0 } else { STATUS_BIT },
        excerpt: quoted(status, body, known, secrets),
        retry_after: parsed
            .filter(|_| limited)
            .and_then(|body| body.value.get("retry_after")?.as_u64())
            .and_then(|seconds| u32::try_from(seconds).ok()),
        json: parsed.is_some(),
        ..Judgement::default()
    }
}

/// What may be quoted of an answer: nothing of a 2xx, which may hold secrets whatever
/// status was wanted.
pub(super) fn quoted(
    status: u16,
    body: &[u8],
    known: &[Secret],
    secrets: &[Secret],
) -> Option<String> {
    if is_success(status) {
        return None;
    }
    let known: Vec<Secret> = known.iter().chain(secrets).cloned().collect();
    Some(excerpt(&text_of(body), EXCERPT, &known)).filter(|text| !text.is_empty())
}

/// What became of a probe that is to be refused with `refusal`.
pub(super) fn judge_probe(refusal: u16, status: u16) -> ProbeEnd {
    judge_probe_by(|answered| answered == refusal, status)
}

/// [`judge_probe`], with any statuses of a refusal.
pub(super) fn judge_probe_by(refused: impl Fn(u16) -> bool, status: u16) -> ProbeEnd {
    match status {
        s if refused(s) => ProbeEnd::Held,
        s if is_success(s) => ProbeEnd::Breached,
        429 => ProbeEnd::Neither,
        400..=499 => ProbeEnd::Other,
        _ => ProbeEnd::Neither,
    }
}

const fn is_success(status: u16) -> bool {
    matches!(status, 200..=299)
}

/// Whether `value` is a text that isn't empty.
pub(super) fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}
