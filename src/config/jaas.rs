//! `sasl.jaas.config`: the one-line form of a JAAS entry, read as Kafka's clients read it.
//!
//! Kafka tokenizes it with Java's `StreamTokenizer`: words, quoted texts with backslash escapes, and comments. Options
//! that a module does not know are left alone, and of an option that is repeated the last value counts, as in Java.
//! Stricter than that: a quoted text must end. Messages never show a value.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

use crate::secret::Secret;

const PLAIN_MODULE: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
const SCRAM_MODULE: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const BEARER_MODULE: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";

/// The beginning of the names of SASL extensions (KIP-342).
const EXTENSION: &str = "extension_";

/// A login module that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Module {
    Plain,
    Scram,
    Bearer,
}

impl Module {
    /// The name of the login module that goes with a SASL mechanism.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => PLAIN_MODULE,
            Self::Scram => SCRAM_MODULE,
            Self::Bearer => BEARER_MODULE,
        }
    }

    /// An entry by which a user logs in with a password.
    pub(crate) fn login(self, username: &str, password: &str) -> String {
        format!(
            "{} required username={} password={};",
            self.name(),
            quoted(username),
            quoted(password)
        )
    }

    fn find(name: &str) -> Option<Self> {
        // Libraries that bring Kafka's client along put a name of their own before those of its classes.
        let is_shaded = |known: &str| name.strip_suffix(known).is_some_and(|rest| rest.ends_with('.'));
        [Self::Plain, Self::Scram, Self::Bearer]
            .into_iter()
            .find(|module| module.name() == name || is_shaded(module.name()))
    }

    /// The options that it takes.
    fn options(self) -> &'static [&'static str] {
        match self {
            Self::Plain | Self::Scram => &["username", "password"],
            Self::Bearer => &["clientId", "clientSecret", "scope"],
        }
    }
}

/// A text as the value of an option.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JaasEntry {
    pub(super) module: Module,
    options: BTreeMap<&'static str, Secret>,
    /// SASL extensions of OAUTHBEARER, by their names.
    pub(super) extensions: BTreeMap<String, String>,
}

impl JaasEntry {
    /// An entry of which only the module is known.
    pub(super) fn unread(module: Module) -> Self {
        let options = module.options().iter();
        Self {
            module,
            options: options.map(|name| (*name, Secret::new(""))).collect(),
            extensions: BTreeMap::new(),
        }
    }

    /// The options that were given, each with its value.
    pub(super) fn options_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Secret)> {
        self.options.iter_mut().map(|(name, value)| (*name, value))
    }

    /// An option that was given.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Secret> {
        self.options.remove(name)
    }

    /// An option that must be given.
    pub(super) fn demand(&mut self, name: &'static str) -> Result<Secret, JaasError> {
        self.take(name).ok_or(JaasError::Missing(name))
    }
}

