//! How the demonstration looks in a terminal. Knows nothing of what it shows.

use std::io::{self, IsTerminal, Stdout, Write};

/// Writes to standard output; a reader that went away is not an error worth ending for.
#[derive(Debug)]
pub(crate) struct Screen {
    out: Stdout,
    colours: Colours,
    steps: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    On,
    Off,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let out = io::stdout();
        let plain = !out.is_terminal() || std::env::var_os("NO_COLOR").is_some();
        Self {
            out,
            colours: if plain { Colours::Off } else { Colours::On },
            steps: 0,
        }
    }

    /// The first line of all.
    pub(crate) fn title(&mut self, name: &str, what: &str) {
        let name = self.paint("1", name);
        self.line(&format!("\n{name}   {what}"));
    }

    /// A new numbered step.
    pub(crate) fn step(&mut self, text: &str) {
        self.steps += 1;
        let text = self.paint("1", text);
        let number = self.paint("36", &format!("{:>2}", self.steps));
        self.line(&format!("\n{number}  {text}"));
    }

    /// A command as somebody would type it, one option per line when it is long.
    pub(crate) fn command(&mut self, words: &[&str]) {
        let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
        let mut lines = vec![quoted.first().cloned().unwrap_or_default()];
        for word in quoted.iter().skip(1) {
            let current = lines.last_mut().map_or(0, |line| line.chars().count());
            if current + word.chars().count() > LINE && word.starts_with("--") {
                lines.push(format!("    {word}"));
            } else if let Some(line) = lines.last_mut() {
                line.push(' ');
                line.push_str(word);
            }
        }
        let text = self.paint("2", &format!("$ {}", lines.join(" \\\n      ")));
        self.line(&format!("    {text}"));
    }

    /// Shows the output of a program, line by line.
    pub(crate) fn says(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.line(&format!("      {line}"));
        }
    }

    /// A fact, in two columns.
    pub(crate) fn fact(&mut self, name: &str, value: &str) {
        self.line(&format!("    {name:<13} {value}"));
    }

    /// Shows the proof of a step.
    pub(crate) fn proof(&mut self, text: &str) {
        let mark = self.paint("32", "✓");
        self.line(&format!("    {mark} {text}"));
    }

    /// Anything else.
    pub(crate) fn line(&mut self, text: &str) {
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).ok();
    }

    pub(crate) fn heading(&mut self, text: &str) {
        let text = self.paint("1", text);
        self.line(&format!("\n{text}"));
    }

    fn paint(&self, code: &str, text: &str) -> String {
        match self.colours {
            Colours::On => format!("\x1b[{code}m{text}\x1b[0m"),
            Colours::Off => text.to_owned(),
        }
    }
}

/// Where long commands are broken, in characters.
const LINE: usize = 88;

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{word}'")
    }
}
