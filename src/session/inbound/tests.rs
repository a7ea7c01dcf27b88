//! Frames come out as they went in, however they arrive, and lengths that lie cost nothing.

use std::pin::Pin;
use std::task::Waker;

use prometheus::{IntCounter, IntGauge};
use tokio::io::ReadBuf;

use super::*;

/// Gives its bytes in pieces of at most `step`, then waits.
struct Slow {
    bytes: Vec<u8>,
    step: usize,
    largest_room: usize,
}

impl AsyncRead for Slow {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.largest_room = self.largest_room.max(buf.remaining());
        if self.bytes.is_empty() {
            return Poll::Pending;
        }
        let count = self.step.min(self.bytes.len()).min(buf.remaining());
        let piece: Vec<u8> = self.bytes.drain(..count).collect();
        buf.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

fn budget(bytes: usize) -> Budget {
    let in_use = IntGauge::new("in_use", "in use").unwrap();
    Budget::new(bytes, in_use, IntCounter::new("waits", "waits").unwrap())
}

fn framed(lengths: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, length) in lengths.iter().enumerate() {
        bytes.extend((*length as u32).to_be_bytes());
        bytes.extend(std::iter::repeat_n(index as u8, *length));
    }
    bytes
}

/// Reads until nothing comes any more.
fn read(inbound: &mut Inbound, from: &mut Slow, budget: &Budget) -> Result<Vec<Frame>, FrameError> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut frames = Vec::new();
    loop {
        while let Some(frame) = inbound.next_frame()? {
            frames.push(frame);
        }
        match inbound.poll_fill(from, &mut cx, budget) {
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => panic!("{error}"),
            Poll::Pending => return Ok(frames),
        }
    }
}

