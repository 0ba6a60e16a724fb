//! What Prometheus' HTTP API answers, read with suspicion.

use serde::Deserialize;

use super::window::Grid;

/// An answer of `/api/v1/query_range` or `/api/v1/query`.
#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    result: Vec<Series>,
}

/// A series of a matrix (`values`) or of a vector (`value`).
#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

/// The one series of a range query on the moments of `grid`; an error says why there is
/// none, in words.
pub(super) fn matrix(body: &[u8], grid: Grid) -> Result<Vec<Option<f64>>, String> {
    let series = one(body)?;
    let mut values = vec![None; grid.len()];
    for (at, text) in &series.values {
        let place = (*at - grid.first as f64) / grid.step as f64;
        // What lies between two moments was not asked for.
        if place.fract().abs() < 1e-3
            && place >= 0.0
            && let Some(value) = values.get_mut(place as usize)
        {
            *value = finite(text);
        }
    }
    if values.iter().all(Option::is_none) {
        return Err(NOTHING.to_owned());
    }
    Ok(values)
}

/// The one value of an instant query.
pub(super) fn value(body: &[u8]) -> Result<f64, String> {
    let series = one(body)?;
    series.value.and_then(|(_, text)| finite(&text)).ok_or_else(|| NOTHING.to_owned())
}

const NOTHING: &str = "the query gives no number";

fn one(body: &[u8]) -> Result<Series, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|_| "what answers there is not Prometheus' HTTP API".to_owned())?;
    if answer.status != "success" {
        return Err(format!("the query is refused: {}", answer.error));
    }
    let mut series = answer.data.map(|data| data.result).unwrap_or_default();
    match (series.len(), series.pop()) {
        (1, Some(series)) => Ok(series),
        (0, _) | (_, None) => Err("the query finds nothing".to_owned()),
        (n, _) => Err(format!(
            "the query gives {n} series, and one is wanted: put sum(…) or max(…) around it"
        )),
    }
}

/// A number as Prometheus writes it; `NaN` and `+Inf` are none.
fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}
