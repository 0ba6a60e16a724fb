//! The production guard: whether a URL points at a protected host, however it is spelled.

use std::net::Ipv4Addr;

use url::{Host, Url};

/// A host in the one spelling that two names of the same host share: lower case,
/// IDN as punycode, no trailing dot, addresses as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CanonicalHost(Host<String>);

impl std::fmt::Display for CanonicalHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The host of `url`; port, user, path and spelling don't matter. `None`: it has none.
///
/// The `url` crate follows the WHATWG standard, as the HTTP client does: percent
/// escapes, full-width letters and dots, backslashes, tabs and odd IPv4 spellings
/// are resolved before anything is compared.
#[must_use]
pub fn canonical_host(url: &Url) -> Option<CanonicalHost> {
    let host = match url.host()? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            // `127.0.0.1..` is a name to the parser and may be an address to a resolver.
            match name.parse::<Ipv4Addr>() {
                Ok(address) => Host::Ipv4(address),
                Err(_) if name.is_empty() => return None,
                Err(_) => Host::Domain(name),
            }
        }
        Host::Ipv4(address) => Host::Ipv4(address),
        // A mapped address reaches the same IPv4 host.
        Host::Ipv6(address) => address.to_ipv4_mapped().map_or(Host::Ipv6(address), Host::Ipv4),
    };
    Some(CanonicalHost(host))
}

/// An environment that needs a confirmation.
#[derive(Clone, Debug)]
pub struct Protected {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: CanonicalHost,
}

/// The protected environments at whose host `url` points. Subdomains and other
/// hosts are not protected.
#[must_use]
pub fn protected_by<'a>(url: &Url, environments: &'a [Protected]) -> Vec<&'a str> {
    let Some(host) = canonical_host(url) else { return Vec::new() };
    environments.iter().filter(|e| e.host == host).map(|e| e.name.as_str()).collect()
}