#[test]
fn frames_arrive_whole_and_in_order() {
    let lengths = [10, 0, 4096, 1, 70_000, 3, 300_000, 65_536, 9_000_000, 5];
    for step in [1 << 20, 65_536, 1000, 7] {
        let lengths = if step == 7 { &lengths[..6] } else { &lengths[..] };
        let mut inbound = Inbound::new(10 << 20);
        let mut from = Slow {
            bytes: framed(lengths),
            step,
            largest_room: 0,
        };
        let frames = read(&mut inbound, &mut from, &budget(1 << 30)).unwrap();
        let got: Vec<usize> = frames.iter().map(|frame| frame.bytes.len()).collect();
        assert_eq!(got, lengths, "step {step}");
        for (index, frame) in frames.iter().enumerate() {
            assert!(frame.bytes.iter().all(|byte| *byte == index as u8));
            assert!(frame.share.is_some() || frame.bytes.len() + 4 <= FREE_FRAME_BYTES + READ_MARGIN_BYTES);
        }
        assert!(!inbound.has_partial());
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_is_read() {
    for (prefix, end) in [
        ((-1_i32).to_be_bytes(), End::FrameLength),
        (1001_i32.to_be_bytes(), End::FrameLength),
        (i32::MAX.to_be_bytes(), End::FrameLength),
        (i32::MIN.to_be_bytes(), End::FrameLength),
        (*b"GET ", End::NotKafka(Lookalike::Http)),
        ([0x16, 3, 1, 0], End::NotKafka(Lookalike::Tls)),
    ] {
        let mut bytes = prefix.to_vec();
        bytes.extend([0; 100]);
        let mut from = Slow {
            bytes,
            step: 1000,
            largest_room: 0,
        };
        let refused = read(&mut Inbound::new(1000), &mut from, &budget(0)).unwrap_err();
        assert_eq!(end_of(refused), end);
        assert!(from.largest_room <= MIN_READ_BYTES);
    }
}

/// A request that the gateway answers itself takes more than its own size: that much is reserved, and no more is read
/// than 4 MiB.
#[test]
fn a_request_that_the_gateway_answers_is_short_and_counts_for_more() {
    let request = |key: u8, length: i32| {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend([0, key]);
        bytes.resize(bytes.len() + length as usize - 2, 0);
        bytes
    };
    let read_after = |bytes: Vec<u8>, budget: &Budget| {
        let mut inbound = Inbound::new(1000);
        inbound.set_limits(100 << 20, crate::vcluster::api::ANSWERED_HERE);
        let mut from = Slow {
            bytes,
            step: 100_000,
            largest_room: 0,
        };
        let frames = read(&mut inbound, &mut from, budget);
        (frames, from.largest_room)
    };
    let (produce, create_acls, alter_scram_users) = (0, 30, 51);
    for key in [create_acls, alter_scram_users] {
        let (refused, room) = read_after(request(key, (4 << 20) + 1), &budget(1 << 30));
        assert_eq!(end_of(refused.unwrap_err()), End::FrameLength, "{key}");
        assert!(room <= MIN_READ_BYTES, "{key}: {room}");
        let ample = budget(1 << 30);
        let (frames, _) = read_after(request(key, 1 << 20), &ample);
        assert_eq!(frames.unwrap().len(), 1, "{key}");
    }
    let (frames, _) = read_after(request(produce, 5 << 20), &budget(1 << 30));
    assert_eq!(frames.unwrap().len(), 1);

    // There is memory for the request itself, and not for what becomes of it.
    let short = budget(4 << 20);
    let (frames, _) = read_after(request(produce, 1 << 20), &short);
    assert_eq!(frames.unwrap().len(), 1);
    let _used = short.take(2 << 20).unwrap();
    let (frames, _) = read_after(request(create_acls, 1 << 19), &short);
    assert!(frames.unwrap().is_empty(), "it waits for memory");
    let (frames, _) = read_after(request(produce, 1 << 19), &short);
    assert_eq!(frames.unwrap().len(), 1);
}

#[test]
fn an_announced_length_alone_reserves_little() {
    let mut bytes = (100_i32 << 20).to_be_bytes().to_vec();
    bytes.push(0);
    let mut from = Slow {
        bytes,
        step: 1000,
        largest_room: 0,
    };
    let mut inbound = Inbound::new(100 << 20);
    assert!(
        read(&mut inbound, &mut from, &budget(1 << 30))
            .unwrap()
            .is_empty()
    );
    assert!(from.largest_room <= MAX_TRUSTED_BYTES);
}

#[test]
fn a_large_frame_waits_for_the_budget_and_small_ones_do_not() {
    let budget = budget(100 << 10);
    let taken = budget.take(50 << 10).unwrap();
    let mut inbound = Inbound::new(1 << 20);
    let mut from = Slow {
        bytes: framed(&[100, 90_000]),
        step: usize::MAX,
        largest_room: 0,
    };
    let frames = read(&mut inbound, &mut from, &budget).unwrap();
    assert_eq!(frames.len(), 1);
    assert_eq!(inbound.front(), FrameFront::AwaitsMemory);
    assert!(!from.bytes.is_empty(), "the rest stays in the socket");

    drop(taken);
    let frames = read(&mut inbound, &mut from, &budget).unwrap();
    assert_eq!(frames[0].bytes.len(), 90_000);
}

#[test]
fn silence_holds_no_buffer() {
    let mut inbound = Inbound::new(1 << 20);
    let mut from = Slow {
        bytes: framed(&[100_000, 20]),
        step: usize::MAX,
        largest_room: 0,
    };
    drop(read(&mut inbound, &mut from, &budget(1 << 30)).unwrap());
    assert_eq!(inbound.buffer.capacity(), 0);
}

#[test]
fn what_is_there_of_a_frame_is_known() {
    let mut inbound = Inbound::new(1 << 20);
    assert_eq!(inbound.front(), FrameFront::Nothing);
    for (announced, sent, front) in [
        (100_000, 10_000, FrameFront::Large(10_004)),
        (60_000, 10_000, FrameFront::Small(10_004)),
        (60_000, 60_000, FrameFront::Nothing),
    ] {
        let mut bytes = framed(&[announced]);
        let rest = bytes.split_off(sent + PREFIX_BYTES);
        let mut from = Slow {
            bytes,
            step: usize::MAX,
            largest_room: 0,
        };
        drop(read(&mut inbound, &mut from, &budget(1 << 30)).unwrap());
        assert_eq!(inbound.front(), front);
        from.bytes = rest;
        drop(read(&mut inbound, &mut from, &budget(1 << 30)).unwrap());
        assert_eq!(inbound.front(), FrameFront::Nothing);
    }
}
