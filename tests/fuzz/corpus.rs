//! Input that once hurt somebody, or that is like it: `tests/fuzz/corpus`. It is tried first, and spoiled like the rest.

use std::fs;
use std::path::Path;

/// Frames of requests without length prefix. Files hold hexadecimal digits; what follows a `#` says why.
pub(crate) fn requests() -> Vec<Vec<u8>> {
    files("requests").iter().map(|text| hex(text)).collect()
}

/// Texts of configuration files.
pub(crate) fn configurations() -> Vec<String> {
    files("config")
}

fn files(directory: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(directory);
    let mut paths: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{directory} is not empty");
    paths
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect()
}

fn hex(text: &str) -> Vec<u8> {
    let lines = text.lines().filter_map(|line| line.split('#').next());
    let digits: String = lines.flat_map(str::split_whitespace).collect();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}
