//! A scenario that is written in the config: its requests are filled-in templates, its checks conditions.

mod blank;
mod check;
mod escape;
mod group;
mod path;
mod request;
mod setup;
mod sign;
mod spec;
mod template;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;

use serde_json::Value;

pub use blank::{FILLED, blanked};
pub use check::{Condition, WORDS};
pub use path::JsonPath;
pub use request::{
    changed, idle_names, names_identity, probes_by_identity, shows_keys, tells_time,
};
pub use setup::Capture;
pub use spec::{
    BodySpec, DataColumn, Encoding, ExpectSpec, Expires, Flaw, METHODS, MOST_BODY, MOST_CHECKS,
    MOST_COLUMNS, MOST_LABELS, MOST_PROBES, MOST_VALUES, ProbeSpec, RequestSpec, Scheme, SetupSpec,
    SignSpec, Spec, Turn,
};
pub use template::{Names, Template, TemplateError};

use super::call::{ADDRESS_HEADER, Answer, Call, Captured, Expect, Judgement, Request, Scenario};
use super::judge::{self, BODY_IS_JSON, BODY_SIZE, UNIQUE_KEYS};
use super::run::{Dice, Run, as_probe};
use crate::ids::{ProbeKind, ScenarioId, Traffic};
use crate::outcome::ProbeEnd;
use crate::secret::Secret;
use crate::tags::{Label, LabelSet, TagKey};
use escape::{header, plain, segment};
pub(super) use group::is_success;
pub use group::success;
use group::{Group, groups};
use request::{Built, kept, read};
use setup::Setup;
use spec::is_among;
use template::Values;

/// How old an expired signature is, in seconds.
const EXPIRED: u64 = 3600;

/// A scenario of the config.
pub(super) struct Written {
    id: ScenarioId,
    run: Run,
    spec: Spec,
    request: Built,
    setup: Option<Setup>,
    probes: Vec<(ProbeKind, Built, ProbeSpec)>,
    payload: Template,
    signing: Option<Secret>,
    tags: Vec<(TagKey, Template)>,
    labels: Vec<Label>,
    checks: Vec<&'static str>,
    conditions: Vec<Group>,
    success: Vec<u16>,
    wants_json: bool,
}

impl Written {
    pub(super) fn new(id: ScenarioId, run: Run, spec: &Spec, signing: Option<Secret>) -> Self {
        let columns = spec.columns();
        let captured = spec.captured();
        let names = Names { data: &columns, setup: &captured, identity: true, body: true };
        let setup = spec.setup.as_ref().map(|setup| Setup::new(setup, &names));
        let spec = spec.clone();
        let (status, groups) = groups(&spec.expect, &names);
        let mut checks = vec![kept(&status), BODY_SIZE];
        let wants_json = spec.expect.iter().any(|expect| !expect.json.is_empty());
        if wants_json {
            checks.extend([BODY_IS_JSON, UNIQUE_KEYS]);
        }
        let mut conditions = Vec::new();
        for (name, group) in groups {
            checks.push(kept(&name));
            conditions.push(group);
        }
        let tags: Vec<(TagKey, Template)> = spec
            .tags
            .iter()
            .filter_map(|(name, text)| Some((TagKey::parse(name)?, read(text, &names))))
            .collect();
        let labels = labels(&spec, &tags);
        let probes = spec
            .probes
            .iter()
            .filter_map(|probe| {
                let mut built = Built::new(&changed(&spec.request, probe), &names);
                built.has_content_type |= probe.without.iter().any(|name| name == "content-type");
                Some((ProbeKind::parse(&probe.kind)?, built, probe.clone()))
            })
            .collect();
        Self {
            id,
            request: Built::new(&spec.request, &names),
            setup,
            probes,
            payload: spec
                .sign
                .as_ref()
                .map_or_else(|| Template::literal(""), |sign| read(&sign.payload, &names)),
            signing,
            tags,
            labels,
            checks,
            conditions,
            success: success(&spec.expect),
            wants_json,
            run,
            spec,
        }
    }

    /// The value of column `name` for arrival `n`.
    fn datum(&self, name: &str, traffic: Traffic, n: u64) -> Option<&str> {
        let column = self.spec.data.get(name)?;
        let index = match column.order {
            Turn::InTurn => n.saturating_sub(1).checked_rem(column.values.len() as u64)? as usize,
            Turn::Random => self.draw(name, traffic, n).below(column.values.len()),
            Turn::Weighted => {
                let total: usize = column.weights.iter().map(|weight| *weight as usize).sum();
                let mut at = self.draw(name, traffic, n).below(total);
                column.weights.iter().position(|weight| {
                    let here = at < *weight as usize;
                    at = at.saturating_sub(*weight as usize);
                    here
                })?
            }
        };
        column.values.get(index).map(String::as_str)
    }

