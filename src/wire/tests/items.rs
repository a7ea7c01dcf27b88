//! Tests of what the item builder writes of itself: the schema's defaults, and what a version cannot carry.

use anyhow::{Result, ensure};
use bytes::BytesMut;
use kafka_protocol::messages as kp;
use kafka_protocol::protocol::Encodable;

use crate::wire::item::{Item, Value};
use crate::wire::{WireError, field};

fn check_default<M: Encodable + Default + kafka_protocol::protocol::Message>(
    make: fn(i16, i16) -> Result<Item, WireError>,
    key: i16,
) -> Result<()> {
    for version in M::VERSIONS.min..=M::VERSIONS.max {
        let mut wanted = BytesMut::new();
        if M::default().encode(&mut wanted, version).is_err() {
            continue;
        }
        let mut written = Vec::new();
        make(key, version)?.write(&mut written)?;
        ensure!(
            written == wanted[..],
            "key {key} version {version}: {written:x?} {wanted:x?}"
        );
    }
    Ok(())
}

/// Fields that are not set have the schema's defaults.
#[test]
fn defaults() -> Result<()> {
    check_default::<kp::FetchRequest>(Item::request, 1)?;
    check_default::<kp::FetchResponse>(Item::response, 1)?;
    check_default::<kp::MetadataRequest>(Item::request, 3)?;
    check_default::<kp::MetadataResponse>(Item::response, 3)?;
    check_default::<kp::FindCoordinatorRequest>(Item::request, 10)?;
    check_default::<kp::JoinGroupRequest>(Item::request, 11)?;
    check_default::<kp::JoinGroupResponse>(Item::response, 11)?;
    check_default::<kp::OffsetForLeaderEpochRequest>(Item::request, 23)?;
    check_default::<kp::InitProducerIdRequest>(Item::request, 22)?;
    check_default::<kp::ApiVersionsResponse>(Item::response, 18)?;
    check_default::<kp::CreateTopicsRequest>(Item::request, 19)?;
    check_default::<kp::DescribeClusterResponse>(Item::response, 60)?;
    check_default::<kp::DescribeTopicPartitionsRequest>(Item::request, 75)?;
    check_default::<kp::ConsumerGroupHeartbeatRequest>(Item::request, 68)?;
    check_default::<kp::ConsumerGroupHeartbeatResponse>(Item::response, 68)
}

/// A value that a version cannot carry is left out only if Kafka may ignore it.
#[test]
fn a_field_that_the_version_lacks() -> Result<()> {
    let write = |item: &Item| item.write(&mut Vec::new());
    let mut throttled = Item::response(10, 0)?;
    throttled.set(field::THROTTLE_TIME_MS, 5);
    assert_eq!(write(&throttled), Ok(()));
    let mut keyed = Item::request(10, 0)?;
    keyed.set(field::KEY_TYPE, 0);
    assert_eq!(write(&keyed), Ok(()));
    keyed.set(field::KEY_TYPE, 1);
    assert_eq!(
        write(&keyed),
        Err(WireError::NoSuchField {
            field: field::KEY_TYPE
        })
    );
    let mut stray = Item::response(10, 0)?;
    stray.set(field::RACK, "r");
    assert_eq!(write(&stray), Err(WireError::NoSuchField { field: field::RACK }));
    Ok(())
}

/// A value of another type, or null where null may not be, is reported.
#[test]
fn a_value_that_does_not_fit() -> Result<()> {
    for value in [Value::Null, Value::from("text"), Value::from(70_000)] {
        let mut item = Item::response(10, 0)?;
        item.set(field::ERROR_CODE, value);
        let error = item.write(&mut Vec::new());
        assert_eq!(
            error,
            Err(WireError::BadValue {
                field: field::ERROR_CODE
            })
        );
    }
    let mut item = Item::response(10, 0)?;
    item.set(field::HOST, "h".repeat(32_768));
    assert_eq!(
        item.write(&mut Vec::new()),
        Err(WireError::BadValue { field: field::HOST })
    );
    Ok(())
}
