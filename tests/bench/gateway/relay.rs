//! A bare TCP relay, as the measure for everything that stands between client and broker: it only copies.

use anyhow::Result;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};

/// The first argument that turns the benchmark into the relay.
pub(crate) const COMMAND: &str = "relay";

/// As much as is copied at once, each way.
const BUFFER_BYTES: usize = 64 * 1024;

/// Relays until the process is killed. One thread: that costs the least, and `/proc` loses nothing of it.
pub(crate) fn serve(listen: &str, target: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (mut client, _) = listener.accept().await?;
            let mut server = TcpStream::connect(target).await?;
            client.set_nodelay(true)?;
            server.set_nodelay(true)?;
            tokio::spawn(async move {
                // However it ends, it has ended.
                copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER_BYTES, BUFFER_BYTES)
                    .await
                    .ok();
            });
        }
    })
}
