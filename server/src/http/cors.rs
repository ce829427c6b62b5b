//! The headers that let pages of other origins use this server.
//!
//! As OVMS does it, every response carries the four headers with the values of the flags.
//! Two additions serve browsers: a list of origins is answered with the one that asked, and a
//! preflight that asks for `Authorization` gets it named, since `*` does not include it
//! (Fetch standard, section 3.3.3 "HTTP responses").

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue};

use super::CorsSettings;

/// The answers to what a browser may ask, made once from the flags.
#[derive(Debug)]
pub(crate) struct Cors {
    origins: Origins,
    methods: HeaderValue,
    headers: HeaderValue,
    credentials: HeaderValue,
}

#[derive(Debug)]
enum Origins {
    One(HeaderValue),
    OneOf(Vec<HeaderValue>),
}

/// A flag whose value cannot be sent as a header.
#[derive(Debug, thiserror::Error)]
#[error("{flag} cannot be sent as an HTTP header: {value:?}; use printable characters")]
pub struct CorsError {
    flag: &'static str,
    value: String,
}

impl Cors {
    pub(crate) fn new(settings: &CorsSettings) -> Result<Self, CorsError> {
        let flag = "--allowed_origins";
        let listed: Vec<&str> =
            settings.allowed_origins.split(',').map(str::trim).filter(|o| !o.is_empty()).collect();
        let origins = match listed.as_slice() {
            [] => Origins::OneOf(Vec::new()),
            [one] => Origins::One(value(flag, one)?),
            any if any.contains(&"*") => Origins::One(HeaderValue::from_static("*")),
            many => {
                Origins::OneOf(many.iter().map(|one| value(flag, one)).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self {
            origins,
            methods: value("--allowed_methods", &settings.allowed_methods)?,
            headers: value("--allowed_headers", &settings.allowed_headers)?,
            credentials: HeaderValue::from_static(match settings.allow_credentials {
                true => "true",
                false => "false",
            }),
        })
    }

    /// Adds the headers to a response to a request that had `request` as its headers.
    pub(crate) fn apply(&self, request: &CorsRequest, response: &mut HeaderMap) {
        match &self.origins {
            Origins::One(origin) => {
                response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            }
            Origins::OneOf(allowed) => {
                response.append(VARY, HeaderValue::from_static("origin"));
                let asked = request.origin.as_ref().filter(|origin| allowed.contains(origin));
                if let Some(origin) = asked {
                    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                }
            }
        }
        let allowed_headers = match request.asks_for_authorization && self.headers == "*" {
            true => HeaderValue::from_static("*, Authorization"),
            false => self.headers.clone(),
        };
        response.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        response.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers);
        response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, self.credentials.clone());
        let exposed =
            HeaderValue::from_static("x-request-id, retry-after, x-embedserve-fingerprint");
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// What a request says about where it comes from.
#[derive(Debug, Default)]
pub(crate) struct CorsRequest {
    origin: Option<HeaderValue>,
    asks_for_authorization: bool,
}

impl CorsRequest {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Self {
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).and_then(|h| h.to_str().ok());
        let asks_for_authorization = asked.is_some_and(|names| {
            names.split(',').any(|name| name.trim().eq_ignore_ascii_case("authorization"))
        });
        Self { origin: headers.get(ORIGIN).cloned(), asks_for_authorization }
    }
}

fn value(flag: &'static str, text: &str) -> Result<HeaderValue, CorsError> {
    HeaderValue::from_str(text).map_err(|_| CorsError { flag, value: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(origins: &str, request: &[(&'static str, &'static str)]) -> HeaderMap {
        let settings = CorsSettings { allowed_origins: origins.into(), ..CorsSettings::default() };
        let mut headers = HeaderMap::new();
        for (name, value) in request {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        let mut response = HeaderMap::new();
        let cors = Cors::new(&settings).expect("valid flags");
        cors.apply(&CorsRequest::from_headers(&headers), &mut response);
        response
    }

    #[test]
    fn the_defaults_are_ovms_four_headers() {
        let headers = answered("*", &[]);
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert_eq!(headers["access-control-allow-methods"], "*");
        assert_eq!(headers["access-control-allow-headers"], "*");
        assert_eq!(headers["access-control-allow-credentials"], "false");
    }

    #[test]
    fn a_list_of_origins_is_answered_with_the_one_that_asks() {
        let list = "https://a.example, https://b.example";
        let headers = answered(list, &[("origin", "https://b.example")]);
        assert_eq!(headers["access-control-allow-origin"], "https://b.example");
        assert_eq!(headers["vary"], "origin");
        let stranger = answered(list, &[("origin", "https://c.example")]);
        assert!(!stranger.contains_key("access-control-allow-origin"));
        let one = answered("https://a.example", &[("origin", "https://c.example")]);
        assert_eq!(one["access-control-allow-origin"], "https://a.example");
    }

    #[test]
    fn a_preflight_for_authorization_gets_it_named() {
        let headers =
            answered("*", &[("access-control-request-headers", "content-type, Authorization")]);
        assert_eq!(headers["access-control-allow-headers"], "*, Authorization");
    }

    #[test]
    fn a_flag_that_is_no_header_value_is_refused() {
        let settings = CorsSettings { allowed_methods: "GET\n".into(), ..CorsSettings::default() };
        assert!(Cors::new(&settings).is_err());
    }
}
