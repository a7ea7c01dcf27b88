//! Metrics of what holds back those who ask for more than their part.

use prometheus::{IntCounter, IntCounterVec, IntGauge};

use super::book::{Book, Family, Label, Section};
use super::closed::closed;

closed! {
    /// Where seats are.
    pub enum SeatedAt {
        Kafka = "kafka": "the port for clients",
        Admin = "admin": "the port of the admin API",
    }
}

closed! {
    /// Why a connection lost its seat.
    pub enum SeatLostFor {
        NoLogin = "no_login": "on the port for clients: the connection had not logged in, and its address had the most of those",
        Idle = "idle": "on the port for clients: its virtual cluster, then principal, then address had the most sessions, and among those it had been idle longest: for at least 30 s",
        Busy = "busy": "as `idle`, but for less than 30 s: `klamm.limits.connections` is too low for the load",
        Late = "late": "on the port of the admin API: more than half of the connections were in use, and no complete request arrived for 1 s",
        Waiting = "waiting": "on the port of the admin API: its address had the most connections, and this one was idle",
        Answered = "answered": "as `waiting`, but something was being answered",
    }
}

const PORT: Label = Label::closed("port", SeatedAt::values);
const REASON: Label = Label::closed("reason", SeatLostFor::values);

/// The metrics, resolved.
#[derive(Debug, Clone)]
pub struct GuardMetrics {
    /// Requests that wait for a regular expression to be compiled.
    pub patterns_waiting: IntGauge,
    /// Regular expressions of clients that were compiled, or refused for what is in them.
    pub patterns_compiled: IntCounter,
    /// Requests that were told to come again, because too many wait.
    pub patterns_put_off: IntCounter,
    /// Log lines that were counted and not written.
    pub log_lines_left_out: IntCounter,
    /// Connections that lost their seat to somebody else.
    seats_taken: IntCounterVec,
}

impl GuardMetrics {
    pub(super) fn register(book: &mut Book) -> Result<Self, prometheus::Error> {
        book.open(Section::Clients);
        Ok(Self {
            seats_taken: book.counters(
                Family::new(
                    "klamm_seats_taken_away_total",
                    "Connections closed to make room for a client with fewer of them, by port (kafka, admin) and reason",
                )
                .by(&[PORT, REASON])
                .on_page("Connections closed to make room for a client with fewer of them"),
            )?,
            patterns_waiting: book.gauge(Family::new(
                "klamm_patterns_waiting",
                "Requests waiting for their regular expression to be compiled",
            ))?,
            patterns_compiled: book.counter(Family::new(
                "klamm_patterns_compiled_total",
                "Regular expressions of clients that were compiled, or refused because of their content",
            ))?,
            patterns_put_off: book.counter(Family::new(
                "klamm_patterns_put_off_total",
                "Requests that were told to try again, because too many regular expressions were waiting to be compiled",
            ))?,
            log_lines_left_out: book.counter(
                Family::new(
                    "klamm_log_lines_left_out_total",
                    "Log lines about denials, logins, closed connections and brokers that were counted and not written",
                )
                .on_page(
                    "Log lines about denials, logins, sessions that ended badly and brokers that did not answer that were \
                     counted and not written: of each kind at most 10 different ones are written in 10 s, then a line with \
                     the number of the others",
                ),
            )?,
        })
    }

    /// Counts seats that were given to somebody else.
    pub fn seats_taken(&self, port: SeatedAt, reason: SeatLostFor) -> IntCounter {
        self.seats_taken.with_label_values(&[port.name(), reason.name()])
    }
}
