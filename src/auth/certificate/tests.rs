//! Subjects against what `X500Principal.getName()` of OpenJDK 17 gives for the same bytes. The certificates were made with
//! openssl and keytool, the rarer names by hand.

use proptest::prelude::*;

use super::*;

/// Names in DER, and what Java writes for them.
const NAMES: [(&str, &str); 32] = [
    (
        "3062310b3009060355040613024445310f300d06035504080c064265726c696e310e300c06035504070c054d6974746531133011060355040a0c0a41636d652c20496e632e310c300a060355040b0c03522644310f300d06035504030c06777269746572",
        "CN=writer,OU=R&D,O=Acme\\, Inc.,L=Mitte,ST=Berlin,C=DE",
    ),
    ("3010310e300c06035504030c05236c656164", "CN=\\#lead"),
    (
        "30183116301406035504030c0d2074776f207370616365732020",
        "CN=\\ two spaces\\ \\ ",
    ),
    (
        "302e31183016060355040a0c0f612b623c633e643b6522665c673d683112301006035504030c09c3bc2dc3a92de5ad97",
        "CN=ü-é-字,O=a\\+b\\<c\\>d\\;e\\\"f\\\\g\\=h",
    ),
    (
        "305531133011060a0992268993f22c6401191603636f6d31173015060a0992268993f22c64011916076578616d706c6531153013060a0992268993f22c6401010c05616c696365310e300c06035504030c05416c696365",
        "CN=Alice,UID=alice,DC=example,DC=com",
    ),
    (
        "302f3114301206092a864886f70d01090116056140622e63310b3009060355040513023432310a300806035504030c0178",
        "CN=x,2.5.4.5=#13023432,1.2.840.113549.1.9.1=#16056140622e63",
    ),
    (
        "302b3119300a060355040b0c034f7073300b060355040a0c0441636d65310e300c06035504030c056d756c7469",
        "CN=multi,OU=Ops+O=Acme",
    ),
    (
        "3043310e300c06035504090c053120576179310b3009060355040c0c024472310b300906035504040c025375310b3009060355042a0c024769310a300806035504030c016e",
        "CN=n,2.5.4.42=#0c024769,2.5.4.4=#0c025375,2.5.4.12=#0c024472,STREET=1 Way",
    ),
    ("300e310c300a06035504030c03202020", "CN=\\ \\ \\ "),
    (
        "30503112301006092a864886f70d0109011603654066310d300b060355040c1304626f7373310c300a060355040a0c03782379310e300c060355040b1305206c656164310d300b06035504031304712c2077",
        "CN=q\\, w,OU=\\ lead,O=x\\#y,2.5.4.12=#1304626f7373,1.2.840.113549.1.9.1=#1603654066",
    ),
    ("300f310d300b06035504031e04004700fc", "CN=\\00G\\00�"),
    ("300d310b30090603550403140247fc", "CN=G�"),
    ("300d310b3009060355040312023432", "CN=#12023432"),
    ("300c310a30080603550403130141", "CN=A"),
    ("300f310d300b06035504031c0400000041", "CN=#1c0400000041"),
    ("300d310b300906035504031b024142", "CN=AB"),
    ("300b3109300706035504030c00", "CN="),
    ("300e310c300a06035504030c0341000d", "CN=A\\00\\\r"),
    ("300f310d300b06035504030c040d410d20", "CN=\\\rA\\\r\\ "),
    ("300f310d300b06035504030c044109420a", "CN=A\tB\n"),
    ("300d310b3009060355040304024142", "CN=#04024142"),
    ("300e310c300a06035504030c03ff41fe", "CN=�A�"),
    (
        "30133111300f06092a864886f70d0109141e020041",
        "1.2.840.113549.1.9.20=#1e020041",
    ),
    ("300b31093007060288370c0141", "2.999=#0c0141"),
    ("300c310a300806038134030c0141", "2.100.3=#0c0141"),
    ("300d310b300906035504030c025c20", "CN=\\\\\\ "),
    ("300e310c300a06035504060c03e282ac", "C=€"),
    (
        "30133111300f060a0992268993f22c6401030c0141",
        "0.9.2342.19200300.100.1.3=#0c0141",
    ),
    ("300b3109300706022a03130141", "1.2.3=#130141"),
    ("301531133011060a0992268993f22c6401191603636f6d", "DC=com"),
    ("300e310c300a06035504090c03e2802e", "STREET=�."),
    ("300a310830060601690c0141", "2.25=#0c0141"),
];

