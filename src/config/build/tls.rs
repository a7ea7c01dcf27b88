//! The certificates of the admin API and of this node among its peers, from their keys.

use std::path::PathBuf;

use super::super::ReadFile;
use super::super::problem::Problem;
use super::super::reference;
use super::Builder;
use crate::chain::Chain;
use crate::tls::{CertificateFiles, ClientCertificates, TlsFiles};

impl Builder {
    /// The certificates that the admin API shows; none: it speaks plain HTTP.
    pub(super) fn http_tls(&mut self, read: ReadFile<'_>) -> Option<TlsFiles> {
        let pair = self.pair(reference::HTTP_CERTIFICATE, reference::HTTP_KEY)?;
        let files = TlsFiles {
            certificates: vec![pair],
            clients: ClientCertificates::NotAsked,
        };
        self.check_files(reference::HTTP_CERTIFICATE, &files, read);
        Some(files)
    }

    /// The certificates that nodes show each other, and the authority by which they know each other.
    pub(super) fn raft_tls(&mut self, read: ReadFile<'_>) -> Option<TlsFiles> {
        let pair = self.pair(reference::RAFT_CERTIFICATE, reference::RAFT_KEY);
        let authorities = self.text(reference::RAFT_CA).map(PathBuf::from);
        match (pair, authorities) {
            (None, None) => None,
            (Some(pair), Some(authorities)) => {
                let files = TlsFiles {
                    certificates: vec![pair],
                    clients: ClientCertificates::Required(authorities),
                };
                self.check_files(reference::RAFT_CERTIFICATE, &files, read);
                Some(files)
            }
            (Some(_), None) => {
                let place = self.place(reference::RAFT_CA);
                let hint = "it is the PEM file of the authority that issues certificates to nodes, and to nobody else";
                let problem =
                    Problem::new(place, "nodes with certificates need this to recognize each other");
                self.problems.push(problem.hint(hint));
                None
            }
            (None, Some(_)) => {
                let place = self.place(reference::RAFT_CA);
                self.refuse(place, "this has no effect without klamm.raft.tls.certificate");
                None
            }
        }
    }

    fn pair(&mut self, certificate: &'static str, key: &'static str) -> Option<CertificateFiles> {
        match (self.text(certificate), self.text(key)) {
            (Some(chain), Some(key)) => Some(CertificateFiles {
                chain: chain.into(),
                key: key.into(),
            }),
            (None, None) => None,
            (Some(_), None) => {
                let place = self.place(key);
                self.refuse(place, format!("{certificate} needs its private key"));
                None
            }
            (None, Some(_)) => {
                let place = self.place(certificate);
                self.refuse(place, format!("{key} needs its certificate"));
                None
            }
        }
    }

    fn check_files(&mut self, key: &str, files: &TlsFiles, read: ReadFile<'_>) {
        if let Err(error) = files.load(read) {
            let place = self.place(key);
            self.refuse(place, Chain(&error));
        }
    }
}