    fn draw(&self, name: &str, traffic: Traffic, n: u64) -> super::random::Draw {
        self.run.draw_of(name, Dice::Order, traffic, n)
    }

    fn build(
        &self,
        built: &Built,
        call: &Call<'_>,
        probe: Option<&ProbeSpec>,
        expect: Expect,
    ) -> Request {
        let serial = self.run.serial(call.traffic, call.n);
        let address = call.identity.address.map(|address| address.to_string());
        let key = call.identity.key.as_ref().map(Secret::expose);
        let data = |name: &str| self.datum(name, call.traffic, call.n).map(str::to_owned);
        // What carries a signature of an hour ago was all written then.
        let expired = probe.and_then(|probe| probe.signature) == Some(Flaw::Expired);
        let age = std::time::Duration::from_secs(if expired { EXPIRED } else { 0 });
        let values = Values {
            n: call.n,
            unix: call.unix.saturating_sub(age),
            run: &self.run.name,
            serial: &serial,
            identity: key.or(address.as_deref()).unwrap_or_default(),
            body: "",
            data: &data,
            setup: &|name| call.identity.captured.as_ref()?.get(name).map(str::to_owned),
            draw: &|kind| self.run.draw_of(kind, Dice::Content, call.traffic, call.n),
        };
        let path = built.path.text(&values, segment);
        let body = built.body.bytes(&values);
        let mut headers = Vec::with_capacity(built.headers.len() + 3);
        if let Some(kind) = built.body.content_type().filter(|_| !built.has_content_type) {
            headers.push(("content-type", kind.to_owned()));
        }
        if let Some(address) = &address {
            headers.push((ADDRESS_HEADER, address.clone()));
        }
        for (name, value) in &built.headers {
            headers.push((name, value.text(&values, header)));
        }
        if call.traffic != Traffic::Setup {
            headers.extend(self.signature(&values, &body, probe));
        }
        let expect = match expect {
            Expect::Written(_) => Expect::Written(self.expected(&values)),
            other => other,
        };
        Request {
            method: built.method.clone(),
            path: Cow::Owned(path),
            headers,
            body,
            labels: self.labels_of(&values),
            repeatable: false,
            expect,
        }
    }

    /// The header of the signature, wrong in what the probe says.
    fn signature(
        &self,
        values: &Values<'_>,
        body: &[u8],
        probe: Option<&ProbeSpec>,
    ) -> Option<(&'static str, String)> {
        let (spec, secret) = (self.spec.sign.as_ref()?, self.signing.as_ref()?);
        let text = String::from_utf8_lossy(body);
        let flaw = probe.and_then(|probe| probe.signature);
        let instead = |probe: &ProbeSpec| {
            probe.without.contains(&spec.header) || probe.headers.contains_key(&spec.header)
        };
        if flaw == Some(Flaw::Missing) || probe.is_some_and(instead) {
            return None;
        }
        let values = Values { body: &text, ..*values };
        let other = match flaw {
            Some(Flaw::Wrong) => {
                let mut draw = self.run.draw(Dice::Probe, Traffic::Probe, values.n);
                Some(Secret::new(draw.text(32)))
            }
            _ => None,
        };
        let payload = self.payload.text(&values, plain);
        let secret = other.as_ref().unwrap_or(secret);
        let value = sign::signature(spec, secret, values.unix.as_secs(), body, payload.as_bytes());
        Some((kept(&spec.header), value))
    }

    /// What each condition that the request decides expects, in order.
    fn expected(&self, values: &Values<'_>) -> Vec<Value> {
        self.conditions.iter().flat_map(|group| group.expected(values)).collect()
    }

    fn labels_of(&self, values: &Values<'_>) -> LabelSet {
        let mut set = LabelSet::EMPTY;
        for (key, template) in &self.tags {
            let value = template.text(values, plain);
            let index =
                self.labels.iter().position(|label| label.key == *key && label.value == value);
            set = index.map_or(set, |index| set.with(index));
        }
        set
    }

    /// What to do about a first answer that tells nothing more.
    fn compare(&self, status: u16) -> String {
        format!(
            "the target answered {status} to the first request: compare [scenarios.{}] with what \
             the API wants",
            self.id
        )
    }
}

impl Scenario for Written {
    fn id(&self) -> ScenarioId {
        self.id
    }

    fn labels(&self) -> &[Label] {
        &self.labels
    }

    fn checks(&self) -> &[&'static str] {
        &self.checks
    }

    fn request(&self, call: &Call<'_>) -> Request {
        self.build(&self.request, call, None, Expect::Written(Vec::new()))
    }

