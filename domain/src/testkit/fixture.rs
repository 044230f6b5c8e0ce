//! Values for tests, each with everything that does not matter filled in.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

use crate::account::{Email, PasswordHash, User};
use crate::address::AddressGuard;
use crate::check::{Check, Claim, Outcome, Region, Settled};
use crate::id::{ChannelId, MonitorId, SessionId, UserId, WorkspaceId};
use crate::monitor::{Expectation, HttpMethod, HttpTarget, Interval, Monitor, MonitorName, Settings, Target, Timeout};
use crate::port::NewAccount;
use crate::report::{Ending, Evidence, Lack, Reason, ReasonKind, Report, Timings};
use crate::schedule::{Epoch, Schedule};
use crate::session::{NewSession, REFRESH_TOKEN_LIFETIME, RefreshTokenHash};
use crate::status::Confirmation;
use crate::time::Timestamp;
use crate::verdict::Verdict;

/// When the tests take place: 2026-03-01T12:00:00Z.
pub const T0: Timestamp = Timestamp::from_secs(1_772_366_400);

/// How long the probes of [`up`], [`degraded`] and [`down`] take.
pub const LATENCY: Duration = Duration::from_micros(123_456);

/// So many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A refresh token's hash that is unlike any with another number.
pub fn token_hash(number: u8) -> RefreshTokenHash {
    RefreshTokenHash([number; 32])
}

/// All that comes into being when somebody signs up at [`T0`]. Its identifiers follow from the address, and its refresh
/// token is `token_hash(0)` unless it is changed.
pub fn account(email: &str) -> NewAccount {
    let email = parsed(Email::parse(email));
    let id = |kind: u8| {
        let name = email.as_str().bytes().chain([kind]);
        let folded = name.fold(0x6c62_272e_u128, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Uuid::from_u128(
            (folded & !(0xf_u128 << 76) & !(0b11_u128 << 62) & !(0xffff_ffff_ffff_u128 << 80))
                | (0x0192_0000_0000_u128 << 80)
                | (0x7_u128 << 76)
                | (0b10_u128 << 62),
        )
    };
    let user =
        User { id: UserId::new(id(1)), workspace: WorkspaceId::new(id(2)), created_at: T0, email: email.clone() };
    NewAccount {
        password: PasswordHash::new(format!("$fake$of-{}", user.email)),
        channel: ChannelId::new(id(3)),
        session: NewSession {
            id: SessionId::new(id(4)),
            user: user.id,
            token: token_hash(0),
            created_at: T0,
            expires_at: T0.plus(REFRESH_TOKEN_LIFETIME),
        },
        user,
    }
}

/// A target at this URL.
pub fn target(url: &str) -> Target {
    Target::Http(parsed(HttpTarget::parse(url, HttpMethod::Get, true, &AddressGuard::default())))
}

/// Settings with this interval and the product's own policy.
pub fn settings(interval_secs: u32) -> Settings {
    let interval = parsed(Interval::from_secs(interval_secs).ok_or("no interval"));
    let target = target("https://example.org/health");
    Settings {
        name: MonitorName::of_target(&target),
        target,
        interval,
        timeout: Timeout::default_for(interval),
        expectation: Expectation::default(),
        confirmation: Confirmation::default(),
    }
}

/// A monitor that is made at an instant.
pub fn monitor(id: MonitorId, workspace: WorkspaceId, interval_secs: u32, created_at: Timestamp) -> Monitor {
    Monitor { id, workspace, settings: settings(interval_secs), is_active: true, created_at, version: 1 }
}

/// An epoch of some monitor, from the default region, that began with its opening slot.
pub fn epoch(opening_slot: Timestamp, ended_at: Option<Timestamp>, schedule: Schedule) -> Epoch {
    let (monitor, region) = (MonitorId::new(Uuid::nil()), Region::default());
    Epoch { monitor, region, began_at: opening_slot, ended_at, opening_slot, schedule }
}

/// A finished probe of a claim, begun at its slot.
pub fn check(claim: &Claim, verdict: Verdict) -> Check {
    let reason = match verdict {
        Verdict::Up => None,
        Verdict::Degraded => Some(Reason::new(ReasonKind::Slow, "the answer took more than 100 ms")),
        Verdict::Down => Some(Reason::new(ReasonKind::Status, "the answer was 503, expected 200-399")),
    };
    Check {
        monitor: claim.monitor,
        region: claim.region.clone(),
        slot: claim.slot,
        origin: claim.origin,
        checked_at: claim.slot,
        verdict,
        latency: LATENCY,
        timings: Timings { connect: Some(Duration::from_micros(1_234)), ..Timings::default() },
        http_status: Some(if reason.is_some() && verdict == Verdict::Down { 503 } else { 200 }),
        evidence: reason.is_some().then(evidence),
        reason,
    }
}

/// Evidence in which every part is there.
pub fn evidence() -> Evidence {
    Evidence {
        remote_address: Some(IpAddr::from([93, 184, 216, 34])),
        hops: vec!["https://example.org/health".into(), "https://example.org/sick".into()],
        headers: vec![("content-type".into(), "text/plain".into()), ("retry-after".into(), "120".into())],
        body: Some("out of “order”\n".into()),
    }
}

fn settled(claim: &Claim, verdict: Verdict) -> Settled {
    Settled { claim: claim.clone(), outcome: Outcome::Checked(Box::new(check(claim, verdict))) }
}

/// The claim, with the target found up.
pub fn up(claim: &Claim) -> Settled {
    settled(claim, Verdict::Up)
}

/// The claim, with the target found degraded.
pub fn degraded(claim: &Claim) -> Settled {
    settled(claim, Verdict::Degraded)
}

/// The claim, with the target found down.
pub fn down(claim: &Claim) -> Settled {
    settled(claim, Verdict::Down)
}

/// The claim, with ourselves found without a network.
pub fn cut_off(claim: &Claim) -> Settled {
    Settled { claim: claim.clone(), outcome: Outcome::Unknown }
}

/// The report of an answer with this status code.
pub fn answer(http_status: u16) -> Report {
    let (timings, evidence) = (Timings::default(), Evidence::default());
    Report { ending: Ending::Answered { http_status }, latency: LATENCY, timings, evidence }
}

/// The report of a probe that found ourselves without a network.
pub fn out_of_reach() -> Report {
    let ending = Ending::CutOff { lack: Lack::Network, detail: "network is unreachable".to_owned() };
    Report { ending, ..answer(200) }
}

#[expect(clippy::panic, reason = "a fixture that is written wrongly must fail its test")]
fn parsed<T, E: std::fmt::Debug>(value: Result<T, E>) -> T {
    value.unwrap_or_else(|invalid| panic!("a fixture breaks a rule: {invalid:?}"))
}
