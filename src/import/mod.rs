//! Requests that others have written down (Hurl, OpenAPI, curl) become tables of scenarios.
//!
//! What a table can't say is told in comments; what is or may be a secret stays behind.

mod check;
mod curl;
mod curl_options;
mod draft;
mod error;
mod hurl;
mod hurl_asserts;
mod hurl_text;
mod openapi;
mod render;
mod schema;
mod schema_checks;
mod secrets;
mod words;

#[cfg(test)]
mod tests;

pub use curl::curl;
pub use error::ImportError;
pub use hurl::hurl;
pub use openapi::openapi;