    fn probe(&self, kind: ProbeKind, call: &Call<'_>) -> Request {
        let call = as_probe(call);
        let found = self.probes.iter().find(|(own, ..)| *own == kind).or(self.probes.first());
        match found {
            Some((kind, built, probe)) => {
                self.build(built, &call, Some(probe), Expect::Refusal(*kind))
            }
            None => self.build(&self.request, &call, None, Expect::Refusal(kind)),
        }
    }

    fn judge(&self, request: &Request, answer: &Answer<'_>) -> Judgement {
        let none = Vec::new();
        let expected = match &request.expect {
            Expect::Written(expected) => expected,
            _ => &none,
        };
        let success = |status: u16| is_among(&self.success, status);
        judge::judge_by(answer, success, self.wants_json, &self.run.known, |body| {
            let mut expected = expected.iter();
            let mut results = Vec::with_capacity(self.conditions.len());
            for group in &self.conditions {
                let mut holds = true;
                for (path, condition) in &group.json {
                    let wanted = expected.next().unwrap_or(&Value::Null);
                    holds &= condition.holds(path, body, wanted);
                }
                for (name, _) in &group.header {
                    let pattern = expected.next().and_then(Value::as_str).unwrap_or_default();
                    let value = answer.headers.and_then(|headers| headers.get(name));
                    let value = value.and_then(|value| value.to_str().ok());
                    holds &= value.is_some_and(|value| check::matches(pattern, value));
                }
                results.push(holds);
            }
            results
        })
    }

    fn setup(&self, call: &Call<'_>) -> Option<Request> {
        let setup = self.setup.as_ref()?;
        let call = Call { traffic: Traffic::Setup, ..*call };
        Some(self.build(&setup.request, &call, None, Expect::Acknowledgement))
    }

    fn captured(&self, answer: &Answer<'_>) -> Result<Captured, String> {
        let setup = self.setup.as_ref().ok_or("this scenario has no setup")?;
        setup.captured(answer, &self.run.known)
    }

    fn judge_probe(&self, kind: ProbeKind, answer: &Answer<'_>) -> ProbeEnd {
        let probe = self.probes.iter().find(|(own, ..)| *own == kind);
        let status = probe.map_or(&[][..], |(.., probe)| probe.status.as_slice());
        judge::judge_probe_by(|answered| status.contains(&answered), answer.status)
    }

    fn advice(&self, status: u16) -> String {
        let (id, spec) = (self.id, &self.spec);
        if let (400, Some(sign)) = (status, &spec.sign) {
            // As Stripe's own libraries refuse a signature.
            let secret = &sign.secret;
            return format!(
                "{}; if that is the signature, set {secret} to this environment's secret",
                self.compare(status)
            );
        }
        if !matches!(status, 401 | 403) {
            return self.compare(status);
        }
        if spec.setup.is_some() {
            return format!(
                "the target refuses what the first identity's setup gave: compare `capture` and \
                 `expires` of [scenarios.{id}.setup], and where [scenarios.{id}] shows what it \
                 captured, with what the API wants"
            );
        }
        let key = spec
            .keys
            .as_ref()
            .map(|keys| format!("set {} to a key of this environment", keys.replace('*', "1")));
        let secret = spec.sign.as_ref().map(|sign| {
            format!(
                "set {} to this environment's secret, and compare `sign` in [scenarios.{id}] with \
                 what the API wants",
                sign.secret
            )
        });
        match (key, secret) {
            (Some(key), None) => format!("the target refuses the first key: {key}"),
            (None, Some(secret)) => format!("the target refuses our signature: {secret}"),
            (Some(key), Some(secret)) => {
                format!("the target refuses the first key or our signature: {key}; {secret}")
            }
            (None, None) => self.compare(status),
        }
    }
}

/// Every value that every tag can have.
fn labels(spec: &Spec, tags: &[(TagKey, Template)]) -> Vec<Label> {
    let mut labels = Vec::new();
    for (key, template) in tags {
        let mut add = |value: String| {
            let label = Label { key: *key, value };
            if labels.len() < MOST_LABELS && !labels.contains(&label) {
                labels.push(label);
            }
        };
        let mut columns = template.columns();
        match columns.next().and_then(|column| Some((column, spec.data.get(column)?))) {
            None => add(template.constant().unwrap_or_default().to_owned()),
            Some((name, column)) => {
                for value in &column.values {
                    add(filled(template, name, value));
                }
            }
        }
    }
    labels
}

/// What a template that names one column gives for one of its values.
fn filled(template: &Template, column: &str, value: &str) -> String {
    let data = |name: &str| (name == column).then(|| value.to_owned());
    let values = Values {
        n: 0,
        unix: std::time::Duration::ZERO,
        run: "",
        serial: "",
        identity: "",
        body: "",
        data: &data,
        setup: &|_| None,
        draw: &|_| super::random::Draw::of(&[]),
    };
    template.text(&values, plain)
}
