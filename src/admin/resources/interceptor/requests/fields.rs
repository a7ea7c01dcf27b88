//! The fields of a configuration, each read for itself.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::admin::body::read_text;
use crate::admin::resources::interceptor::plugins::configuration;
use crate::admin::resources::invalid::Invalid;

pub(super) struct PluginFields(Map<String, Value>);

impl PluginFields {
    pub(super) fn of(config: &str) -> Result<Self, Invalid> {
        configuration(config).map(Self)
    }

    /// One of them, if it is there and not null.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Invalid> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read_text(&value.to_string())
                .map(Some)
                .map_err(|error| Invalid::new(format!("spec.config.{name}: {error}"))),
        }
    }

    /// One of them, which is then not there any more.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Invalid> {
        let value = self.get(name)?;
        self.0.remove(name);
        Ok(value)
    }

    /// Those that are there.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Checks that all of them were taken.
    pub(super) fn end(&self) -> Result<(), Invalid> {
        match self.names().next() {
            Some(name) => Err(Invalid::new(format!("spec.config: the field {name} is unknown"))),
            None => Ok(()),
        }
    }
}
