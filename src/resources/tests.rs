//! Answers as Prometheus gives them, and servers that aren't Prometheus.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;

use super::answer::{matrix, value};
use super::window::Grid;
use super::*;
use crate::config::{Access, ResourceQuery, ResourcesSettings};
use crate::measure::ResourceUnit;
use crate::preflight::CheckState;
use crate::secret::Secret;
use crate::units::{Nanos, Timestamp};

const GRID: Grid = Grid { first: 1_700_000_000, last: 1_700_000_020, step: 5 };

fn window(from: i64, to: i64) -> Window {
    Window { from: Timestamp { unix_millis: from }, to: Timestamp { unix_millis: to } }
}

#[test]
fn a_matrix_of_one_series_is_laid_on_the_moments_asked_for() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"a":"b"},
        "values":[[1700000000,"0.5"],[1700000005.000,"NaN"],[1700000010,"+Inf"],[1700000020,"2e-1"],
        [1700000025,"9"],[1700000007.5,"9"]]}]}}"#;
    let values = matrix(body.as_bytes(), GRID).expect("one series");
    assert_eq!(values, [Some(0.5), None, None, None, Some(0.2)]);
}

#[test]
fn what_gives_no_series_says_why() {
    let why = |body: &str| matrix(body.as_bytes(), GRID).expect_err("none");
    let success = |result: &str| {
        format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}"#)
    };
    let series = r#"{"metric":{},"values":[[1700000000,"1"]]}"#;
    let all = [
        why(&success("")),
        why(&success(&format!("{series},{series}"))),
        why(&success(r#"{"metric":{},"values":[[1700000000,"NaN"]]}"#)),
        why(r#"{"status":"error","errorType":"bad_data","error":"1:5: parse error"}"#),
        why("<html>"),
        why(r#"{"status":"success"}"#),
        value(success(series).as_bytes()).expect_err("no instant"),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    the query finds nothing
    the query gives 2 series, and one is wanted: put sum(…) or max(…) around it
    the query gives no number
    the query is refused: 1:5: parse error
    what answers there is not Prometheus' HTTP API
    the query finds nothing
    the query gives no number
    ");
}

#[test]
fn the_moments_follow_from_the_length_of_the_load() {
    let grid = |from, to, step| window(from, to).grid(step);
    // Ten seconds: every second in it.
    assert_eq!(grid(1_000_500, 1_010_500, None), Grid { first: 1001, last: 1010, step: 1 });
    // Nine minutes: every five seconds.
    assert_eq!(grid(0, 540_000, None), Grid { first: 0, last: 540, step: 5 });
    let wished = Some(Nanos::from_secs(30));
    assert_eq!(grid(10_000, 100_000, wished), Grid { first: 30, last: 90, step: 30 });
    // Between two moments.
    assert_eq!(grid(1_000_100, 1_000_900, None), Grid { first: 1001, last: 1001, step: 1 });
}

proptest! {
    #[test]
    fn a_grid_is_never_more_than_prometheus_gives(
        from in 0_i64..2_000_000_000_000, lasts in 0_i64..86_400_000, step in prop::option::of(1_u64..3600),
    ) {
        let grid = window(from, from + lasts).grid(step.map(Nanos::from_secs));
        prop_assert!((1..=11_000).contains(&grid.len()), "{grid:?}");
        prop_assert!(grid.first * 1000 >= from);
        prop_assert_eq!(grid.first % grid.step, 0);
        prop_assert!(grid.last * 1000 <= from + lasts || grid.last == grid.first);
    }
}

/// A server that answers every request with `answer`; its URL, and the heads it saw.
fn server(answer: &'static str) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/prometheus", listener.local_addr().expect("an address"));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|n| n > 2) {}
            seen.lock().expect("a lock").push(head);
            let (status, body) = answer.split_once('|').expect("a status and a body");
            let length = body.len();
            let _ = write!(
                reader.into_inner(),
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            );
        }
    });
    (url, heads)
}

fn settings(url: &str) -> ResourcesSettings {
    let query = |name: &str| ResourceQuery {
        name: name.to_owned(),
        query: "max(up{a=\"b\"})".to_owned(),
        unit: ResourceUnit::Number,
    };
    ResourcesSettings {
        url: Some(url.to_owned()),
        access: Access { bearer: Some(Secret::new("hush-hush")), ..Access::default() },
        settle: Nanos::ZERO,
        step: None,
        queries: vec![query("one"), query("two")],
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

#[test]
fn each_query_is_asked_over_the_window_by_whom_the_environment_names() {
    let (url, heads) = server(
        r#"200 OK|{"status":"success","data":{"result":[{"metric":{},"values":[[1001,"3"]]}]}}"#,
    );
    let windows = [window(1_000_500, 1_010_000)];
    let found = run(sample(&settings(&url), &windows, Duration::from_secs(10)));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].len(), 2);
    assert_eq!((found[0][0].count(), found[0][0].quantile(1.0)), (1, Some(3.0)));
    assert_eq!(found[0][0].from.unix_millis, 1_001_000);
    let heads = heads.lock().expect("a lock");
    assert_eq!(heads.len(), 2);
    let wanted = "GET /prometheus/api/v1/query_range?query=max%28up%7Ba%3D%22b%22%7D%29&start=1001&end=1010&step=1";
    assert!(heads[0].starts_with(wanted), "{}", heads[0]);
    assert!(heads[0].to_lowercase().contains("authorization: bearer hush-hush"), "{}", heads[0]);
}

#[test]
fn who_refuses_us_is_asked_once_and_told_without_the_secret() {
    let (url, heads) = server("401 Unauthorized|no token hush-hush here");
    let windows = [window(1_000_000, 1_010_000), window(1_020_000, 1_030_000)];
    let found = run(sample(&settings(&url), &windows, Duration::from_secs(10)));
    assert_eq!(heads.lock().expect("a lock").len(), 1);
    for resource in found.iter().flatten() {
        let why = resource.missing.as_deref().expect("a reason");
        assert!(why.contains("HTTP 401") && !why.contains("hush"), "{why}");
    }
}

#[test]
fn nobody_there_is_told_and_ends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let found =
        run(sample(&settings(&url), &[window(1_000_000, 1_010_000)], Duration::from_secs(10)));
    let why = found[0][0].missing.as_deref().expect("a reason");
    assert!(why.contains("can't be asked"), "{why}");
    let line = run(look(&settings(&url))).expect("a line");
    assert_eq!(line.state, CheckState::Bad);
    let nobody = ResourcesSettings { url: None, ..settings("") };
    assert!(run(look(&nobody)).is_none());
    let windows = [window(0, 1)];
    assert_eq!(run(sample(&nobody, &windows, Duration::ZERO)), [Vec::new()]);
}

#[test]
fn check_says_which_queries_have_a_value() {
    let (url, _) = server(
        r#"200 OK|{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"3"]}]}}"#,
    );
    let line = run(look(&settings(&url))).expect("a line");
    assert_eq!(line.state, CheckState::Ok);
    assert_eq!(line.found, "2 of 2 queries have a value: one 3, two 3");
    let (url, _) = server(r#"200 OK|{"status":"success","data":{"result":[]}}"#);
    let line = run(look(&settings(&url))).expect("a line");
    assert_eq!(line.state, CheckState::Warn);
    assert!(line.found.contains("one, two: the query finds nothing"), "{}", line.found);
}
