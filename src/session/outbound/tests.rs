//! Tests that the bytes that are written are those that were pushed, however little the other side takes at a time.

use std::task::Waker;

use prometheus::{IntCounter, IntGauge};

use super::*;
use crate::session::budget::Budget;

/// Takes at most `step` bytes of each write, and nothing once it holds `room`.
struct Narrow {
    taken: Vec<u8>,
    step: usize,
    room: usize,
}

impl AsyncWrite for Narrow {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = bytes.len().min(self.step).min(self.room - self.taken.len());
        if count == 0 {
            return Poll::Pending;
        }
        self.taken.extend_from_slice(&bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let most = self.step.min(self.room - self.taken.len());
        let bytes = parts.iter().flat_map(|part| part.iter().copied()).take(most);
        let before = self.taken.len();
        self.taken.extend(bytes);
        match self.taken.len() - before {
            0 => Poll::Pending,
            count => Poll::Ready(Ok(count)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn frame(lengths: &[usize]) -> (Segments, Vec<u8>) {
    let parts = lengths.iter().enumerate();
    let parts = parts.map(|(index, length)| Bytes::from(vec![b'a' + (index % 26) as u8; *length]));
    let segments = Segments(parts.collect());
    let whole = segments.0.iter().flat_map(|part| part.to_vec()).collect();
    (segments, whole)
}

fn write_all(outbound: &mut Outbound, to: &mut Narrow) {
    let mut cx = Context::from_waker(Waker::noop());
    while !outbound.is_empty() {
        match outbound.poll_write(to, &mut cx) {
            Poll::Ready(result) => drop(result.unwrap()),
            Poll::Pending => break,
        }
    }
}

#[test]
fn every_shape_arrives_whole() {
    let shapes: [&[usize]; 6] = [
        &[1],
        &[4, 0, 10],
        &[4, 5000, 1],
        &[10; 100],
        &[1, 9000, 1, 1, 9000, 2, 3, 4],
        &[3000; 40],
    ];
    for step in [1, 300, 4096, usize::MAX] {
        let mut outbound = Outbound::default();
        let mut expected = Vec::new();
        for shape in shapes {
            let (segments, whole) = frame(shape);
            outbound.push(segments, None);
            expected.extend(whole);
        }
        assert_eq!(outbound.queued_bytes(), expected.len());
        let mut to = Narrow {
            taken: Vec::new(),
            step,
            room: usize::MAX,
        };
        write_all(&mut outbound, &mut to);
        assert!(to.taken == expected, "step {step}");
        assert_eq!(outbound.queued_bytes(), 0);
    }
}

#[test]
fn large_parts_are_not_copied() {
    let records = Bytes::from(vec![1; 100_000]);
    let mut outbound = Outbound::default();
    let small = Bytes::from_static(b"x");
    let mut parts = vec![small; 20];
    parts.insert(10, records.clone());
    outbound.push(Segments(parts.into()), None);
    assert_eq!(outbound.parts.len(), 3);
    assert_eq!(outbound.parts[1].as_ptr(), records.as_ptr());
}

#[test]
fn a_share_is_given_back_when_its_frame_has_left() {
    let gauge = IntGauge::new("in_use", "in use").unwrap();
    let budget = Budget::new(1 << 20, gauge.clone(), IntCounter::new("waits", "waits").unwrap());
    let mut outbound = Outbound::default();
    outbound.push(frame(&[50]).0, None);
    outbound.push(frame(&[100]).0, Some(Rc::new(budget.take(100).unwrap())));
    outbound.push(frame(&[50]).0, None);

    let mut to = Narrow {
        taken: Vec::new(),
        step: usize::MAX,
        room: 149,
    };
    write_all(&mut outbound, &mut to);
    assert_eq!(gauge.get(), 100, "its last byte has not left");
    to.room = 150;
    write_all(&mut outbound, &mut to);
    assert_eq!(gauge.get(), 0);
    assert_eq!(outbound.queued_bytes(), 50);
}
