//! From the texts of properties to their values: as they are written in a configuration; in a resource, references that the
//! node follows. A secret must be one there.

use crate::secret::Secret;

use super::ReadFile;
use super::backends::{BackendReader, Text};
use super::jaas::JaasEntry;
use super::kafka_names::{
    KEYSTORE_CHAIN, KEYSTORE_KEY, OAUTH_CLIENT_ID, OAUTH_CLIENT_SECRET, SASL_JAAS_CONFIG,
    TRUSTSTORE_CERTIFICATES,
};
use super::problem::SettingPlace;
use super::references::{FORMS, Follow, Reference};

/// The properties that can be a reference as a whole.
const REFERRING: [&str; 6] = [
    SASL_JAAS_CONFIG,
    OAUTH_CLIENT_ID,
    OAUTH_CLIENT_SECRET,
    TRUSTSTORE_CERTIFICATES,
    KEYSTORE_CHAIN,
    KEYSTORE_KEY,
];

/// The properties, and the options of a login module, that are a secret as a whole.
const SECRETS: [&str; 4] = [OAUTH_CLIENT_SECRET, KEYSTORE_KEY, "password", "clientSecret"];

/// How properties get their values.
#[derive(Clone, Copy)]
pub(super) enum Values<'a> {
    /// They are as they are written, and paths are read.
    Written(ReadFile<'a>),
    /// They may be references, and secrets must be. None: these are only checked.
    Referring(Option<Follow<'a>>),
}

/// Where a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextOrigin {
    Written,
    /// A reference was followed.
    Followed,
    /// A reference was not followed: the text is the reference, or empty.
    Unread,
}

impl Text {
    /// Whether nobody knows the text.
    pub(super) fn is_unread(&self) -> bool {
        self.origin == TextOrigin::Unread
    }
}

impl BackendReader<'_> {
    /// The value of a property that is written so. What is wrong with a reference is a problem, and the text is not known then.
    pub(super) fn valued(&mut self, name: &'static str, text: String, place: SettingPlace) -> Text {
        let (text, origin) = match self.values {
            Values::Written(_) => (text, TextOrigin::Written),
            Values::Referring(_) => self.referred(name, text, &place),
        };
        Text { text, place, origin }
    }

    fn referred(&mut self, name: &str, text: String, place: &SettingPlace) -> (String, TextOrigin) {
        let may_refer = REFERRING.contains(&name);
        let wrong = match Reference::parse(&text) {
            Some(Ok(reference)) if may_refer => return self.follow(&reference, place),
            Some(Ok(_)) => format!(
                "this cannot be a reference: only secrets and certificates can be, and user names in {SASL_JAAS_CONFIG}"
            ),
            Some(Err(why)) => why,
            None => match unreferred(name, &text) {
                Some(wrong) => wrong,
                None => return (text, TextOrigin::Written),
            },
        };
        self.refuse(place.clone(), wrong);
        (String::new(), TextOrigin::Unread)
    }

    /// Follows a reference, if it is to be followed.
    fn follow(&mut self, reference: &Reference, place: &SettingPlace) -> (String, TextOrigin) {
        let followed = match self.values {
            Values::Referring(Some(follow)) => follow(reference),
            Values::Referring(None) | Values::Written(_) => {
                self.is_unread = true;
                return (reference.to_string(), TextOrigin::Unread);
            }
        };
        match followed {
            Ok(secret) => (secret.reveal().to_owned(), TextOrigin::Followed),
            Err(unfollowed) => {
                self.refuse(place.clone(), unfollowed.to_string());
                self.is_unread = true;
                (String::new(), TextOrigin::Unread)
            }
        }
    }

    /// The options of a login module that is written in a resource, each with its value.
    pub(super) fn options_valued(&mut self, entry: &mut JaasEntry, jaas: &Text) {
        if matches!(self.values, Values::Written(_)) || jaas.origin != TextOrigin::Written {
            return;
        }
        for (name, value) in entry.options_mut() {
            let wrong = match Reference::parse(value.reveal()) {
                Some(Ok(reference)) => {
                    *value = Secret::new(self.follow(&reference, &jaas.place).0);
                    continue;
                }
                Some(Err(why)) => Some(why),
                None => unreferred(name, value.reveal()),
            };
            if let Some(wrong) = wrong {
                self.refuse(jaas.place.clone(), format!("{name}: {wrong}"));
            }
        }
    }
}

/// The fault of a text that is not a reference, if it must be one or is one in part.
fn unreferred(name: &str, text: &str) -> Option<String> {
    if SECRETS.contains(&name) {
        return Some(format!(
            "a resource holds no secrets, since every reader of the admin API sees it: write a reference instead, {FORMS}"
        ));
    }
    // The options in it are looked at one by one.
    let is_partly = text.contains("${") && name != SASL_JAAS_CONFIG;
    is_partly.then(|| format!("a reference must be all of the value: {FORMS}"))
}
