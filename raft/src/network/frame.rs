//! Length-prefixed frames. A length costs nothing before its bytes have come.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Writes one frame.
pub(super) async fn write<W: AsyncWrite + Unpin>(stream: &mut W, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(|_| too_long(content.len()))?;
    if content.len() > COPY_BYTES {
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(content).await?;
        return stream.flush().await;
    }
    let mut frame = Vec::with_capacity(4 + content.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(content);
    stream.write_all(&frame).await?;
    stream.flush().await
}

/// Up to this size, a frame is copied so that it leaves in one segment.
const COPY_BYTES: usize = 16 * 1024;

/// Reads one frame of at most `limit` bytes; `None` when the peer closed the connection before it.
pub(super) async fn read<R: AsyncRead + Unpin>(stream: &mut R, limit: usize) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let bytes = u32::from_be_bytes(length);
    if bytes as usize > limit {
        return Err(too_long(bytes as usize));
    }
    let mut frame = Vec::new();
    // The buffer grows with what arrives, not with what was announced.
    let read = stream.take(u64::from(bytes)).read_to_end(&mut frame).await?;
    if read != bytes as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

fn too_long(bytes: usize) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("a frame of {bytes} bytes is over the limit"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_comes_out_as_it_went_in() {
        for bytes in [0, 1, COPY_BYTES, COPY_BYTES + 1] {
            let (mut near, mut far) = tokio::io::duplex(1024 * 1024);
            let content = vec![7; bytes];
            write(&mut near, &content).await.unwrap();
            assert_eq!(read(&mut far, 1024 * 1024).await.unwrap().unwrap(), content);
        }
    }

    #[tokio::test]
    async fn an_announced_length_allocates_nothing() {
        let (mut near, mut far) = tokio::io::duplex(64);
        near.write_all(&0x7fff_ffff_u32.to_be_bytes()).await.unwrap();
        near.write_all(b"abc").await.unwrap();
        drop(near);
        let error = read(&mut far, usize::MAX).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_at_once() {
        let (mut near, mut far) = tokio::io::duplex(64);
        near.write_all(&101_u32.to_be_bytes()).await.unwrap();
        assert_eq!(
            read(&mut far, 100).await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