/// Why a JAAS text cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum JaasError {
    #[error("the login module is missing")]
    NoModule,
    /// Empty when the text does not look like a login module: it may be a secret in the wrong place.
    #[error("the login module {0:?} is not supported; use {PLAIN_MODULE}, {SCRAM_MODULE} or {BEARER_MODULE}")]
    OtherModule(String),
    #[error("a control flag must follow the login module: required, requisite, sufficient or optional")]
    NoFlag,
    #[error("the option {0} has no value, as in {0}=\"...\"")]
    NoValue(&'static str),
    /// Its name may be a part of a secret.
    #[error("a word has no value: an option is written name=\"...\", and a value with spaces must be quoted")]
    LoneWord,
    #[error("the value of {0} begins with a digit or a special character: quote it")]
    Unquoted(&'static str),
    #[error("a quoted text is not closed")]
    OpenQuote,
    #[error("the entry does not end with a semicolon")]
    NoSemicolon,
    #[error("there is more than one entry")]
    SecondEntry,
    #[error("there is something other than options, such as {}", .0.join(", "))]
    NoOption(&'static [&'static str]),
    #[error("the option {0} is missing")]
    Missing(&'static str),
    #[error("an extension must have only letters in its name, and printable characters in its value")]
    Extension,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Quoted(String),
    /// A number or a sign: nothing that can be a name or a value.
    Sign(char),
}

/// Reads a JAAS entry.
pub(super) fn parse(text: &str) -> Result<JaasEntry, JaasError> {
    let mut tokens = Tokens {
        chars: text.chars().peekable(),
    };
    let module = module(&mut tokens)?;
    match tokens.next()? {
        Some(Token::Word(flag))
            if ["required", "requisite", "sufficient", "optional"]
                .iter()
                .any(|known| flag.eq_ignore_ascii_case(known)) => {}
        _ => return Err(JaasError::NoFlag),
    }
    let mut entry = JaasEntry {
        module,
        options: BTreeMap::new(),
        extensions: BTreeMap::new(),
    };
    while let Some(name) = option_name(&mut tokens, module)? {
        match name {
            OptionName::Known(name) => {
                let value = Secret::new(option_value(&mut tokens, name)?);
                entry.options.insert(name, value);
            }
            OptionName::Unknown => skip_value(&mut tokens)?,
            OptionName::Extension(name) => {
                let value = option_value(&mut tokens, "extension")?;
                let fits = !value.is_empty() && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
                if !fits {
                    return Err(JaasError::Extension);
                }
                entry.extensions.insert(name, value);
            }
        }
    }
    if tokens.next()?.is_some() {
        return Err(JaasError::SecondEntry);
    }
    Ok(entry)
}

fn module(tokens: &mut Tokens<'_>) -> Result<Module, JaasError> {
    match tokens.next()? {
        Some(Token::Word(name)) => Module::find(&name).ok_or_else(|| {
            let is_module = name.ends_with("LoginModule");
            JaasError::OtherModule(if is_module { name } else { String::new() })
        }),
        Some(Token::Quoted(name)) => Module::find(&name).ok_or(JaasError::OtherModule(String::new())),
        Some(Token::Sign(_)) | None => Err(JaasError::NoModule),
    }
}

enum OptionName {
    Known(&'static str),
    Extension(String),
    /// Another module's, such as `serviceName`.
    Unknown,
}

/// The next option's name; `None` at the semicolon.
fn option_name(tokens: &mut Tokens<'_>, module: Module) -> Result<Option<OptionName>, JaasError> {
    match tokens.next()? {
        Some(Token::Sign(';')) => Ok(None),
        Some(Token::Word(name) | Token::Quoted(name)) => {
            if let Some(known) = module.options().iter().find(|known| **known == name) {
                return Ok(Some(OptionName::Known(known)));
            }
            match name.strip_prefix(EXTENSION).filter(|_| module == Module::Bearer) {
                Some(extension) if is_extension(extension) => {
                    Ok(Some(OptionName::Extension(extension.to_owned())))
                }
                Some(_) => Err(JaasError::Extension),
                None => Ok(Some(OptionName::Unknown)),
            }
        }
        Some(_) => Err(JaasError::NoOption(module.options())),
        None => Err(JaasError::NoSemicolon),
    }
}

fn is_extension(name: &str) -> bool {
    !name.is_empty() && name != "auth" && name.bytes().all(|b| b.is_ascii_alphabetic())
}

fn skip_value(tokens: &mut Tokens<'_>) -> Result<(), JaasError> {
    match (tokens.next()?, tokens.next()?) {
        (Some(Token::Sign('=')), Some(Token::Word(_) | Token::Quoted(_))) => Ok(()),
        _ => Err(JaasError::LoneWord),
    }
}

fn option_value(tokens: &mut Tokens<'_>, name: &'static str) -> Result<String, JaasError> {
    if tokens.next()? != Some(Token::Sign('=')) {
        return Err(JaasError::NoValue(name));
    }
    match tokens.next()? {
        Some(Token::Word(value) | Token::Quoted(value)) => Ok(value),
        Some(Token::Sign(';')) | None => Err(JaasError::NoValue(name)),
        Some(Token::Sign(_)) => Err(JaasError::Unquoted(name)),
    }
}

struct Tokens<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Tokens<'_> {
    fn next(&mut self) -> Result<Option<Token>, JaasError> {
        loop {
            let Some(c) = self.chars.next() else {
                return Ok(None);
            };
            match c {
                c if c <= ' ' => {}
                '/' => self.skip_comment(),
                '"' | '\'' => return self.quoted(c).map(|text| Some(Token::Quoted(text))),
                c if starts_word(c) => return Ok(Some(Token::Word(self.word(c)))),
                c => return Ok(Some(Token::Sign(c))),
            }
        }
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(c) = self.chars.next_if(|c| continues_word(*c)) {
            word.push(c);
        }
        word
    }

    fn quoted(&mut self, quote: char) -> Result<String, JaasError> {
        let mut text = String::new();
        loop {
            match self.chars.next() {
                None | Some('\n' | '\r') => return Err(JaasError::OpenQuote),
                Some(c) if c == quote => return Ok(text),
                Some('\\') => text.push(self.escaped()?),
                Some(c) => text.push(c),
            }
        }
    }

    /// The character that a backslash and the next characters stand for: C's letters, up to three octal digits, else
    /// the character.
    fn escaped(&mut self) -> Result<char, JaasError> {
        Ok(match self.chars.next().ok_or(JaasError::OpenQuote)? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            first @ '0'..='7' => {
                let mut code = first as u32 - '0' as u32;
                // A third digit only while the value stays below 256.
                let more = if first <= '3' { 2 } else { 1 };
                for _ in 0..more {
                    let Some(digit) = self.chars.next_if(|c| ('0'..='7').contains(c)) else {
                        break;
                    };
                    code = code * 8 + (digit as u32 - '0' as u32);
                }
                char::from_u32(code).expect("three octal digits are below 512")
            }
            other => other,
        })
    }

    /// The first slash is consumed already. `/* */` ends where it says, any other slash starts a comment of one line.
    fn skip_comment(&mut self) {
        if self.chars.next_if_eq(&'*').is_none() {
            while self.chars.next_if(|c| !matches!(c, '\n' | '\r')).is_some() {}
            return;
        }
        let mut star = false;
        for c in self.chars.by_ref() {
            if star && c == '/' {
                return;
            }
            star = c == '*';
        }
    }
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$') || c >= '\u{a0}'
}

