//! Frames are cut off a stream in the same way whatever pieces it comes in, and no length is believed.

use bytes::BytesMut;
use klamm::wire::{FrameReader, Framed};

use super::chance::Chance;
use super::mutate::spoil;
use super::runner::run;

const LIMIT: usize = 5_000;

#[test]
fn framing() {
    run("framing", |chance| {
        let stream = stream(chance);
        let expected = model(&stream);
        let mut buffer = BytesMut::new();
        let (mut frames, mut at, mut refused) = (Vec::new(), 0, false);
        while at < stream.len() && !refused {
            let end = (at + 1 + chance.below(700)).min(stream.len());
            buffer.extend_from_slice(&stream[at..end]);
            at = end;
            loop {
                match FrameReader::new(LIMIT).take_frame(&mut buffer) {
                    Ok(Framed::Frame(frame)) => frames.push(frame.to_vec()),
                    Ok(Framed::Need(more)) => {
                        assert!(more > 0 && buffer.len() + more <= LIMIT + 4);
                        break;
                    }
                    Err(_) => {
                        refused = true;
                        break;
                    }
                }
            }
        }
        assert_eq!((frames, refused), expected);
    });
}

fn stream(chance: &mut Chance) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..chance.below(6) {
        let length = chance.below(2_000);
        stream.extend((length as u32).to_be_bytes());
        stream.extend(chance.bytes(length));
    }
    if chance.one_in(2) {
        spoil(&mut stream, chance);
    }
    stream
}

/// The frames of a stream, and whether it holds a length that is refused.
fn model(mut stream: &[u8]) -> (Vec<Vec<u8>>, bool) {
    let mut frames = Vec::new();
    while let Some((prefix, rest)) = stream.split_first_chunk() {
        let length = i32::from_be_bytes(*prefix);
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= LIMIT) else {
            return (frames, true);
        };
        let Some(frame) = rest.get(..length) else { break };
        frames.push(frame.to_vec());
        stream = &rest[length..];
    }
    (frames, false)
}