/// A whole certificate, in DER.
const CERTIFICATE: &str = "30820218308201bfa0030201020214798c76645557e49ea26013ec63eeefa11e79791c300a06082a8648ce3d0403023062310b3009060355040613024445310f300d06035504080c064265726c696e310e300c06035504070c054d6974746531133011060355040a0c0a41636d652c20496e632e310c300a060355040b0c03522644310f300d06035504030c06777269746572301e170d3236313132313036353934385a170d3336313131383036353934385a3062310b3009060355040613024445310f300d06035504080c064265726c696e310e300c06035504070c054d6974746531133011060355040a0c0a41636d652c20496e632e310c300a060355040b0c03522644310f300d06035504030c067772697465723059301306072a8648ce3d020106082a8648ce3d030107034200045f2e1a1859448544dc8ec8ffe26575213ccf83871542def86fe016b4860e708f74eed4d719909da3b162a5093c993cfa3331f39695453dd81b8e9896090a81eda3533051301d0603551d0e041604146bbeffbeddad440151ddb1f37e25f1275cd82256301f0603551d230418301680146bbeffbeddad440151ddb1f37e25f1275cd82256300f0603551d130101ff040530030101ff300a06082a8648ce3d040302034700304402206f462cfc34663b4fbd116baf4fc07501225bba2a65dce91d7e0b90196961f4650220228e85c13321a27a95a02a417e15d0197be08e10d874c6711df7ae0749d8d146";

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn names_are_written_as_java_writes_them() {
    for (der, expected) in NAMES {
        assert_eq!(name(&bytes(der)).as_deref(), Ok(expected), "{der}");
    }
}

#[test]
fn the_subject_and_the_end_of_a_certificate_are_found() {
    let expected = ClientCertificate {
        subject: NAMES[0].1.to_owned(),
        not_after: UnixMillis::from_secs(2_110_604_388),
    };
    assert_eq!(read(&bytes(CERTIFICATE)), Ok(expected));
}

/// The seconds of a time, or that it is none.
fn check_time(tag: u8, text: &str, expected: Result<u64, BadCertificate>) {
    let content = text.as_bytes();
    let item = Item {
        tag,
        content,
        whole: content,
    };
    assert_eq!(time(item), expected.map(UnixMillis::from_secs), "{text}");
}

#[test]
fn times_are_counted_from_1970() {
    check_time(UTC_TIME, "700101000000Z", Ok(0));
    check_time(UTC_TIME, "491231235959Z", Ok(2_524_607_999));
    check_time(UTC_TIME, "500101000000Z", Ok(0));
    check_time(GENERALIZED_TIME, "20000301000000Z", Ok(951_868_800));
    check_time(GENERALIZED_TIME, "20240229120000Z", Ok(1_709_208_000));
    check_time(GENERALIZED_TIME, "99991231235959Z", Ok(253_402_300_799));
    check_time(GENERALIZED_TIME, "19500101000000Z", Ok(0));
    for bad in [
        "",
        "Z",
        "20240229120000",
        "2024022912000Z",
        "20241329120000Z",
        "2024022912000+Z",
        "202402291200éZ",
    ] {
        check_time(GENERALIZED_TIME, bad, Err(BadCertificate));
    }
    check_time(UTC_TIME, "20240229120000Z", Err(BadCertificate));
}

#[test]
fn every_cut_is_refused() {
    let whole = bytes(CERTIFICATE);
    for length in 0..whole.len() {
        assert_eq!(read(&whole[..length]), Err(BadCertificate), "{length}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes_of_chance: Vec<u8>, at in 0..200_usize, byte: u8) {
        let _ = read(&bytes_of_chance);
        let _ = name(&bytes_of_chance);
        let mut changed = bytes(CERTIFICATE);
        changed[at] = byte;
        let _ = read(&changed);
        for (der, _) in NAMES {
            let mut changed = bytes(der);
            let at = at % changed.len();
            changed[at] = byte;
            let _ = name(&changed);
        }
    }
}
