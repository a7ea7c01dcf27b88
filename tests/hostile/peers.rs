//! The port for other nodes: garbage, silence and floods from whoever is no peer.

use super::client::Client;
use super::gateway::Gateway;

#[test]
fn peers() {
    let mut gateway = Gateway::start();
    let starts: [Vec<u8>; 7] = [
        Vec::new(),
        vec![0],
        u32::MAX.to_be_bytes().to_vec(),
        i32::MAX.to_be_bytes().to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 100_000],
        [&[0, 0, 0, 200][..], &[0xa5; 200]].concat(),
    ];
    for start in &starts {
        let mut client = Client::connect(gateway.raft);
        client.send(start);
        assert!(client.is_closed(), "{:?}", &start[..start.len().min(20)]);
    }
    let flood: Vec<Client> = (0..200).map(|_| Client::connect(gateway.raft)).collect();
    gateway.serves();
    for mut client in flood {
        assert!(client.is_closed(), "nothing is proved");
    }
    gateway.is_well();
}
