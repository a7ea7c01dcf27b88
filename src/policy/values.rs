//! The values of conditions and templates: of a request, before its records are looked at, and of one record. All are
//! borrowed where they lie.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

use super::context::PolicyContext;
use super::vocabulary::Named;
use crate::expression::{JsonText, Keyed, Lookup, NoAnswer, Operand};
use crate::records::Draft;

/// The value of a name that tells of the client; none if it tells of something else.
pub(super) fn of_client(context: &PolicyContext, named: Named) -> Result<Operand<'_>, NoAnswer> {
    let text = match named {
        Named::AuthType => context.auth.name(),
        Named::PrincipalName => context.principal.name(),
        Named::ClientId => context.client_id.as_deref().ok_or(NoAnswer::Missing)?,
        Named::ClientAddress => &context.client_address,
        Named::VclusterName => context.vcluster.as_str(),
        _ => return Err(NoAnswer::NotYet),
    };
    Ok(Operand::Text(Cow::Borrowed(text)))
}

/// The values that all records of a topic in a request share.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestValues<'a> {
    pub(super) context: &'a PolicyContext,
    pub(super) topic: &'a str,
}

impl<'a> RequestValues<'a> {
    fn named(&self, named: Named) -> Result<Operand<'a>, NoAnswer> {
        match named {
            Named::TopicName => Ok(Operand::Text(Cow::Borrowed(self.topic))),
            other => of_client(self.context, other),
        }
    }
}

impl Lookup for RequestValues<'_> {
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer> {
        self.named(Named::of(variable).ok_or(NoAnswer::Missing)?)
    }
}

/// The state of knowledge of the syntax of a record's value. Remembered while policies look at the record, until one makes
/// another value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    NotAsked,
    Json,
    Other,
}

/// A record while a policy looks at it.
pub(super) struct RecordValues<'a> {
    request: RequestValues<'a>,
    partition: i32,
    record: &'a Draft<'a>,
    syntax: &'a Cell<Syntax>,
    headers: LastHeaders<'a>,
    all_headers: AllHeaders<'a>,
}

impl<'a> RecordValues<'a> {
    pub(super) fn new(
        request: RequestValues<'a>,
        partition: i32,
        record: &'a Draft<'a>,
        syntax: &'a Cell<Syntax>,
    ) -> Self {
        Self {
            request,
            partition,
            record,
            syntax,
            headers: LastHeaders(record),
            all_headers: AllHeaders(record),
        }
    }

    fn content(&self) -> Result<Operand<'_>, NoAnswer> {
        let value = self.record.value().ok_or(NoAnswer::Missing)?;
        if self.syntax.get() == Syntax::NotAsked {
            self.syntax.set(match JsonText::is_json(value) {
                true => Syntax::Json,
                false => Syntax::Other,
            });
        }
        match self.syntax.get() {
            Syntax::Json => JsonText::of(value).operand(),
            _ => Err(NoAnswer::NotJson),
        }
    }
}

impl Lookup for RecordValues<'_> {
    fn value(&self, variable: usize) -> Result<Operand<'_>, NoAnswer> {
        match Named::of(variable).ok_or(NoAnswer::Missing)? {
            Named::Key => text_or_null(self.record.key()),
            Named::Value => text_or_null(self.record.value()),
            Named::Content => self.content(),
            Named::Headers => Ok(Operand::Keyed(&self.headers)),
            Named::AllHeaders => Ok(Operand::Keyed(&self.all_headers)),
            Named::Timestamp => Ok(Operand::Int(self.record.timestamp())),
            Named::Partition => Ok(Operand::Int(self.partition.into())),
            Named::Offset => Ok(Operand::Int(self.record.offset())),
            other => self.request.named(other),
        }
    }
}

fn text_or_null(bytes: Option<&[u8]>) -> Result<Operand<'_>, NoAnswer> {
    bytes.map_or(Ok(Operand::Null), Operand::of_bytes)
}

/// `record.headers`: of headers that have the same name, the last.
#[derive(Debug)]
struct LastHeaders<'a>(&'a Draft<'a>);

impl Keyed for LastHeaders<'_> {
    fn count(&self) -> usize {
        self.0.headers().count()
    }

    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer> {
        let named = self.0.headers().filter(|header| header.name == name.as_bytes());
        text_or_null(named.last().ok_or(NoAnswer::Missing)?.value)
    }

    fn names(&self) -> Vec<&str> {
        names(self.0)
    }
}

/// `record.allHeaders`: of headers that have the same name, the list.
#[derive(Debug)]
struct AllHeaders<'a>(&'a Draft<'a>);

impl Keyed for AllHeaders<'_> {
    fn count(&self) -> usize {
        self.0.headers().count()
    }

    fn member(&self, name: &str) -> Result<Operand<'_>, NoAnswer> {
        let named = self.0.headers().filter(|header| header.name == name.as_bytes());
        let values: Vec<_> = named
            .map(|header| text_or_null(header.value))
            .collect::<Result<_, _>>()?;
        match values.is_empty() {
            true => Err(NoAnswer::Missing),
            false => Ok(Operand::Literal(values)),
        }
    }

    fn names(&self) -> Vec<&str> {
        names(self.0)
    }
}

/// The names of headers that are texts: an expression cannot speak of others.
fn names<'a>(record: &'a Draft<'_>) -> Vec<&'a str> {
    let texts = record
        .headers()
        .filter_map(|header| std::str::from_utf8(header.name).ok());
    texts.collect::<BTreeSet<_>>().into_iter().collect()
}
