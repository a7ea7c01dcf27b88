//! The problem of a text that is not YAML, in plain words: those of the parser are for programmers, and may quote what
//! nobody should see. Pure.

use serde_saphyr::Error;

/// Where a text is not YAML, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MalformedYaml {
    /// Counted from 1.
    pub(crate) line: Option<u64>,
    pub(crate) message: String,
}

/// The problem in plain words.
pub(crate) fn malformed(error: &Error) -> MalformedYaml {
    let line = error.location().map(|location| location.line());
    MalformedYaml {
        line: line.filter(|line| *line > 0),
        message: format!("this is not valid YAML: {}", words(error.without_snippet())),
    }
}

fn words(error: &Error) -> &'static str {
    match error {
        Error::DuplicateMappingKey { .. } => "the same key is given twice",
        Error::MultipleDocuments { .. } => "there is more than one YAML document",
        Error::Eof { .. } => "it ends too early",
        Error::InvalidUtf8Input => "it is not UTF-8",
        Error::UnknownAnchor { .. } => {
            "a * refers to a name that no & defines; if it is part of a text, quote the text"
        }
        Error::NonFiniteFloat { .. } => {
            "a number is too large or malformed; if it is meant as text, quote it"
        }
        Error::SerdeInvalidType { unexpected, .. } | Error::SerdeInvalidValue { unexpected, .. }
            if unexpected.contains("integer") =>
        {
            "a number is too large; if it is meant as text, quote it"
        }
        Error::AliasError { error, .. } => words(error),
        Error::Message { .. } | Error::ExternalMessage { .. } => of_parser(&error.to_string()),
        _ if error.to_string().contains("budget") => {
            "it is too large, or lists and maps are nested too deeply"
        }
        _ => "the text there is invalid",
    }
}

/// By the words in which the parser says what it stumbled on.
fn of_parser(said: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if says(&["tab"]) {
        "a tab is used where spaces are required"
    } else if says(&["mapping values are not allowed", "implicit key"]) {
        "a text contains a colon, or a line is indented too far; quote a text that contains a colon and a space"
    } else if says(&["expected ',' or ']'", "flow sequence"]) {
        "a list in [ ] is not closed, or a comma is missing in it"
    } else if says(&["expected ',' or '}'", "flow mapping"]) {
        "a map in { } is not closed, or a comma is missing in it"
    } else if says(&["escape", "hexadecimal", "surrogate"]) {
        "a backslash in double quotes begins an unknown escape; in single quotes it stays as it is"
    } else if says(&["quoted scalar", "unclosed", "quote"]) {
        "a quoted text is not closed"
    } else if says(&["anchor", "alias"]) {
        "a text begins with & or *: quote it"
    } else if says(&["tag", "directive"]) {
        "a text begins with ! or %: quote it"
    } else if says(&[
        "expected key",
        "'-' indicator",
        "block mapping",
        "block sequence",
        "indent",
    ]) {
        "a line is not indented like those before it, or is not a key followed by a colon"
    } else if says(&["depth", "nest", "recursion", "budget"]) {
        "it is too large, or lists and maps are nested too deeply"
    } else {
        "a line is not valid YAML; quote texts that begin with a special character"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let error = serde_saphyr::from_multiple::<Value>(text).expect_err(text);
        let malformed = malformed(&error);
        assert!(malformed.line.is_some(), "{text:?}: {malformed:?}");
        assert!(malformed.message.contains(expected), "{text:?}: {malformed:?}");
        for library in [
            "while ",
            "serde",
            "visitor",
            "budget",
            "scalar",
            "EOF",
            "expected <",
        ] {
            assert!(!malformed.message.contains(library), "{text:?}: {malformed:?}");
        }
    }

    #[test]
    fn mistakes_in_yaml_are_said_in_plain_words() {
        check("a: 1\na: 2\n", "given twice");
        check("a:\n\tb: 1\n", "tab");
        check("a: b: c\n", "quote a text that contains a colon");
        check("a: 1e999\n", "quote it");
        for text in [
            "a: [1, 2\nb: 3\n",
            "a: 1\nb: {c: 1\n",
            "a: 'x\n",
            "a: \"\\q\"\n",
            "a: *b\n",
            "a: 1\n  b: 2\n",
            "a: @b\n",
            "a: %b\n",
        ] {
            check(text, "this is not valid YAML: ");
        }
    }
}
