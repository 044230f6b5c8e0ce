-- The whole of Watchkeeper in one file.
--
-- Instants are whole microseconds since the Unix epoch, durations microseconds unless a column says otherwise.
-- Enumerations are the small numbers of adapters/src/row/code.rs. Identifiers are UUIDs of 16 bytes; what is written
-- often refers to a monitor by its short integer key instead.

CREATE TABLE instance (
    key           INTEGER PRIMARY KEY CONSTRAINT instance_is_one CHECK (key = 1),
    fingerprint   TEXT,
    -- Hours that began before this instant are rolled up.
    rolled_up_to  INTEGER
) STRICT;

INSERT INTO instance (key) VALUES (1);

CREATE TABLE workspaces (
    id          BLOB NOT NULL PRIMARY KEY,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id             BLOB NOT NULL PRIMARY KEY,
    email          TEXT NOT NULL CONSTRAINT users_email_unique UNIQUE,
    password_hash  TEXT NOT NULL,
    -- The personal workspace.
    workspace_id   BLOB NOT NULL REFERENCES workspaces (id),
    created_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    workspace_id  BLOB NOT NULL REFERENCES workspaces (id),
    user_id       BLOB NOT NULL REFERENCES users (id),
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX memberships_by_user ON memberships (user_id);

-- A family of refresh tokens: one log-in and all its rotations.
CREATE TABLE sessions (
    id          BLOB NOT NULL PRIMARY KEY,
    user_id     BLOB NOT NULL REFERENCES users (id),
    created_at  INTEGER NOT NULL,
    ended       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE session_tokens (
    hash        BLOB NOT NULL PRIMARY KEY,
    session_id  BLOB NOT NULL REFERENCES sessions (id),
    expires_at  INTEGER NOT NULL,
    used        INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX session_tokens_by_session ON session_tokens (session_id);
CREATE INDEX session_tokens_by_expiry ON session_tokens (expires_at);

CREATE TABLE channels (
    id            BLOB NOT NULL PRIMARY KEY,
    workspace_id  BLOB NOT NULL REFERENCES workspaces (id),
    name          TEXT NOT NULL,
    kind          INTEGER NOT NULL,
    is_enabled    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX channels_by_workspace ON channels (workspace_id, id);

CREATE TABLE monitors (
    -- Never given twice: the log refers to it without a foreign key, and must not become the past of another monitor.
    key               INTEGER PRIMARY KEY AUTOINCREMENT,
    id                BLOB NOT NULL CONSTRAINT monitors_id_unique UNIQUE,
    workspace_id      BLOB NOT NULL REFERENCES workspaces (id),
    name              TEXT NOT NULL,
    target_kind       INTEGER NOT NULL,
    url               TEXT NOT NULL,
    http_method       INTEGER NOT NULL,
    follow_redirects  INTEGER NOT NULL,
    interval_secs     INTEGER NOT NULL,
    timeout_secs      INTEGER NOT NULL,
    statuses          TEXT NOT NULL,
    slow_after_ms     INTEGER,
    confirm_down      INTEGER NOT NULL,
    confirm_up        INTEGER NOT NULL,
    is_active         INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    version           INTEGER NOT NULL,
    -- A deleted monitor is hidden at once; its row goes last, when its history has been purged.
    deleted_at        INTEGER
) STRICT;

CREATE INDEX monitors_by_workspace ON monitors (workspace_id, id) WHERE deleted_at IS NULL;
CREATE INDEX monitors_deleted ON monitors (deleted_at) WHERE deleted_at IS NOT NULL;

-- What is remembered between two checks; written only when it changes.
CREATE TABLE monitor_states (
    monitor_key    INTEGER PRIMARY KEY REFERENCES monitors (key),
    held           INTEGER NOT NULL,
    since          INTEGER NOT NULL,
    streak_since   INTEGER,
    streak_count   INTEGER NOT NULL,
    silence_since  INTEGER,
    silence_count  INTEGER NOT NULL,
    last_slot      INTEGER NOT NULL
) STRICT;

-- The hot row: the slot that is to be claimed next. Only active monitors have one.
CREATE TABLE schedule (
    monitor_key  INTEGER NOT NULL REFERENCES monitors (key),
    region       TEXT NOT NULL,
    next_due_at  INTEGER NOT NULL,
    interval_ms  INTEGER NOT NULL,
    phase_ms     INTEGER NOT NULL,
    timeout_ms   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    PRIMARY KEY (monitor_key, region)
) STRICT, WITHOUT ROWID;

CREATE INDEX schedule_due ON schedule (region, next_due_at);

-- Open work. A waiting confirmation has no token, and its lease has ended at its own instant.
CREATE TABLE claims (
    monitor_key   INTEGER NOT NULL REFERENCES monitors (key),
    region        TEXT NOT NULL,
    slot          INTEGER NOT NULL,
    origin        INTEGER NOT NULL,
    start_before  INTEGER NOT NULL,
    token         BLOB,
    lease_until   INTEGER NOT NULL,
    PRIMARY KEY (monitor_key, region, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX claims_free ON claims (region, lease_until);
CREATE INDEX claims_by_slot ON claims (slot);

CREATE TABLE schedule_epochs (
    monitor_key   INTEGER NOT NULL REFERENCES monitors (key),
    region        TEXT NOT NULL,
    began_at      INTEGER NOT NULL,
    ended_at      INTEGER,
    opening_slot  INTEGER NOT NULL,
    interval_ms   INTEGER NOT NULL,
    phase_ms      INTEGER NOT NULL,
    PRIMARY KEY (monitor_key, region, began_at),
    CONSTRAINT schedule_epochs_run_forward CHECK (ended_at IS NULL OR ended_at >= began_at)
) STRICT, WITHOUT ROWID;

-- The log, time first: rows that are written together lie together. Nothing refers to it and it refers to nothing.
CREATE TABLE checks (
    slot           INTEGER NOT NULL,
    monitor_key    INTEGER NOT NULL,
    region         TEXT NOT NULL,
    origin         INTEGER NOT NULL,
    -- When the probe started, counted from the slot: it takes a few bytes less than the instant.
    late_us        INTEGER NOT NULL,
    verdict        INTEGER NOT NULL,
    reason_kind    INTEGER,
    reason_detail  TEXT,
    latency_us     INTEGER NOT NULL,
    dns_us         INTEGER,
    connect_us     INTEGER,
    tls_us         INTEGER,
    first_byte_us  INTEGER,
    transfer_us    INTEGER,
    http_status    INTEGER,
    PRIMARY KEY (slot, monitor_key, region)
) STRICT, WITHOUT ROWID;

-- Healthy scheduled checks lie on a known grid and are looked up; only the others need an index to be found.
CREATE INDEX checks_notable ON checks (monitor_key, region, slot, origin, verdict) WHERE verdict <> 1 OR origin <> 0;

CREATE TABLE evidence (
    slot         INTEGER NOT NULL,
    monitor_key  INTEGER NOT NULL,
    region       TEXT NOT NULL,
    body         TEXT NOT NULL,
    CONSTRAINT evidence_unique UNIQUE (slot, monitor_key, region)
) STRICT;

-- Slots without a check, as runs.
CREATE TABLE slot_gaps (
    monitor_key  INTEGER NOT NULL REFERENCES monitors (key),
    region       TEXT NOT NULL,
    first_slot   INTEGER NOT NULL,
    last_slot    INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    PRIMARY KEY (monitor_key, region, first_slot),
    CONSTRAINT slot_gaps_hold_slots CHECK (count > 0 AND last_slot >= first_slot)
) STRICT, WITHOUT ROWID;

CREATE TABLE status_spans (
    monitor_key  INTEGER NOT NULL REFERENCES monitors (key),
    began_at     INTEGER NOT NULL,
    ended_at     INTEGER,
    status       INTEGER NOT NULL,
    PRIMARY KEY (monitor_key, began_at),
    CONSTRAINT status_spans_are_not_empty CHECK (ended_at IS NULL OR ended_at > began_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
    id            BLOB NOT NULL CONSTRAINT incidents_id_unique UNIQUE,
    workspace_id  BLOB NOT NULL REFERENCES workspaces (id),
    monitor_key   INTEGER NOT NULL REFERENCES monitors (key),
    monitor_name  TEXT NOT NULL,
    target_url    TEXT NOT NULL,
    started_at    INTEGER NOT NULL,
    confirmed_at  INTEGER NOT NULL,
    ended_at      INTEGER,
    ending        INTEGER,
    cause_kind    INTEGER NOT NULL,
    cause_detail  TEXT NOT NULL,
    evidence      TEXT
) STRICT;

CREATE INDEX incidents_by_workspace ON incidents (workspace_id, id);
CREATE INDEX incidents_by_monitor ON incidents (monitor_key, id);
CREATE UNIQUE INDEX incidents_one_open ON incidents (monitor_key) WHERE ended_at IS NULL;

-- What is owed to a channel, with all that is told. Due while pending (state 0).
CREATE TABLE notices (
    id             BLOB NOT NULL CONSTRAINT notices_id_unique UNIQUE,
    workspace_id   BLOB NOT NULL REFERENCES workspaces (id),
    channel_id     BLOB NOT NULL REFERENCES channels (id),
    channel_kind   INTEGER NOT NULL,
    monitor_key    INTEGER NOT NULL REFERENCES monitors (key),
    incident_id    BLOB NOT NULL REFERENCES incidents (id),
    monitor_name   TEXT NOT NULL,
    target_url     TEXT NOT NULL,
    from_status    INTEGER NOT NULL,
    to_status      INTEGER NOT NULL,
    since          INTEGER NOT NULL,
    reason_kind    INTEGER,
    reason_detail  TEXT,
    created_at     INTEGER NOT NULL,
    state          INTEGER NOT NULL DEFAULT 0,
    -- When the next attempt is due, or, while somebody holds it, when others may take over.
    due_at         INTEGER NOT NULL,
    -- Attempts begun, also those of which nothing was heard again.
    attempts       INTEGER NOT NULL DEFAULT 0,
    token          BLOB
) STRICT;

CREATE INDEX notices_due ON notices (due_at) WHERE state = 0;
CREATE INDEX notices_by_monitor ON notices (monitor_key);
CREATE INDEX notices_by_incident ON notices (incident_id);
CREATE INDEX notices_by_channel ON notices (channel_id);

-- The ledger: each attempt at delivery.
CREATE TABLE deliveries (
    notice_id  BLOB NOT NULL REFERENCES notices (id),
    attempt    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    took_us    INTEGER NOT NULL,
    error      TEXT,
    retry_at   INTEGER,
    PRIMARY KEY (notice_id, attempt)
) STRICT, WITHOUT ROWID;

-- Closed hours (period 3600), derived from the log: scheduled checks by verdict, and the latencies of all that got an
-- answer. Time first, as the log.
CREATE TABLE rollups (
    period_secs  INTEGER NOT NULL,
    began_at     INTEGER NOT NULL,
    monitor_key  INTEGER NOT NULL,
    region       TEXT NOT NULL,
    up           INTEGER NOT NULL,
    degraded     INTEGER NOT NULL,
    down         INTEGER NOT NULL,
    latencies    BLOB NOT NULL,
    PRIMARY KEY (period_secs, began_at, monitor_key, region)
) STRICT, WITHOUT ROWID;
