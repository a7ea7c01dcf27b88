//! SASL messages of a client, sent on over a lane on which nobody is logged in yet, or somebody logs in again. Nothing
//! else may be in flight.

use std::time::Duration;

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use crate::auth::{BrokerAnswer, ToBroker};
use crate::backend::channel::{Channel, ChannelError};
use crate::backend::dial::DialFault;
use crate::backend::lane::Lane;

/// Version 1 of SaslHandshake lets the messages travel in SaslAuthenticate (KIP-152); version 1 of that tells the
/// session's lifetime (KIP-368). Brokers since 2.2 have both.
const VERSION: i16 = 1;

/// How long a broker may take over one message.
const TIMEOUT: Duration = Duration::from_secs(10);

const UNSUPPORTED_SASL_MECHANISM: i16 = 33;
const SASL_AUTHENTICATION_FAILED: i16 = 58;

/// A broker gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error("the exchange with the broker was interrupted")]
    Channel(#[from] ChannelError),
    #[error("the broker does not answer")]
    Timeout,
    #[error("it is not known to belong to the expected Kafka cluster")]
    Unrecognised(#[source] DialFault),
}

impl Lane {
    /// Has the broker judge a message of the client that this lane belongs to. Before its yes is told it must have said
    /// that it is of the expected Kafka cluster, which it says to nobody who is not logged in.
    ///
    /// # Errors
    /// There is no answer, or another Kafka cluster's; the lane is of no use then.
    pub async fn relay(&mut self, to_broker: &ToBroker) -> Result<BrokerAnswer, RelayError> {
        match tokio::time::timeout(TIMEOUT, self.relay_now(to_broker)).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(RelayError::Timeout),
        }
    }

    async fn relay_now(&mut self, to_broker: &ToBroker) -> Result<BrokerAnswer, RelayError> {
        let answer = self.judged(to_broker).await?;
        if to_broker.is_settled_by(&answer) {
            self.recognise().await.map_err(RelayError::Unrecognised)?;
        }
        Ok(answer)
    }

    async fn judged(&mut self, to_broker: &ToBroker) -> Result<BrokerAnswer, RelayError> {
        let mut channel = Channel::new(self);
        if to_broker.is_first {
            let mechanism = StrBytes::from_static_str(to_broker.mechanism.name());
            let request = SaslHandshakeRequest::default().with_mechanism(mechanism);
            let answer = channel.call(VERSION, &request).await?;
            if answer.error_code != 0 {
                return Ok(refused(answer.error_code));
            }
        }
        let message = Bytes::copy_from_slice(to_broker.message.reveal().as_bytes());
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message);
        let answer = channel.call(VERSION, &request).await?;
        Ok(BrokerAnswer {
            error_code: answer.error_code,
            error_message: answer.error_message.map(|text| text.to_string()),
            bytes: answer.auth_bytes.to_vec(),
            lifetime_ms: u64::try_from(answer.session_lifetime_ms).unwrap_or(0),
        })
    }
}

/// The answer that a refused handshake becomes for a client, who was offered the mechanism.
fn refused(error_code: i16) -> BrokerAnswer {
    let message = match error_code {
        UNSUPPORTED_SASL_MECHANISM => "The broker does not offer this SASL mechanism",
        _ => "The broker rejected the SASL handshake",
    };
    BrokerAnswer {
        error_code: SASL_AUTHENTICATION_FAILED,
        error_message: Some(message.to_owned()),
        bytes: Vec::new(),
        lifetime_ms: 0,
    }
}
