-- Watchkeeper on PostgreSQL 15 or newer.
--
-- Instants are timestamptz, durations whole microseconds (_us) or as named, enumerations small numbers that a CHECK
-- bounds and adapters/src/row/code.rs explains. Small hot rows (schedule, claims, monitor_states) and append-only
-- history (checks, slot_gaps, status_spans) are kept apart. Constraints are named by hand, because code and people
-- read the names.

-- An instant as whole microseconds since the Unix epoch. It is inlined where it is used.
CREATE FUNCTION unix_us(at timestamptz) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (extract(epoch FROM at) * 1000000)::bigint;

-- One row: what all nodes that share this database agree on.
CREATE TABLE instance (
    is_only            boolean NOT NULL DEFAULT true
                       CONSTRAINT instance_pkey PRIMARY KEY
                       CONSTRAINT instance_is_only_check CHECK (is_only),
    secret_fingerprint text NOT NULL
);

CREATE TABLE workspaces (
    id         uuid NOT NULL CONSTRAINT workspaces_pkey PRIMARY KEY,
    created_at timestamptz NOT NULL
);

CREATE TABLE users (
    id            uuid NOT NULL CONSTRAINT users_pkey PRIMARY KEY,
    email         text NOT NULL CONSTRAINT users_email_key UNIQUE,
    password_hash text NOT NULL,
    workspace_id  uuid NOT NULL CONSTRAINT users_workspace_id_fkey REFERENCES workspaces (id),
    created_at    timestamptz NOT NULL
);

CREATE TABLE memberships (
    workspace_id uuid NOT NULL CONSTRAINT memberships_workspace_id_fkey REFERENCES workspaces (id),
    user_id      uuid NOT NULL CONSTRAINT memberships_user_id_fkey REFERENCES users (id),
    created_at   timestamptz NOT NULL,
    CONSTRAINT memberships_pkey PRIMARY KEY (workspace_id, user_id)
);
CREATE INDEX memberships_user_id_idx ON memberships (user_id);

