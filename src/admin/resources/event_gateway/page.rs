//! Lists of event gateways: which items are wanted, and one page of them after another.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::admin::resources::invalid::Invalid;

/// How many items a page has if nobody says.
const USUAL_SIZE: usize = 100;

/// How many items a page has at most.
const MOST: usize = 1000;

/// The query of a list. What its values can be is for [`ListQuery::read`] to say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct ListQuery {
    #[serde(rename = "page[size]")]
    size: Option<String>,
    #[serde(rename = "page[after]")]
    after: Option<String>,
    #[serde(rename = "filter[name][contains]")]
    name_contains: Option<String>,
    #[serde(rename = "filter[name][eq]")]
    name_is: Option<String>,
    #[serde(rename = "filter[backend_cluster_id][eq]")]
    backend_cluster: Option<String>,
    #[serde(rename = "filter[virtual_cluster_id][eq]")]
    virtual_cluster: Option<String>,
    #[serde(rename = "filter[parent_policy_id]")]
    parent_policy: Option<String>,
}

/// Which items are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct WantedPage {
    query: ListQuery,
    size: usize,
    /// The name of the last item that the client has.
    after: Option<String>,
}

/// One page of a list.
#[derive(Debug, Serialize)]
pub(in crate::admin) struct Page<T> {
    meta: Meta,
    data: Vec<T>,
}

#[derive(Debug, Serialize)]
struct Meta {
    page: Place,
}

/// Where the page is among the others: paths to ask for them.
#[derive(Debug, Serialize)]
struct Place {
    first: String,
    next: Option<String>,
    /// Pages are read forwards only.
    previous: Option<String>,
    size: usize,
}

impl ListQuery {
    /// Checks what is wanted.
    pub(in crate::admin) fn read(self) -> Result<WantedPage, Invalid> {
        // A client may send a parameter without a value.
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let size = match given(&self.size) {
            None => USUAL_SIZE,
            Some(text) => {
                let size = text.parse().ok().filter(|size| (1..=MOST).contains(size));
                size.ok_or_else(|| Invalid::new(format!("page[size] must be from 1 to {MOST}")))?
            }
        };
        let after = match given(&self.after) {
            None => None,
            Some(text) => {
                let bytes = URL_SAFE_NO_PAD.decode(&text).ok();
                let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                Some(name.ok_or_else(|| {
                    Invalid::new(format!(
                        "page[after] {text:?} is not the meta.page.next of a previous page"
                    ))
                })?)
            }
        };
        Ok(WantedPage {
            query: self,
            size,
            after,
        })
    }
}

impl WantedPage {
    /// Whether the name passes.
    pub(in crate::admin) fn has_name(&self, name: &str) -> bool {
        let folded = name.to_lowercase();
        let contains = self.query.name_contains.as_deref();
        let is = self.query.name_is.as_deref();
        contains.is_none_or(|part| folded.contains(&part.to_lowercase())) && is.is_none_or(|is| is == name)
    }

    /// The id of the physical cluster whose items are wanted alone.
    pub(in crate::admin) fn backend_cluster(&self) -> Option<&str> {
        self.query.backend_cluster.as_deref()
    }

    /// The id of the virtual cluster whose items are wanted alone.
    pub(in crate::admin) fn virtual_cluster(&self) -> Option<&str> {
        self.query.virtual_cluster.as_deref()
    }

    /// Whether policies without a parent are wanted.
    pub(in crate::admin) fn has_no_parent(&self) -> bool {
        self.query.parent_policy.as_deref().is_none_or(str::is_empty)
    }

    /// The page of those of `items` that pass by their names, which order them.
    pub(in crate::admin) fn page<T>(
        &self,
        path: &str,
        items: impl IntoIterator<Item = (String, T)>,
    ) -> Page<T> {
        let mut items: Vec<(String, T)> = items
            .into_iter()
            .filter(|(name, _)| self.has_name(name))
            .filter(|(name, _)| self.after.as_ref().is_none_or(|after| name > after))
            .collect();
        items.sort_by(|(a, _), (b, _)| a.cmp(b));
        let is_last = items.len() <= self.size;
        items.truncate(self.size);
        let last = items.last().filter(|_| !is_last).map(|(name, _)| name.as_str());
        Page {
            meta: Meta {
                page: Place {
                    first: self.path(path, None),
                    next: last.map(|name| self.path(path, Some(name))),
                    previous: None,
                    size: self.size,
                },
            },
            data: items.into_iter().map(|(_, item)| item).collect(),
        }
    }

    /// Where the page after `name` is, among the same items.
    fn path(&self, path: &str, name: Option<&str>) -> String {
        let mut query = vec![format!("page[size]={}", self.size)];
        query.extend(name.map(|name| format!("page[after]={}", URL_SAFE_NO_PAD.encode(name))));
        for (key, value) in [
            ("filter[name][contains]", &self.query.name_contains),
            ("filter[name][eq]", &self.query.name_is),
            ("filter[backend_cluster_id][eq]", &self.query.backend_cluster),
            ("filter[virtual_cluster_id][eq]", &self.query.virtual_cluster),
        ] {
            query.extend(value.as_ref().map(|value| format!("{key}={}", escaped(value))));
        }
        format!("{path}?{}", query.join("&"))
    }
}

/// A text as a value of a query.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use actix_web::web;

    use super::*;

    fn query(text: &str) -> Result<WantedPage, String> {
        let query = web::Query::<ListQuery>::from_query(text).map_err(|error| error.to_string())?;
        query.into_inner().read().map_err(|error| error.to_string())
    }

    fn pages(first: &str, names: &[&str]) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut next = Some(format!("/list?{first}"));
        while let Some(path) = next {
            let wanted = query(path.split_once('?').unwrap().1).unwrap();
            let items = names.iter().map(|name| ((*name).to_owned(), (*name).to_owned()));
            let page = wanted.page("/list", items);
            next = page.meta.page.next;
            pages.push(page.data);
            assert!(pages.len() < 10);
        }
        pages
    }

    #[test]
    fn pages_follow_one_another_and_hold_everything_once() {
        let names = ["c", "a", "b", "ä/&", "e"];
        assert_eq!(pages("", &names), [["a", "b", "c", "e", "ä/&"]]);
        assert_eq!(
            pages("page%5Bsize%5D=2", &names),
            [vec!["a", "b"], vec!["c", "e"], vec!["ä/&"]]
        );
        assert_eq!(pages("page[size]=5", &names).len(), 1);
        assert_eq!(pages("page[size]=1", &[]), [Vec::<String>::new()]);
    }

    #[test]
    fn a_filter_stays_from_page_to_page() {
        let names = ["team-a", "other", "Team-b", "steam c"];
        let found = pages("page[size]=1&filter[name][contains]=team&page[after]=", &names);
        assert_eq!(found, [["Team-b"], ["steam c"], ["team-a"]]);
        assert_eq!(pages("filter[name][eq]=other", &names), [["other"]]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, part) in [
            ("page[size]=0", "page[size] must be from 1 to 1000"),
            ("page[size]=x", "page[size] must be from 1 to 1000"),
            ("page[after]=*", "meta.page.next"),
            ("filter[nam][eq]=x", "unknown field"),
        ] {
            let refused = query(text).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