fn continues_word(c: char) -> bool {
    starts_word(c) || c.is_ascii_digit() || matches!(c, '.' | '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(options: &str, expected: Result<(&str, &str), JaasError>) {
        let text = format!("{PLAIN_MODULE} required {options}");
        let got = parse(&text).and_then(|mut entry| {
            let (username, password) = (entry.demand("username")?, entry.demand("password")?);
            Ok((username.reveal().to_owned(), password.reveal().to_owned()))
        });
        assert_eq!(got, expected.map(|(u, p)| (u.to_owned(), p.to_owned())), "{text}");
    }

    #[test]
    fn reads_what_kafka_reads() {
        check(r#"username="alice" password="secret";"#, Ok(("alice", "secret")));
        check(
            "username='alice' password='it is \"fine\"';",
            Ok(("alice", "it is \"fine\"")),
        );
        check(
            "username=alice\n  password=s.e-c_r$et ;",
            Ok(("alice", "s.e-c_r$et")),
        );
        check(
            r#"username="a" password="a\"b\\c;=//d";"#,
            Ok(("a", "a\"b\\c;=//d")),
        );
        check(r#"username="a" password="\101\7\t\q";"#, Ok(("a", "A\u{7}\tq")));
        check(r#"username="a" password="\4001";"#, Ok(("a", " 01")));
        check("username=a password=a-1;", Ok(("a", "a-1")));
        check("username=a password=päss;", Ok(("a", "päss")));
        check("username=a password=b/c;\n;", Ok(("a", "b")));
        check("username=a password=b/**/;", Ok(("a", "b")));
        check(r#"username="a\u0041" "password"=b;"#, Ok(("au0041", "b")));
        check("username=a /* why */ password=b; // end", Ok(("a", "b")));
        check(r#"username="" password="";"#, Ok(("", "")));
        check("username=a password=b serviceName=kafka;", Ok(("a", "b")));
        check("username=x password=y username=a password=b;", Ok(("a", "b")));
        for shade in ["kafkashaded.", "org.apache.flink.kafka.shaded."] {
            let entry = parse(&format!("{shade}{PLAIN_MODULE} required username=a password=b;"));
            assert_eq!(entry.map(|entry| entry.module), Ok(Module::Plain), "{shade}");
        }
        assert!(parse(&format!("un{PLAIN_MODULE} required username=a password=b;")).is_err());
    }

    #[test]
    fn refuses_the_rest_and_says_why() {
        check("username=a password=b", Err(JaasError::NoSemicolon));
        check("username=a;", Err(JaasError::Missing("password")));
        check("password=a;", Err(JaasError::Missing("username")));
        check("username=a password=\"b;", Err(JaasError::OpenQuote));
        check("username=a password=\"b\n\";", Err(JaasError::OpenQuote));
        check("username=a password=;", Err(JaasError::NoValue("password")));
        check("username=a password b;", Err(JaasError::NoValue("password")));
        check("username=a password=-b;", Err(JaasError::Unquoted("password")));
        check("username=a password=12;", Err(JaasError::Unquoted("password")));
        check("= username=a;", Err(JaasError::NoOption(Module::Plain.options())));
        check(
            "username=a password=b; other.Module required;",
            Err(JaasError::SecondEntry),
        );
        check("username=a password=my secret;", Err(JaasError::LoneWord));
        check("username=a password=b serviceName;", Err(JaasError::LoneWord));
        check("usrname=a password=b;", Err(JaasError::Missing("username")));
        assert_eq!(
            parse("my secret").unwrap_err(),
            JaasError::OtherModule(String::new())
        );
        assert_eq!(parse("").unwrap_err(), JaasError::NoModule);
        assert_eq!(
            parse(&format!("{PLAIN_MODULE} username=a;")).unwrap_err(),
            JaasError::NoFlag
        );
        assert_eq!(
            parse("com.sun.security.auth.module.Krb5LoginModule required;").unwrap_err(),
            JaasError::OtherModule("com.sun.security.auth.module.Krb5LoginModule".into())
        );
    }

    proptest! {
        #[test]
        fn what_is_quoted_comes_back(username in any::<String>(), password in any::<String>()) {
            let quote = |text: &str| {
                let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
                format!("\"{escaped}\"")
            };
            let text = format!("{PLAIN_MODULE} required username={} password={};", quote(&username), quote(&password));
            let mut entry = parse(&text).expect("a valid entry");
            let (given, secret) = (entry.demand("username").unwrap(), entry.demand("password").unwrap());
            prop_assert_eq!(given.reveal(), username);
            prop_assert_eq!(secret.reveal(), password);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse(&format!("{PLAIN_MODULE} required {text}"));
        }
    }
}
