//! Java's key stores, which are not read: recognised, and refused with the command that makes PEM of them. Pure.

use std::path::Path;

/// The command that makes a PEM file of a store in another form. `None` when the file does not look like one: by its
/// name, or by the type that somebody says it has.
pub fn conversion(path: &Path, stated_type: Option<&str>) -> Option<String> {
    let stated = stated_type.unwrap_or_default().to_ascii_uppercase();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let shown = path.display();
    let pkcs12 = |file: &str| format!("openssl pkcs12 -in {file} -nodes -out store.pem");
    match (stated.as_str(), extension.to_ascii_lowercase().as_str()) {
        ("PKCS12", _) | ("", "p12" | "pfx" | "pkcs12") => Some(pkcs12(&shown.to_string())),
        ("JKS" | "JCEKS" | "BCFKS", _) | ("", "jks" | "keystore" | "truststore") => Some(format!(
            "keytool -importkeystore -srckeystore {shown} -destkeystore store.p12 -deststoretype PKCS12 && {}",
            pkcs12("store.p12")
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, stated: Option<&str>, expected: Option<&str>) {
        let command = conversion(Path::new(path), stated);
        match expected {
            Some(part) => assert!(
                command.as_deref().is_some_and(|command| command.contains(part)),
                "{path}: {command:?}"
            ),
            None => assert_eq!(command, None, "{path}"),
        }
    }

    #[test]
    fn stores_of_java_are_recognised_by_name_or_type() {
        check("/etc/a.p12", None, Some("openssl pkcs12 -in /etc/a.p12 "));
        check("a.PFX", None, Some("openssl pkcs12 -in a.PFX "));
        check("a.jks", None, Some("keytool -importkeystore -srckeystore a.jks "));
        check(
            "a.bin",
            Some("jks"),
            Some("keytool -importkeystore -srckeystore a.bin "),
        );
        check("a.bin", Some("PKCS12"), Some("openssl pkcs12 -in a.bin "));
        check("a.pem", None, None);
        check("a.jks", Some("PEM"), None);
    }
}
