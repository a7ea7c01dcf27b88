//! The statuses of all answers that the tests of the admin API get: an operation answers with one that its description
//! lists, and a path or method that there is none for says so.

use std::sync::LazyLock;

use super::{Method, VCLUSTER, handlers};

/// The statuses that an operation lists.
struct Listed {
    path: &'static str,
    method: Method,
    statuses: Vec<&'static str>,
}

static LISTED: LazyLock<Vec<Listed>> = LazyLock::new(|| {
    let api = handlers::api();
    let listed = api.operations().map(|operation| Listed {
        path: operation.path,
        method: operation.method.clone(),
        statuses: std::iter::once(operation.success.0)
            .chain(operation.failure_statuses())
            .collect(),
    });
    listed.collect()
});

/// The statuses of requests that concern no operation: turned away, an unknown path, a method that the path lacks.
const NOWHERE: [u16; 2] = [403, 404];
const NO_METHOD: [u16; 2] = [403, 405];

/// Whether a path is one of a template such as `/kinds/{name}`.
fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(part, found)| *part == found || part.starts_with('{') && !found.is_empty())
}

/// Whether the description lets a request be answered with this status.
fn is_listed(method: &Method, path: &str, status: u16) -> bool {
    let path = path.split('?').next().unwrap_or_default();
    let method = match *method {
        Method::HEAD => &Method::GET,
        _ => method,
    };
    let Some(first) = LISTED.iter().find(|listed| fits(listed.path, path)) else {
        return NOWHERE.contains(&status);
    };
    let mut here = LISTED.iter().filter(|listed| listed.path == first.path);
    let Some(operation) = here.find(|listed| listed.method == *method) else {
        return NO_METHOD.contains(&status);
    };
    operation.statuses.iter().any(|listed| match *listed {
        "default" => status >= 400,
        listed => listed == status.to_string(),
    })
}

#[track_caller]
pub(super) fn check(method: &Method, path: &str, status: u16) {
    assert!(
        is_listed(method, path, status),
        "{method} {path} was answered with {status}, which the description of the operation does not list"
    );
}

#[test]
fn a_status_that_no_operation_lists_is_noticed() {
    assert!(is_listed(&Method::GET, &format!("{VCLUSTER}/mypartner?a=b"), 200));
    assert!(is_listed(&Method::HEAD, VCLUSTER, 200));
    for (method, path, status) in [
        (Method::GET, VCLUSTER, 204),
        (Method::PUT, VCLUSTER, 418),
        (Method::PATCH, VCLUSTER, 200),
        (Method::GET, "/gateway/v2/nowhere", 200),
        (Method::GET, "/gateway/v2/virtual-cluster/", 200),
    ] {
        assert!(!is_listed(&method, path, status), "{method} {path} {status}");
    }
}