-- A family of refresh tokens: one log-in and all its rotations.
CREATE TABLE sessions (
    id         uuid NOT NULL CONSTRAINT sessions_pkey PRIMARY KEY,
    user_id    uuid NOT NULL CONSTRAINT sessions_user_id_fkey REFERENCES users (id),
    created_at timestamptz NOT NULL,
    has_ended  boolean NOT NULL DEFAULT false
);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE session_tokens (
    token_hash bytea NOT NULL
               CONSTRAINT session_tokens_pkey PRIMARY KEY
               CONSTRAINT session_tokens_token_hash_check CHECK (octet_length(token_hash) = 32),
    session_id uuid NOT NULL CONSTRAINT session_tokens_session_id_fkey REFERENCES sessions (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    is_used    boolean NOT NULL DEFAULT false
);
CREATE INDEX session_tokens_session_id_idx ON session_tokens (session_id);
CREATE INDEX session_tokens_expires_at_idx ON session_tokens (expires_at);

CREATE TABLE monitors (
    id               uuid NOT NULL CONSTRAINT monitors_pkey PRIMARY KEY,
    workspace_id     uuid NOT NULL CONSTRAINT monitors_workspace_id_fkey REFERENCES workspaces (id),
    name             text NOT NULL,
    target_kind      smallint NOT NULL CONSTRAINT monitors_target_kind_check CHECK (target_kind = 1),
    url              text NOT NULL,
    http_method      smallint NOT NULL CONSTRAINT monitors_http_method_check CHECK (http_method IN (1, 2)),
    follow_redirects boolean NOT NULL,
    interval_secs    integer NOT NULL CONSTRAINT monitors_interval_secs_check CHECK (interval_secs BETWEEN 1 AND 86400),
    timeout_secs     integer NOT NULL CONSTRAINT monitors_timeout_secs_check CHECK (timeout_secs >= 1),
    statuses         text NOT NULL,
    slow_after_ms    integer CONSTRAINT monitors_slow_after_ms_check CHECK (slow_after_ms > 0),
    confirm_down     smallint NOT NULL CONSTRAINT monitors_confirm_down_check CHECK (confirm_down >= 0),
    confirm_up       smallint NOT NULL CONSTRAINT monitors_confirm_up_check CHECK (confirm_up >= 0),
    is_active        boolean NOT NULL,
    created_at       timestamptz NOT NULL,
    version          integer NOT NULL CONSTRAINT monitors_version_check CHECK (version >= 1),
    -- Hidden since then; the row goes when its history has been purged.
    deleted_at       timestamptz
);
CREATE INDEX monitors_workspace_id_idx ON monitors (workspace_id, id) WHERE deleted_at IS NULL;
CREATE INDEX monitors_deleted_at_idx ON monitors (deleted_at) WHERE deleted_at IS NOT NULL;

-- What is remembered of a monitor between two checks. Written only when it changes.
CREATE TABLE monitor_states (
    monitor_id    uuid NOT NULL
                  CONSTRAINT monitor_states_pkey PRIMARY KEY
                  CONSTRAINT monitor_states_monitor_id_fkey REFERENCES monitors (id) ON DELETE CASCADE,
    held          smallint NOT NULL CONSTRAINT monitor_states_held_check CHECK (held BETWEEN 0 AND 6),
    since         timestamptz NOT NULL,
    streak_since  timestamptz,
    streak_count  integer NOT NULL,
    silence_since timestamptz,
    silence_count bigint NOT NULL,
    last_slot     timestamptz NOT NULL
);

-- The hot row: when an active monitor is due next. A paused one has none.
CREATE TABLE schedule (
    monitor_id  uuid NOT NULL CONSTRAINT schedule_monitor_id_fkey REFERENCES monitors (id) ON DELETE CASCADE,
    region      text NOT NULL,
    next_due_at timestamptz NOT NULL,
    interval_ms bigint NOT NULL,
    phase_ms    bigint NOT NULL,
    timeout_ms  bigint NOT NULL,
    version     integer NOT NULL,
    CONSTRAINT schedule_pkey PRIMARY KEY (monitor_id, region)
);
CREATE INDEX schedule_next_due_at_idx ON schedule (region, next_due_at);

-- Open work: slots that are claimed and not yet recorded, and confirmations that wait to be claimed. Those have no
-- token, and free_at is their own instant; of a claim it is where the lease ends.
CREATE TABLE claims (
    monitor_id   uuid NOT NULL,
    region       text NOT NULL,
    slot         timestamptz NOT NULL,
    origin       smallint NOT NULL CONSTRAINT claims_origin_check CHECK (origin BETWEEN 0 AND 2),
    start_before timestamptz NOT NULL,
    token        uuid,
    free_at      timestamptz NOT NULL,
    CONSTRAINT claims_pkey PRIMARY KEY (monitor_id, region, slot)
);
CREATE INDEX claims_free_at_idx ON claims (region, free_at);

-- What was due follows from these alone.
CREATE TABLE schedule_epochs (
    monitor_id   uuid NOT NULL,
    region       text NOT NULL,
    began_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    opening_slot timestamptz NOT NULL,
    interval_ms  bigint NOT NULL,
    phase_ms     bigint NOT NULL,
    CONSTRAINT schedule_epochs_pkey PRIMARY KEY (monitor_id, region, began_at),
    CONSTRAINT schedule_epochs_ended_at_check CHECK (ended_at >= began_at)
);

-- The log. Time comes first in the key: each batch lands on few pages, and age leaves with its partition. A healthy
-- scheduled check lies on the monitor's grid and is looked up by its slot; what does not is in the partial index. No
-- foreign key: rows outlive their monitor until they are purged.
CREATE TABLE checks (
    slot          timestamptz NOT NULL,
    monitor_id    uuid NOT NULL,
    region        text NOT NULL,
    checked_at    timestamptz NOT NULL,
    latency_us    bigint NOT NULL,
    dns_us        bigint,
    connect_us    bigint,
    tls_us        bigint,
    first_byte_us bigint,
    transfer_us   bigint,
    http_status   integer,
    origin        smallint NOT NULL,
    verdict       smallint NOT NULL,
    reason_kind   smallint,
    reason_detail text,
    CONSTRAINT checks_pkey PRIMARY KEY (slot, monitor_id, region),
    CONSTRAINT checks_origin_check CHECK (origin BETWEEN 0 AND 2),
    CONSTRAINT checks_verdict_check CHECK (verdict BETWEEN 1 AND 3)
) PARTITION BY RANGE (slot);
CREATE INDEX checks_notable_idx ON checks (monitor_id, region, slot) WHERE verdict <> 1 OR origin <> 0;

-- What else was seen of checks that were not up; partitioned like the log, so that it leaves with it. As json and not
-- jsonb, since a body may hold what jsonb refuses.
CREATE TABLE check_evidence (
    slot       timestamptz NOT NULL,
    monitor_id uuid NOT NULL,
    region     text NOT NULL,
    evidence   json NOT NULL,
    CONSTRAINT check_evidence_pkey PRIMARY KEY (slot, monitor_id, region)
) PARTITION BY RANGE (slot);

-- Slots without a check, as runs.
CREATE TABLE slot_gaps (
    monitor_id uuid NOT NULL,
    region     text NOT NULL,
    first_slot timestamptz NOT NULL,
    last_slot  timestamptz NOT NULL,
    slot_count bigint NOT NULL CONSTRAINT slot_gaps_slot_count_check CHECK (slot_count > 0),
    outcome    smallint NOT NULL CONSTRAINT slot_gaps_outcome_check CHECK (outcome BETWEEN 1 AND 3),
    CONSTRAINT slot_gaps_pkey PRIMARY KEY (monitor_id, region, first_slot),
    CONSTRAINT slot_gaps_last_slot_check CHECK (last_slot >= first_slot)
);

CREATE TABLE status_spans (
    monitor_id uuid NOT NULL,
    began_at   timestamptz NOT NULL,
    ended_at   timestamptz,
    status     smallint NOT NULL CONSTRAINT status_spans_status_check CHECK (status BETWEEN 0 AND 6),
    CONSTRAINT status_spans_pkey PRIMARY KEY (monitor_id, began_at),
    CONSTRAINT status_spans_ended_at_check CHECK (ended_at > began_at)
);
CREATE UNIQUE INDEX status_spans_open_key ON status_spans (monitor_id) WHERE ended_at IS NULL;

CREATE TABLE incidents (
    id           uuid NOT NULL CONSTRAINT incidents_pkey PRIMARY KEY,
    workspace_id uuid NOT NULL CONSTRAINT incidents_workspace_id_fkey REFERENCES workspaces (id),
    monitor_id   uuid NOT NULL CONSTRAINT incidents_monitor_id_fkey REFERENCES monitors (id) ON DELETE CASCADE,
    monitor_name text NOT NULL,
    target_url   text NOT NULL,
    started_at   timestamptz NOT NULL,
    confirmed_at timestamptz NOT NULL,
    ended_at     timestamptz,
    ending       smallint CONSTRAINT incidents_ending_check CHECK (ending IN (1, 2)),
    cause_kind   smallint NOT NULL,
    cause_detail text NOT NULL,
    evidence     json,
    CONSTRAINT incidents_ended_at_check CHECK (ended_at >= started_at),
    CONSTRAINT incidents_ended_check CHECK ((ended_at IS NULL) = (ending IS NULL))
);
CREATE UNIQUE INDEX incidents_open_key ON incidents (monitor_id) WHERE ended_at IS NULL;
CREATE INDEX incidents_workspace_id_idx ON incidents (workspace_id, id);
CREATE INDEX incidents_monitor_id_idx ON incidents (monitor_id, id);

CREATE TABLE channels (
    id           uuid NOT NULL CONSTRAINT channels_pkey PRIMARY KEY,
    workspace_id uuid NOT NULL CONSTRAINT channels_workspace_id_fkey REFERENCES workspaces (id),
    name         text NOT NULL,
    kind         smallint NOT NULL CONSTRAINT channels_kind_check CHECK (kind = 1),
    is_enabled   boolean NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE INDEX channels_workspace_id_idx ON channels (workspace_id, id);

-- What is owed to a channel. While it is pending, due_at says when an attempt may begin: a claim moves it to the end of
-- its lease.
CREATE TABLE notices (
    id            uuid NOT NULL CONSTRAINT notices_pkey PRIMARY KEY,
    workspace_id  uuid NOT NULL CONSTRAINT notices_workspace_id_fkey REFERENCES workspaces (id),
    channel_id    uuid NOT NULL CONSTRAINT notices_channel_id_fkey REFERENCES channels (id) ON DELETE CASCADE,
    channel_kind  smallint NOT NULL,
    monitor_id    uuid NOT NULL,
    incident_id   uuid NOT NULL CONSTRAINT notices_incident_id_fkey REFERENCES incidents (id) ON DELETE CASCADE,
    monitor_name  text NOT NULL,
    target_url    text NOT NULL,
    from_status   smallint NOT NULL,
    to_status     smallint NOT NULL,
    since         timestamptz NOT NULL,
    reason_kind   smallint,
    reason_detail text,
    created_at    timestamptz NOT NULL,
    state         smallint NOT NULL CONSTRAINT notices_state_check CHECK (state BETWEEN 0 AND 2),
    due_at        timestamptz NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    token         uuid
);
CREATE INDEX notices_due_at_idx ON notices (due_at) WHERE state = 0;
CREATE INDEX notices_incident_id_idx ON notices (incident_id);
CREATE INDEX notices_channel_id_idx ON notices (channel_id);

-- The ledger: every attempt at delivery.
CREATE TABLE deliveries (
    notice_id uuid NOT NULL CONSTRAINT deliveries_notice_id_fkey REFERENCES notices (id) ON DELETE CASCADE,
    attempt   integer NOT NULL CONSTRAINT deliveries_attempt_check CHECK (attempt >= 1),
    at        timestamptz NOT NULL,
    took_us   bigint NOT NULL,
    -- Why it failed; null where it did not.
    error     text,
    retry_at  timestamptz,
    CONSTRAINT deliveries_pkey PRIMARY KEY (notice_id, attempt)
);

-- Closed stretches of the log, derived from it: scheduled checks by verdict, and the latencies of all checks that got an
-- answer. The period is part of the key: 1 is the hour.
CREATE TABLE rollups (
    period     smallint NOT NULL CONSTRAINT rollups_period_check CHECK (period = 1),
    began_at   timestamptz NOT NULL,
    monitor_id uuid NOT NULL,
    region     text NOT NULL,
    up         bigint NOT NULL,
    degraded   bigint NOT NULL,
    down       bigint NOT NULL,
    latencies  bytea NOT NULL,
    CONSTRAINT rollups_pkey PRIMARY KEY (period, began_at, monitor_id, region)
);

-- Up to where each period is rolled up.
CREATE TABLE rollup_progress (
    period    smallint NOT NULL CONSTRAINT rollup_progress_pkey PRIMARY KEY,
    rolled_to timestamptz
);
INSERT INTO rollup_progress (period) VALUES (1);
