//! Parts of a record that others take the place of, all at once or not at all: where one of them cannot be made, the record
//! stays as it is.

use std::borrow::Cow;

use super::{Place, RecordEdits, RecordHeader, Staged, StagedPart};
use crate::records::record::Record;

impl RecordEdits {
    /// Forgets what was staged.
    pub(in crate::records) fn unstage(&mut self) {
        self.staged.clear();
    }

    /// Stages another key. `rewrite` finds the key at the end of a buffer, from a place on, and leaves there what takes its
    /// place. False where the key is null, which it stays.
    pub(in crate::records) fn stage_key<E>(
        &mut self,
        body: &[u8],
        record: &Record,
        rewrite: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        let came = record.key.clone().map(Place::Came);
        let place = self.key.clone().or(came);
        self.stage(body, (StagedPart::Key, place), rewrite)
    }

    /// Stages another value, as [`Self::stage_key`] does a key.
    pub(in crate::records) fn stage_value<E>(
        &mut self,
        body: &[u8],
        record: &Record,
        rewrite: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        let came = record.value.clone().map(Place::Came);
        let place = self.value.clone().or(came);
        self.stage(body, (StagedPart::Value, place), rewrite)
    }

    /// Stages other values of the headers of the names that are meant, but for those that are null; whether there is one.
    pub(in crate::records) fn stage_headers<E>(
        &mut self,
        body: &[u8],
        record: &Record,
        is_meant: impl Fn(&[u8]) -> bool,
        mut rewrite: impl FnMut(&[u8], &mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        let is_there = |header: RecordHeader<'_>| header.value.is_some() && is_meant(header.name);
        if !self.headers(body, record).any(is_there) {
            return Ok(false);
        }
        self.begin(body, record);
        for at in 0..self.list.len() {
            let value = self.list[at].value.clone();
            let name = match self.list[at].name.clone() {
                Place::Came(range) => Cow::Borrowed(&body[range]),
                // Another policy has made it.
                Place::Made(range) => Cow::Owned(self.made[range].to_vec()),
            };
            if value.is_some() && is_meant(&name) {
                self.stage(body, (StagedPart::Header(at), value), |buffer, from| {
                    rewrite(&name, buffer, from)
                })?;
            }
        }
        Ok(true)
    }

    /// The key that is staged, if one is.
    pub(in crate::records) fn staged_key(&self) -> Option<&[u8]> {
        let of_key = self.staged.iter().find(|staged| staged.part == StagedPart::Key);
        match &of_key?.place {
            Place::Made(range) => Some(&self.made[range.clone()]),
            Place::Came(_) => None,
        }
    }

    /// Puts what is staged in its place.
    pub(in crate::records) fn commit(&mut self) {
        for Staged { part, place } in self.staged.drain(..) {
            match part {
                StagedPart::Key => self.key = Some(place),
                StagedPart::Value => self.value = Some(place),
                StagedPart::Header(at) => self.list[at].value = Some(place),
            }
        }
    }

    /// Takes note that it is encrypted.
    pub(in crate::records) fn seal(&mut self) {
        self.is_sealed = true;
    }

    fn stage<E>(
        &mut self,
        body: &[u8],
        (part, place): (StagedPart, Option<Place>),
        rewrite: impl FnOnce(&mut Vec<u8>, usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        let from = self.made.len();
        match place {
            None => return Ok(false),
            Some(Place::Came(range)) => self.made.extend_from_slice(&body[range]),
            Some(Place::Made(range)) => self.made.extend_from_within(range),
        }
        rewrite(&mut self.made, from)?;
        let place = Place::Made(from..self.made.len());
        self.staged.push(Staged { part, place });
        Ok(true)
    }
}
