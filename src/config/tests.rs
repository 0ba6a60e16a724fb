//! The config from built-in files to diagnostics: precedence, overlay, every bad input.

mod announced;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;
use crate::ids::ScenarioId;
use crate::plan::{IdentityKind, Schedule};
use crate::units::Nanos;

const SEED: u64 = 7;

/// One attempt: the user's file, flags and variables.
#[derive(Default)]
struct Try {
    file: Option<String>,
    flags: Flags,
    vars: BTreeMap<String, String>,
}

impl Try {
    fn file(text: &str) -> Self {
        Self { file: Some(text.to_owned()), ..Self::default() }
    }

    fn env(mut self, name: &str) -> Self {
        self.flags.env = Some(name.to_owned());
        self
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    fn flags(mut self, change: impl FnOnce(&mut Flags)) -> Self {
        change(&mut self.flags);
        self
    }

    fn resolve(&self, purpose: Purpose) -> Result<Resolved, Diagnostics> {
        let file = self.file.as_ref();
        let file = file.map(|text| UserFile { name: "load-gate.toml".into(), text: text.clone() });
        let sources = Sources { flags: &self.flags, vars: &self.vars, file: file.as_ref() };
        resolve(&sources, purpose, SEED)
    }

    fn run(&self) -> Resolved {
        self.resolve(Purpose::Run).unwrap_or_else(|problems| panic!("{problems}"))
    }

    fn refusal(&self) -> String {
        match self.resolve(Purpose::Run) {
            Ok(resolved) => panic!("taken: {:?}", resolved.plan),
            Err(problems) => problems.to_string(),
        }
    }
}

fn totals(resolved: &Resolved) -> Vec<u64> {
    resolved.plan.scenarios.iter().map(|plan| Schedule::new(&plan.stages).total()).collect()
}

#[test]
fn the_built_in_profiles_have_their_totals() {
    let all = |profile: &str| {
        totals(&Try::default().flags(|f| f.profile = Some(profile.to_owned())).run())
    };
    assert_eq!(all("full"), [40_200, 80_400, 20_100]);
    assert_eq!(all("production"), [20_100, 40_200, 10_050]);
    assert_eq!(all("smoke"), [590, 1180, 295]);
}

#[test]
fn staging_is_the_default_and_says_what_it_cannot_run() {
    let resolved = Try::default().run();
    let plan = &resolved.plan;
    assert_eq!(plan.environment.name, "staging");
    assert_eq!(plan.environment.url, "https://api.rsolv-staging.com");
    assert_eq!((plan.profile.as_str(), plan.cooldown), ("full", Nanos::from_secs(30)));
    assert_eq!((plan.seed, resolved.embedded_keys), (SEED, 0));
    let skips: Vec<_> = plan.scenarios.iter().map(|plan| plan.skip.as_deref()).collect();
    assert_eq!(skips[0], None);
    assert!(skips[1].is_some_and(|reason| reason.contains("TEST_API_KEY_1")));
    assert!(skips[2].is_some_and(|reason| reason.contains("STRIPE_WEBHOOK_SECRET")));
    let identities = plan.scenarios[0].identities;
    assert_eq!((identities.kind, identities.count), (IdentityKind::Address, 1));
    assert_eq!(plan.scenarios[0].criteria.generator.max_lag, Nanos::from_millis(100));
}

#[test]
fn embedded_ignores_the_outside_and_makes_its_own() {
    let attempt = Try::default()
        .env("embedded")
        .var("API_URL", "https://api.rsolv.dev")
        .var("TEST_API_KEY_1", "rsolv_secret")
        .var("STRIPE_WEBHOOK_SECRET", "whsec_secret");
    let resolved = attempt.run();
    assert!(resolved.plan.environment.url.is_empty() && resolved.plan.environment.embedded);
    assert_eq!((resolved.plan.profile.as_str(), resolved.plan.cooldown), ("smoke", Nanos::ZERO));
    assert!(resolved.secrets.keys.is_empty() && resolved.secrets.webhook.is_none());
    assert!(resolved.plan.scenarios.iter().all(|plan| plan.skip.is_none()));
    let keys = resolved.plan.scenarios[1].identities;
    assert!(keys.count > 1 && keys.set_aside == 1);
    assert_eq!(resolved.embedded_keys, (keys.count + keys.set_aside) as usize);
    let addresses = resolved.plan.scenarios[0].identities;
    assert!(addresses.count > 1 && addresses.set_aside == 1);
}

#[test]
fn the_file_is_laid_over_key_by_key() {
    let attempt = Try::file(
        r#"
        [scenarios.onboarding]
        rate_limit = { limit = 5 }
        [scenarios.onboarding.profiles]
        pr = [{ duration = "5s", target = 20 }, { duration = "20s", target = 20 }]
        [scenarios.onboarding.thresholds]
        success_rate = []
        "response_time{ outcome:accepted }" = [{ threshold = "p(95)<9000", abortOnFail = true, delay_abort_eval = "10s" }]
        http_reqs = ["count>1"]
        "#,
    )
    .flags(|f| f.profile = Some("pr".to_owned()));
    let resolved = attempt.run();
    assert_eq!(totals(&resolved), [450]);
    assert_eq!(resolved.notices.len(), 2, "{:?}", resolved.notices);
    let criteria = &resolved.plan.scenarios[0].criteria;
    let limit = criteria.limit.expect("declared");
    assert_eq!((limit.limit, limit.window), (5, Nanos::from_secs(60)));
    let keys: Vec<_> = criteria.thresholds.iter().map(|t| t.expression.as_str()).collect();
    assert_eq!(keys, ["count>1", "p(95)<9000"]);
    assert!(criteria.thresholds[1].abort_on_fail);
    assert_eq!(criteria.thresholds[1].delay_abort_eval, Nanos::from_secs(10));
    // 5 % of 9 s is more than 100 ms.
    assert_eq!(criteria.generator.max_lag, Nanos::from_millis(450));
}

#[test]
fn flags_outrank_variables_and_these_the_file() {
    let file = "[environments.here]\nurl = \"http://127.0.0.1:1\"\n";
    let attempt = || Try::file(file).var("LOAD_GATE_ENV", "here").var("API_URL", " ");
    assert_eq!(attempt().run().plan.environment.url, "http://127.0.0.1:1");
    let attempt = || attempt().var("API_URL", "http://127.0.0.1:2/");
    let resolved = attempt().run();
    assert_eq!(resolved.plan.environment.url, "http://127.0.0.1:2");
    assert!(resolved.notices[0].contains("API_URL overrides"));
    let resolved = attempt().flags(|f| f.url = Some("http://127.0.0.1:3/x/".to_owned())).run();
    assert_eq!(resolved.plan.environment.url, "http://127.0.0.1:3/x");
}

#[test]
fn production_asks_for_its_host_wherever_the_url_comes_from() {
    let production = || Try::default().env("production");
    assert!(production().refusal().contains("--confirm-production api.rsolv.dev"));
    assert!(production().resolve(Purpose::Plan).is_ok());
    let wrong = production().var("LOAD_GATE_CONFIRM_PRODUCTION", "yes").refusal();
    assert!(wrong.contains("LOAD_GATE_CONFIRM_PRODUCTION"), "{wrong}");
    let confirmed =
        |attempt: Try| attempt.flags(|f| f.confirm_production = Some("API.rsolv.dev.".to_owned()));
    let resolved = confirmed(production()).run();
    let ids: Vec<_> = resolved.plan.scenarios.iter().map(|plan| plan.scenario).collect();
    assert_eq!(ids, [ScenarioId::fixed("onboarding"), ScenarioId::fixed("credential-vending")]);
    assert!(resolved.plan.scenarios.iter().all(|plan| plan.probes.share == 0.0));
    assert_eq!(totals(&resolved), [20_100, 40_200]);

    let sneaky = Try::file("[environments.production]\nurl = \"https://elsewhere.example.org\"\n");
    for attempt in [
        Try::default().var("API_URL", "https://API.RSOLV.DEV.:443/"),
        Try::default().flags(|f| f.url = Some("http:\\\\api.rsolv.dev".to_owned())),
        Try::file("[environments.x]\nurl = \"https://api\u{ff0e}rsolv.dev\"\n").env("x"),
        sneaky.var("API_URL", "https://api.rsolv.dev"),
    ] {
        assert!(attempt.refusal().contains("api.rsolv.dev is protected"));
        // 200/s of credential-vending full are above production's 100.
        let refusal = confirmed(attempt).refusal();
        assert!(refusal.contains("200/s arrivals at the peak are above max_rate"), "{refusal}");
    }
}

#[test]
fn a_protected_host_stays_protected_whatever_the_file_says() {
    let taken_back = "[environments.production]\nurl = \"https://api.rsolv.dev\"\n\
                      protected = false\nmax_rate = 1000\n";
    let other = "[environments.mine]\nurl = \"https://API.rsolv.dev.\"\nprotected = false\n";
    for (file, env) in [(taken_back, "production"), (other, "mine")] {
        let refusal = Try::file(file).env(env).refusal();
        assert!(refusal.contains("--confirm-production api.rsolv.dev"), "{refusal}");
        let confirmed = Try::file(file)
            .env(env)
            .flags(|f| f.confirm_production = Some("api.rsolv.dev".to_owned()))
            .flags(|f| f.profile = Some("production".to_owned()))
            .run();
        assert!(confirmed.plan.environment.protected);
        assert!(!confirmed.plan.environment.verify_limits);
        assert!(confirmed.plan.scenarios.iter().all(|plan| plan.probes.share == 0.0));
        let [caveat] = confirmed.plan.caveats.as_slice() else { panic!("one caveat") };
        assert!(caveat.contains(&format!("protected = false of `{env}`")), "{caveat}");
        assert!(caveat.contains("api.rsolv.dev is protected"), "{caveat}");
    }
    // Said wherever the run goes; nothing to say of a host that nobody protects.
    assert_eq!(Try::file(taken_back).run().plan.caveats.len(), 1);
    let own = Try::file("[environments.x]\nurl = \"http://127.0.0.1:1\"\nprotected = false\n");
    assert!(own.env("x").run().plan.caveats.is_empty());
}

#[test]
fn of_many_mistakes_fifty_are_told_and_the_rest_counted() {
    let file: String = (0..2000).fold(String::new(), |text, n| text + &format!("key{n} = {n}\n"));
    let problems = Try::file(&file).resolve(Purpose::Plan).expect_err("unknown keys");
    assert_eq!(problems.len(), 2000);
    let text = problems.to_string();
    assert_eq!(text.matches("unknown key").count(), 50);
    assert!(text.ends_with("the first 50 mistakes, and 1,950 more; nothing was sent"), "{text}");
}

#[test]
fn names_that_every_series_carries_are_short() {
    let long = "x".repeat(256);
    for (text, whose) in [
        (format!("[environments.{long}]\nurl = \"http://a.test\"\n"), "an environment's"),
        (format!("[scenarios.webhook.profiles]\n{long} = []\n"), "a profile's"),
    ] {
        let refused = Try::file(&text).refusal();
        assert!(refused.contains(&format!("this can't be {whose} name")), "{refused}");
        Try::file(&text.replace(&long, &long[1..])).run();
    }
}

#[test]
fn keys_are_trimmed_ordered_and_never_quoted() {
    let resolved = Try::default()
        .var("TEST_API_KEY_10", "ten")
        .var("TEST_API_KEY_2", "two\n")
        .var("TEST_API_KEY_3", "  ")
        .var("TEST_API_KEY_4", "two")
        .run();
    let keys: Vec<_> = resolved.secrets.keys.iter().map(crate::secret::Secret::expose).collect();
    assert_eq!(keys, ["two", "ten"]);
    assert!(resolved.notices[0].contains("TEST_API_KEY_4 is the same key as TEST_API_KEY_2"));
    let refusal = Try::default().var("TEST_API_KEY_1", "hunter two").refusal();
    assert!(refusal.contains("TEST_API_KEY_1") && !refusal.contains("hunter"), "{refusal}");
}

#[test]
fn a_baseline_gates_the_production_profile() {
    let plan = Try::default()
        .flags(|f| (f.profile, f.baseline) = (Some("production".to_owned()), true))
        .run()
        .plan;
    let last = plan.scenarios[0].criteria.thresholds.last().expect("thresholds");
    assert_eq!(last.expression, "p(95)<2*baseline");
}

#[test]
fn the_file_is_found_where_it_is_said_to_be() {
    let mut flags = Flags::default();
    let mut vars = BTreeMap::new();
    let found = |flags: &Flags, vars: &_, there: &str| {
        config_path(flags, vars, |path| path == Path::new(there))
    };
    assert_eq!(found(&flags, &vars, "nowhere"), None);
    assert_eq!(found(&flags, &vars, "load-gate.toml"), Some(PathBuf::from("load-gate.toml")));
    vars.insert("LOAD_GATE_CONFIG".to_owned(), "a.toml".to_owned());
    assert_eq!(found(&flags, &vars, "load-gate.toml"), Some(PathBuf::from("a.toml")));
    flags.config = Some(PathBuf::from("b.toml"));
    assert_eq!(found(&flags, &vars, "load-gate.toml"), Some(PathBuf::from("b.toml")));
}

#[test]
fn the_example_of_the_formats_page_is_taken() {
    let text = include_str!("example.toml");
    let resolved = Try::file(text).var("TEST_API_KEY_1", "k").run();
    assert_eq!(totals(&resolved), [40_200, 80_400, 20_100]);
}

/// Name, file, flags.
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_inputs() -> Vec<(&'static str, Try)> {
    let file = Try::file;
    let url = |url: &str| Try::default().flags(|f| f.url = Some(url.to_owned()));
    vec![
        ("syntax", file("[engine\ntimeout = \"1s\"\n")),
        ("duplicate key", file("[engine]\ntimeout = \"1s\"\ntimeout = \"2s\"\n")),
        ("unknown table", file("[scenario.onboarding]\nidentities = 1\n")),
        ("unknown key", file("[engine]\ntimout = \"1s\"\n")),
        ("unknown scenario", file("[scenarios.on-boarding]\nidentities = 1\n")),
        ("key of another scenario", file("[scenarios.webhook]\nproviders = [\"openai\"]\n")),
        (
            "many at once",
            file(
                "[engine]\ntimeout = 30\nmax_in_flight = 0\nmax_body = \"1 potato\"\n\n[probes]\nshare = 1.5\n",
            ),
        ),
        (
            "bad duration",
            file(
                "[scenarios.onboarding.profiles]\nfull = [{ duration = \"1 fortnight\", target = 20 }]\n",
            ),
        ),
        (
            "bad rates",
            file(
                "[scenarios.onboarding.profiles]\nfull = [\n  { duration = \"1m\", target = -20 },\n  { duration = \"1m\", target = nan },\n  { duration = \"1m\", target = 1e300 },\n  { duration = \"1m\", taget = 20 },\n]\n",
            ),
        ),
        (
            "no arrivals",
            file("[scenarios.onboarding.profiles]\nfull = [{ duration = \"0s\", target = 20 }]\n"),
        ),
        (
            "too long",
            file(
                "[scenarios.onboarding.profiles]\nfull = [{ duration = \"20h\", target = 2 }, { duration = \"20h\", target = 2 }]\n",
            ),
        ),
        (
            "thresholds",
            file(
                "[scenarios.onboarding.thresholds]\nhttp_req_duratoin = [\"p(95)<1\"]\n\"response_time{outcome:acepted}\" = [\"p(95)<1\"]\n\"response_time{stage:9}\" = [\"p(95)<1\"]\nhttp_reqs = [\"p95 < fast\"]\nchecks = \"rate>0.9\"\nsuccessful_webhooks = [\"count>1\"]\n\"http_reqs{provider:openai}\" = [\"count>1\"]\n\"http_reqs{outcom:accepted}\" = [\"count>1\"]\n",
            ),
        ),
        (
            "rate limit",
            file(
                "[scenarios.onboarding]\nrate_limit = { limit = 0, window = \"10ms\", scope = \"user\" }\n[scenarios.webhook]\nrate_limit = \"off\"\n",
            ),
        ),
        (
            "lists",
            file(
                "[scenarios.credential-vending]\nproviders = [\"openai\", \"openai\"]\nttl_minutes = [60, 241]\nidentities = \"all\"\n",
            ),
        ),
        ("environment without url", file("[environments.preview]\nprofile = \"smoke\"\n")),
        (
            "url with password",
            file("[environments.staging]\nurl = \"https://me:hunter22@example.org\"\n"),
        ),
        (
            "a secret in the file",
            file(
                "[environments.staging]\nurl = \"https://example.org\"\napi_key = \"rsolv_abcdefghijkl\"\n",
            ),
        ),
        ("unknown environment", Try::default().env("stagin")),
        ("unknown profile", Try::default().flags(|f| f.profile = Some("smok".to_owned()))),
        ("url flag", url("api.rsolv.dev")),
        ("url flag with password", url("https://me:hunter22@example.org")),
        ("url with query", url("https://example.org/?a=1")),
        ("url with a long label", url(&format!("http://{}.test", "a".repeat(64)))),
        ("url with a long name", url(&format!("https://{}test", "abcdefgh.".repeat(28)))),
        ("url with a name of no certificate", url("https://-bad-.test")),
        ("embedded with url", url("https://example.org").env("embedded")),
        (
            "scales",
            Try::default().flags(|f| {
                f.rate_scale = Some("0".to_owned());
                f.duration_scale = Some("inf".to_owned());
                f.cooldown = Some("soon".to_owned());
                f.seed = Some("-1".to_owned());
            }),
        ),
        ("unconfirmed production", Try::default().env("production")),
        (
            "wrong confirmation",
            Try::default().env("production").flags(|f| {
                f.confirm_production = Some("production".to_owned());
            }),
        ),
        (
            "more keys than there are",
            file("[scenarios.credential-vending]\nidentities = 3\n").var("TEST_API_KEY_1", "k"),
        ),
    ]
}

/// A key whose shape nobody knows, pasted where something else belongs.
#[test]
fn what_the_environment_keeps_secret_is_not_quoted_wherever_it_was_written() {
    const KEY: &str = "Zq7Tm4Xw9Lk2Vb8Nc3";
    for text in [
        format!("x = \"{KEY}\"\n"),
        format!("{KEY} = 1\n"),
        format!("[environments.{KEY}]\nurl = 1\n"),
        format!("[environments.t]\nurl = \"x\" # {KEY}\n"),
    ] {
        let told = Try::file(&text).env("t").var("TEST_API_KEY_1", KEY).refusal();
        assert!(!told.contains(KEY), "{told}");
    }
    let seed = Try::default().var("TEST_API_KEY_1", KEY).var("LOAD_GATE_SEED", KEY).refusal();
    assert!(seed.contains("LOAD_GATE_SEED") && !seed.contains(KEY), "{seed}");
}

#[test]
fn mistakes_point_at_the_line_and_say_what_was_expected() {
    let mut page = String::new();
    for (name, attempt) in bad_inputs() {
        let _ = writeln!(page, "## {name}\n{}\n", attempt.refusal());
    }
    assert!(!page.contains("hunter22") && !page.contains("rsolv_abc"), "a secret is shown");
    insta::assert_snapshot!("mistakes", page);
}

proptest! {
    // tests/fuzz tries many more, from seeds that are configs.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        if let Err(problems) = Try::file(&text).resolve(Purpose::Run) {
            let _ = problems.render(true);
        }
    }

    #[test]
    fn no_value_makes_it_panic(
        table in prop::sample::select(vec![
            "engine", "probes", "environments.staging", "scenarios.onboarding",
            "scenarios.onboarding.rate_limit", "scenarios.webhook", "scenarios.credential-vending",
            "scenarios.onboarding.profiles", "scenarios.onboarding.thresholds",
        ]),
        key in prop::sample::select(vec![
            "timeout", "max_body", "share", "url", "max_rate", "identities", "rate_limit", "limit",
            "window", "full", "providers", "ttl_minutes", "duplicates", "http_reqs", "'é{x:y}'",
        ]),
        value in prop::sample::select(vec![
            "1", "-1", "99999999999999999999999", "1e999", "nan", "\"\"", "\"é\"", "[]", "{}", "[[]]",
            "[{}]", "1979-05-27", "true", "\"9999999999999y\"", "[{duration='9999999h',target=1}]",
            "['p(95)<1']", "[{threshold='x'}]", "'99999999999999999999MiB'", "\"\\u0000\"",
        ]),
    ) {
        let text = format!("[{table}]\n{key} = {value}\n");
        if let Err(problems) = Try::file(&text).resolve(Purpose::Run) {
            prop_assert!(!problems.is_empty());
            let _ = problems.render(true);
        }
    }
}
