//! The workspace as the API shows it, and as it is asked to change.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined};
use uuid::{Uuid, uuid};
use watchkeeper_domain::id::WorkspaceId;
use watchkeeper_domain::retention;
use watchkeeper_domain::usecase::{Kept, RetentionPatch};

use crate::http::bound::KeptDays;
use crate::http::value::Nullable;

/// What owns monitors and all that is recorded of them.
#[derive(Object)]
#[oai(example)]
pub(super) struct Workspace {
    /// Which.
    id: Uuid,
    /// For how long its history is kept.
    retention: Retention,
}

impl Workspace {
    pub(super) fn new(id: WorkspaceId, kept: &Kept) -> Self {
        Self { id: id.uuid(), retention: Retention::from(kept) }
    }
}

impl Example for Workspace {
    fn example() -> Self {
        Self { id: uuid!("019c1405-6400-7000-8000-0000000000b1"), retention: Retention::example() }
    }
}

/// For how many whole days of UTC each form of history is kept. None is kept for longer than a coarser one.
#[derive(Object)]
#[oai(example)]
struct Retention {
    /// Checks whole, with timings and evidence.
    raw_days: Term,
    /// Checks at all: time, status, latency, and what was wrong.
    packed_days: Term,
    /// The counts and latencies of every hour and day.
    rollup_days: Term,
}

impl From<&Kept> for Retention {
    fn from(kept: &Kept) -> Self {
        let (holds, own, most) = (kept.retention(), &kept.own, &kept.most);
        Self {
            raw_days: Term::new(holds.raw_days(), own.raw_days(), most.raw_days()),
            packed_days: Term::new(holds.packed_days(), own.packed_days(), most.packed_days()),
            rollup_days: Term::new(holds.rollup_days(), own.rollup_days(), most.rollup_days()),
        }
    }
}

impl Example for Retention {
    fn example() -> Self {
        let own = retention::OwnRetention::new(Some(3), None, None).unwrap_or_default();
        Self::from(&Kept { own, most: retention::Retention::DEFAULT })
    }
}

/// For how many days something is kept, and by whose word.
#[derive(Object)]
#[oai(example)]
struct Term {
    /// For how many days it is kept.
    days: u32,
    /// What the workspace asks for; null leaves it to the operator.
    own: Nullable<u32>,
    /// What the operator of this server keeps, and so the most that can be asked for.
    most: u32,
}

impl Term {
    fn new(days: u32, own: Option<u32>, most: u32) -> Self {
        Self { days, own: Nullable(own), most }
    }
}

impl Example for Term {
    fn example() -> Self {
        Self::new(3, Some(3), 7)
    }
}

/// A change of the workspace; what is left out stays as it is.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields, skip_serializing_if_is_none)]
pub(super) struct WorkspaceChange {
    /// For how long its history is to be kept.
    retention: Option<RetentionChange>,
}

impl Example for WorkspaceChange {
    fn example() -> Self {
        Self { retention: Some(RetentionChange::example()) }
    }
}

/// For how many days each form of history is to be kept; null leaves it to the operator, and what is left out stays as it
/// is.
#[derive(Clone, Debug, Object)]
#[oai(example, deny_unknown_fields)]
struct RetentionChange {
    /// Checks whole, with timings and evidence; at most what the operator keeps.
    #[oai(nullable)]
    raw_days: MaybeUndefined<KeptDays>,
    /// Checks at all; at least as long as whole ones.
    #[oai(nullable)]
    packed_days: MaybeUndefined<KeptDays>,
    /// The counts and latencies of every hour and day; at least as long as checks.
    #[oai(nullable)]
    rollup_days: MaybeUndefined<KeptDays>,
}

impl Example for RetentionChange {
    fn example() -> Self {
        Self {
            raw_days: MaybeUndefined::Value(KeptDays(3)),
            packed_days: MaybeUndefined::Value(KeptDays(90)),
            rollup_days: MaybeUndefined::Null,
        }
    }
}

impl From<WorkspaceChange> for RetentionPatch {
    fn from(change: WorkspaceChange) -> Self {
        let Some(retention) = change.retention else { return Self::default() };
        Self {
            raw_days: days(&retention.raw_days),
            packed_days: days(&retention.packed_days),
            rollup_days: days(&retention.rollup_days),
        }
    }
}

/// What is out of all bounds becomes what the domain refuses, which says what is allowed.
fn days(days: &MaybeUndefined<KeptDays>) -> Option<Option<u32>> {
    match days {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(KeptDays(days)) => Some(Some(u32::try_from(*days.max(&0)).unwrap_or(u32::MAX))),
    }
}
