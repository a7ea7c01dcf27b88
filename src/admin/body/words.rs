//! The faults of JSON that is not valid here, in plain words: the deserializer's own are for programmers. Texts are never
//! shown, because they may be passwords.

use serde_json::error::Category;

/// The fault and its place. `path` is that of the field, as far as it is known.
pub(super) fn of(path: &str, error: &serde_json::Error) -> String {
    match error.classify() {
        Category::Data => {
            let text = error.to_string();
            at(path, &without_place(&text))
        }
        Category::Syntax | Category::Eof | Category::Io => format!(
            "this is not valid JSON: it cannot be parsed at line {} column {}",
            error.line(),
            error.column()
        ),
    }
}

/// The message of a deserializer of another form, in plain words.
pub(super) fn at(path: &str, message: &str) -> String {
    let field = |name: &str| match path {
        "" | "." | "?" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    let here = match path {
        "" | "." | "?" => "the input",
        path => path,
    };
    if let Some((name, known)) = quoted_after(message, "unknown field ") {
        // The path of a field that is not known ends with it.
        let whole = match path == name || path.ends_with(&format!(".{name}")) {
            true => path.to_owned(),
            false => field(name),
        };
        return match list(known) {
            Some(known) => format!("the field {whole} is unknown; the fields are {known}"),
            None => format!("the field {whole} is unknown: no fields are allowed here"),
        };
    }
    if let Some((name, _)) = quoted_after(message, "missing field ") {
        return format!("the field {} is missing", field(name));
    }
    if let Some((name, _)) = quoted_after(message, "duplicate field ") {
        return format!("the field {} is given twice", field(name));
    }
    if let Some((name, known)) = quoted_after(message, "unknown variant ") {
        let known = list(known).unwrap_or_default();
        return format!("{here}: {name:?} is unknown; use one of {known}");
    }
    let mismatch = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "));
    // A list where the fields of a map are expected is a map without names to a deserializer.
    if let Some((_, expected)) = message
        .strip_prefix("invalid length ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!(
            "{here} must be {}, but is a list of a different length",
            wanted(expected)
        );
    }
    match mismatch.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, expected)) => format!("{here} must be {}, but is {}", wanted(expected), shown(found)),
        None => format!("{here} is not what is expected"),
    }
}

/// The message without the line and column, which mean nothing to whoever wrote another form than JSON.
fn without_place(message: &str) -> String {
    match message.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => message.to_owned(),
    }
}

/// The text in backticks after some words, and the rest.
fn quoted_after<'a>(message: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let (name, rest) = message.strip_prefix(words)?.strip_prefix('`')?.split_once('`')?;
    Some((name, rest))
}

/// The names in backticks.
fn list(text: &str) -> Option<String> {
    let names: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The plain word for what a deserializer expects.
fn wanted(expected: &str) -> &str {
    match expected {
        "a string" | "a borrowed string" | "string or map" | "a character" => "a text",
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative and not too large",
        "i8" | "i16" | "i32" | "i64" => "a whole number that is not too large",
        "f32" | "f64" => "a number",
        text if text.starts_with("a sequence") => "a list",
        text if ["a map", "struct", "internally tagged enum"]
            .iter()
            .any(|word| text.starts_with(word)) =>
        {
            "a map of fields"
        }
        _ => "something else",
    }
}

/// The value that a deserializer found, without a text.
fn shown(found: &str) -> String {
    let value = |text: &str| text.split('`').nth(1).unwrap_or_default().to_owned();
    match found.split_once(' ').map_or(found, |(word, _)| word) {
        "integer" => format!("the number {}", value(found)),
        "floating" => format!("the number {}", value(found)),
        "boolean" => value(found),
        "null" | "unit" => "empty".to_owned(),
        "string" | "character" => "a text".to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a map".to_owned(),
        _ => "something else".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Thing {
        name: String,
        on: Option<bool>,
        count: Option<u32>,
        list: Option<Vec<String>>,
        way: Option<Way>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Way {
        Up,
        Down,
    }

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let error = serde_path_to_error::deserialize::<_, Thing>(&mut deserializer).expect_err("wrong");
        let path = error.path().to_string();
        assert_eq!(of(&path, error.inner()), expected, "{json}");
    }

    #[test]
    fn what_is_right_is_read() {
        let json = r#"{"name":"x","on":true,"count":1,"list":["a"],"way":"down"}"#;
        let thing: Thing = serde_json::from_str(json).unwrap();
        assert_eq!(
            (thing.name.as_str(), thing.on, thing.count),
            ("x", Some(true), Some(1))
        );
        assert_eq!(thing.list, Some(vec!["a".to_owned()]));
        assert!(thing.way == Some(Way::Down) && thing.way != Some(Way::Up));
    }

    #[test]
    fn mistakes_are_said_in_plain_words_with_their_place() {
        check(r#"{"name":123}"#, "name must be a text, but is the number 123");
        check(r#"{"name":1e3}"#, "name must be a text, but is the number 1000.0");
        check(r#"{"name":true}"#, "name must be a text, but is true");
        check(r#"{"name":null}"#, "name must be a text, but is empty");
        check(r#"{"name":["x"]}"#, "name must be a text, but is a list");
        check(
            r#"{"name":"x","on":"hidden"}"#,
            "on must be true or false, but is a text",
        );
        check(
            r#"{"name":"x","count":-1}"#,
            "count must be a whole number that is not negative and not too large, but is the number -1",
        );
        check(
            r#"{"name":"x","list":["a",5]}"#,
            "list[1] must be a text, but is the number 5",
        );
        check(r#"{"name":"x","list":"a"}"#, "list must be a list, but is a text");
        check(
            r#"{"nam":"x"}"#,
            "the field nam is unknown; the fields are name, on, count, list, way",
        );
        check("{}", "the field name is missing");
        check(r#"{"name":"x","name":"y"}"#, "the field name is given twice");
        check(
            r#"{"name":"x","way":"left"}"#,
            "way: \"left\" is unknown; use one of up, down",
        );
        check(
            "[]",
            "the input must be a map of fields, but is a list of a different length",
        );
        check("7", "the input must be a map of fields, but is the number 7");
        check(
            "{\"name\":\n",
            "this is not valid JSON: it cannot be parsed at line 2 column 0",
        );
    }
}