/// Whether `confirmation` names exactly the host of `url`: a bare host, with or
/// without a port, in any spelling.
#[must_use]
pub fn confirms(confirmation: &str, url: &Url) -> bool {
    let text = confirmation.trim();
    // A URL, a path or a user around the host is not a host: it would only hide
    // which one is meant.
    let foreign = |c: char| c.is_whitespace() || c.is_control() || "/\\@?#".contains(c);
    if text.is_empty() || text.contains(foreign) {
        return false;
    }
    let bare = format!("https://{text}");
    let bracketed = format!("https://[{text}]");
    let named = Url::parse(&bare).or_else(|_| Url::parse(&bracketed)).ok();
    let named = named.as_ref().and_then(canonical_host);
    named.is_some() && named == canonical_host(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("parses")
    }

    fn protected(text: &str) -> Vec<Protected> {
        let host = canonical_host(&url(text)).expect("has a host");
        vec![Protected { name: "production".to_owned(), host }]
    }

    #[test]
    fn every_spelling_of_the_production_host_is_protected() {
        for spelling in [
            "https://api.rsolv.dev",
            "http://api.rsolv.dev",
            "HTTPS://API.RSOLV.DEV",
            "https://Api.Rsolv.Dev/",
            "https://api.rsolv.dev:443",
            "https://api.rsolv.dev:8443",
            "http://api.rsolv.dev:80/",
            "https://api.rsolv.dev.",
            "https://api.rsolv.dev.:443/",
            "https://user@api.rsolv.dev",
            "https://user:password@api.rsolv.dev",
            "https://api.rsolv-staging.com@api.rsolv.dev",
            "https://:@api.rsolv.dev",
            "https://api.rsolv.dev/api/v1",
            "https://api.rsolv.dev?x=1",
            "https://api.rsolv.dev#x",
            "https:api.rsolv.dev",
            "https:/api.rsolv.dev",
            "https:///api.rsolv.dev",
            "https:\\\\api.rsolv.dev",
            "https:/\\api.rsolv.dev\\x",
            "https://api.rsolv.dev\\@staging.example.org",
            "https://api.rs\tolv.dev",
            "https://api.rsolv\n.dev",
            "ht\ttps://api.rsolv.dev",
            "  https://api.rsolv.dev  ",
            "https://%61pi.rsolv.dev",
            "https://api%2ersolv%2Edev",
            "https://api\u{3002}rsolv\u{3002}dev",
            "https://api\u{ff0e}rsolv\u{ff0e}dev",
            "https://api\u{ff61}rsolv.dev",
            "https://\u{ff41}\u{ff50}\u{ff49}.rsolv.dev",
            "https://\u{24d0}pi.rsolv.dev",
            "https://api.r\u{17f}olv.dev",
            "https://a\u{ad}pi.rsolv.dev",
            "https://api\u{200b}.rsolv.dev",
        ] {
            let found = Url::parse(spelling)
                .map(|url| protected_by(&url, &protected("https://api.rsolv.dev")).join(","));
            assert_eq!(found.as_deref(), Ok("production"), "{spelling:?}");
        }
    }

    #[test]
    fn addresses_and_international_names_have_one_spelling() {
        for (host, spellings) in [
            (
                "https://192.0.2.1",
                &[
                    "http://192.0.2.1.",
                    "http://0xc0000201",
                    "http://3221225985",
                    "http://0300.0.2.1",
                    "http://192.0.513",
                    "http://[::ffff:192.0.2.1]",
                    "http://[::ffff:c000:201]:99",
                    "http://192.0.2.1",
                ][..],
            ),
            (
                "https://[2001:db8::1]",
                &[
                    "https://[2001:DB8:0:0:0:0:0:1]:443",
                    "https://[2001:0db8:0000::0001]",
                    "http://x@[2001:db8::0.0.0.1]",
                ][..],
            ),
            (
                "https://bücher.example",
                &[
                    "https://xn--bcher-kva.example",
                    "https://BÜCHER.example.",
                    "https://bu\u{308}cher.example",
                    "https://b%C3%BCcher.example",
                ][..],
            ),
        ] {
            for spelling in spellings {
                let environments = protected(host);
                let found = protected_by(&url(spelling), &environments);
                assert_eq!(found, ["production"], "{spelling}");
                let named = url(spelling).host_str().expect("has a host").to_owned();
                assert!(confirms(&named, &url(host)), "{named}");
            }
        }
    }

    #[test]
    fn other_hosts_are_not_protected() {
        for other in [
            "https://api.rsolv-staging.com",
            "https://x.api.rsolv.dev",
            "https://rsolv.dev",
            "https://api.rsolv.dev.example.org",
            "https://api.rsolv.dev@example.org",
            "https://example.org/api.rsolv.dev",
            "https://example.org\\@api.rsolv.dev",
            "https://api-rsolv.dev",
            "https://\u{430}pi.rsolv.dev",
        ] {
            let environments = protected("https://api.rsolv.dev");
            let found = protected_by(&url(other), &environments);
            assert!(found.is_empty(), "{other}");
        }
    }

    #[test]
    fn a_confirmation_names_the_host_and_nothing_else() {
        let production = url("https://api.rsolv.dev");
        for yes in
            ["api.rsolv.dev", "API.rsolv.dev.", " api.rsolv.dev:443\n", "api\u{3002}rsolv.dev"]
        {
            assert!(confirms(yes, &production), "{yes:?}");
        }
        for no in [
            "",
            " ",
            "yes",
            "true",
            "production",
            "rsolv.dev",
            "https://api.rsolv.dev",
            "*.rsolv.dev",
            "x@api.rsolv.dev",
            "api.rsolv.dev/x",
            "api.rsolv.dev\\x",
            "api.rsolv.dev api.rsolv.dev",
            "api.rsolv-staging.com",
            "api.rsolv.dev?",
            "api.rs\tolv.dev",
        ] {
            assert!(!confirms(no, &production), "{no:?}");
        }
        assert!(confirms("::1", &url("http://[0:0::1]:80")));
        assert!(confirms("[::1]", &url("http://[::1]")));
    }
}
