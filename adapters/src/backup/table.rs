//! What a backup carries: the tables and columns of both stores, under one name each, in an order in which nothing refers to
//! what comes later.
//!
//! A new column of a store is either added here, or to [`LEFT_OUT`] with the reason; the stores' tests find one that is in
//! neither. A file that lacks a column was made before there was one: it takes its default.

use serde::{Deserialize, Serialize};

/// What a column holds, whichever way its store keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// A UUID, sixteen bytes.
    Id,
    Text,
    Bytes,
    Number,
    /// Nought or one.
    Flag,
    /// Microseconds since the Unix epoch.
    Instant,
}

impl Kind {
    /// Whether its values are numbers; the others are bytes.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Flag | Self::Instant)
    }
}

/// A column, by the name that it has in PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// A table, by the name that it has in PostgreSQL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [Column],
}

impl Table {
    /// Where a column is among its columns.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}

const fn id(name: &'static str) -> Column {
    Column { name, kind: Kind::Id }
}

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn bytes(name: &'static str) -> Column {
    Column { name, kind: Kind::Bytes }
}

const fn number(name: &'static str) -> Column {
    Column { name, kind: Kind::Number }
}

const fn flag(name: &'static str) -> Column {
    Column { name, kind: Kind::Flag }
}

const fn instant(name: &'static str) -> Column {
    Column { name, kind: Kind::Instant }
}

/// All that is carried.
pub(crate) static TABLES: &[Table] = &[
    Table {
        name: "workspaces",
        columns: &[
            id("id"),
            instant("created_at"),
            number("raw_days"),
            number("packed_days"),
            number("rollup_days"),
            instant("raw_from"),
            instant("packed_from"),
            instant("rollups_from"),
        ],
    },
    Table {
        name: "users",
        columns: &[id("id"), text("email"), text("password_hash"), id("workspace_id"), instant("created_at")],
    },
    Table { name: "memberships", columns: &[id("workspace_id"), id("user_id"), instant("created_at")] },
    Table { name: "sessions", columns: &[id("id"), id("user_id"), instant("created_at"), flag("has_ended")] },
    Table {
        name: "session_tokens",
        columns: &[bytes("token_hash"), id("session_id"), instant("expires_at"), flag("is_used")],
    },
    Table {
        name: "channels",
        columns: &[
            id("id"),
            id("workspace_id"),
            text("name"),
            number("kind"),
            flag("is_enabled"),
            instant("created_at"),
        ],
    },
    Table {
        name: "monitors",
        columns: &[
            id("id"),
            id("workspace_id"),
            text("name"),
            number("target_kind"),
            text("url"),
            number("http_method"),
            flag("follow_redirects"),
            number("interval_secs"),
            number("timeout_secs"),
            text("statuses"),
            number("slow_after_ms"),
            number("confirm_down"),
            number("confirm_up"),
            flag("is_active"),
            instant("created_at"),
            number("version"),
            instant("deleted_at"),
        ],
    },
    Table {
        name: "monitor_states",
        columns: &[
            id("monitor_id"),
            number("held"),
            instant("since"),
            instant("streak_since"),
            number("streak_count"),
            instant("silence_since"),
            number("silence_count"),
            instant("last_slot"),
        ],
    },
    // Everybody is due by themselves again: next_due_at is the first slot that nobody had claimed, of those with a seat in a
    // cohort as well. They get a seat anew.
    Table {
        name: "schedule",
        columns: &[
            id("monitor_id"),
            text("region"),
            instant("next_due_at"),
            number("interval_ms"),
            number("phase_ms"),
            number("timeout_ms"),
            number("version"),
        ],
    },
    // Open work, and the slots of leases, as work that nobody holds: it is free from its own instant on.
    Table {
        name: "claims",
        columns: &[
            id("monitor_id"),
            text("region"),
            instant("slot"),
            number("origin"),
            instant("start_before"),
            instant("free_at"),
        ],
    },
    Table {
        name: "schedule_epochs",
        columns: &[
            id("monitor_id"),
            text("region"),
            instant("began_at"),
            instant("ended_at"),
            instant("opening_slot"),
            number("interval_ms"),
            number("phase_ms"),
        ],
    },
    Table {
        name: "slot_gaps",
        columns: &[
            id("monitor_id"),
            text("region"),
            instant("first_slot"),
            instant("last_slot"),
            number("slot_count"),
            number("outcome"),
        ],
    },
    Table {
        name: "status_spans",
        columns: &[id("monitor_id"), instant("began_at"), instant("ended_at"), number("status")],
    },
    Table {
        name: "incidents",
        columns: &[
            id("id"),
            id("workspace_id"),
            id("monitor_id"),
            text("monitor_name"),
            text("target_url"),
            instant("started_at"),
            instant("confirmed_at"),
            instant("ended_at"),
            number("ending"),
            number("cause_kind"),
            text("cause_detail"),
            text("evidence"),
        ],
    },
    Table {
        name: "notices",
        columns: &[
            id("id"),
            id("workspace_id"),
            id("channel_id"),
            number("channel_kind"),
            id("monitor_id"),
            id("incident_id"),
            text("monitor_name"),
            text("target_url"),
            number("from_status"),
            number("to_status"),
            instant("since"),
            number("reason_kind"),
            text("reason_detail"),
            instant("created_at"),
            number("state"),
            instant("due_at"),
            number("attempts"),
        ],
    },
    Table {
        name: "deliveries",
        columns: &[
            id("notice_id"),
            number("attempt"),
            instant("at"),
            number("took_us"),
            text("error"),
            instant("retry_at"),
        ],
    },
    Table {
        name: "history_progress",
        columns: &[
            instant("hours_to"),
            instant("days_to"),
            instant("raw_from"),
            instant("packed_from"),
            instant("rollups_from"),
        ],
    },
    Table {
        name: "day_rollups",
        columns: &[
            id("monitor_id"),
            text("region"),
            instant("began_at"),
            number("up"),
            number("degraded"),
            number("down"),
            bytes("latencies"),
            bytes("hours"),
        ],
    },
    Table {
        name: "packed_checks",
        columns: &[id("monitor_id"), text("region"), instant("began_at"), text("runs"), bytes("packed_latencies")],
    },
    Table {
        name: "hour_rollups",
        columns: &[
            instant("began_at"),
            id("monitor_id"),
            text("region"),
            number("up"),
            number("degraded"),
            number("down"),
            bytes("latencies"),
            text("runs"),
            bytes("packed_latencies"),
        ],
    },
    Table {
        name: "checks",
        columns: &[
            instant("slot"),
            id("monitor_id"),
            text("region"),
            instant("checked_at"),
            number("latency_us"),
            number("dns_us"),
            number("connect_us"),
            number("tls_us"),
            number("first_byte_us"),
            number("transfer_us"),
            number("http_status"),
            number("origin"),
            number("verdict"),
            number("reason_kind"),
            text("reason_detail"),
        ],
    },
    Table { name: "check_evidence", columns: &[instant("slot"), id("monitor_id"), text("region"), text("evidence")] },
];

/// What is not carried, as table and column (`*` for all of them), by the names of either store, and why not.
#[cfg(test)]
pub(crate) const LEFT_OUT: &[(&str, &str, &str)] = &[
    ("_sqlx_migrations", "*", "the program that restores makes the schema"),
    ("sqlite_sequence", "*", "monitors are numbered anew"),
    ("instance", "*", "the first node there brings its own token secret"),
    ("cohorts", "*", "seats are given anew"),
    ("cohort_departures", "*", "nobody remembers a cohort that is gone"),
    ("leases", "*", "their slots are carried as claims"),
    ("schedule", "cohort_id", "seats are given anew"),
    ("schedule", "changed", "seats are given anew"),
    ("claims", "token", "whoever held it records elsewhere"),
    ("notices", "token", "whoever held it delivers elsewhere"),
    ("workspaces", "retired_at", "what is to be let go of is looked for anew"),
    ("workspaces", "retired_id", "what is to be let go of is looked for anew"),
    ("monitors", "key", "monitors are numbered anew"),
    ("history_progress", "is_only", "there is one row"),
    ("history_progress", "key", "there is one row"),
    ("history_progress", "folded_id", "a day that is folded in part is folded again"),
    ("history_progress", "folded_key", "a day that is folded in part is folded again"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_table_and_every_column_of_it_is_there_once() {
        let names: BTreeSet<_> = TABLES.iter().map(|table| table.name).collect();
        assert_eq!(names.len(), TABLES.len());
        for table in TABLES {
            let columns: BTreeSet<_> = table.columns.iter().map(|column| column.name).collect();
            assert_eq!(columns.len(), table.columns.len(), "{}", table.name);
        }
    }
}
