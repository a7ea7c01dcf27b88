//! `klamm cluster isolate-ok`.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::admin_client::{AdminClient, Connection};
use super::failure::Failure;
use super::print;

#[derive(Debug, Args)]
pub(super) struct IsolateArgs {
    /// For how long, from now on: 90s, 30m, 1h; at most a day, and 0s ends it
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    time: Duration,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Lets the node decide.
pub(super) fn allow(args: &IsolateArgs, client: &AdminClient) -> Result<(), Failure> {
    let body = json!({ "seconds": args.time.as_secs() });
    let answer = client
        .call("POST", "/gateway/v2/cluster/isolate-ok", Some(&body))?
        .map_err(|refusal| refusal.failure("this node".to_owned()))?;
    let node = &answer["nodeId"];
    print(&match args.time.is_zero() {
        true => format!("node {node} decides no request without a lease any more\n"),
        false => format!(
            "node {node} decides requests for {} s even if it hears no leader: by rights that may have been taken away since\n",
            args.time.as_secs()
        ),
    })
}

/// Reads a time.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time such as 90s, 30m or 1h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        _ => return Err(wrong()),
    };
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    count
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let seconds = |text| time(text).map(|time| time.as_secs());
        assert_eq!(seconds("90s"), Ok(90));
        assert_eq!(seconds("30m"), Ok(1800));
        assert_eq!(seconds("1h"), Ok(3600));
        for wrong in ["", "1", "h", "-1h", "1d", "1.5h", "18446744073709551615h", "1ä"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
