-- contract: schedule (a node of before would claim with a monitor's own row what is claimed with a cohort now)
--
-- Monitors are claimed by the cohort: one row moves on for thousands of them, and one lease holds dozens of slots.

-- Every slot of a member before claimed_to is claimed, missed or past; every other one is still to be had. The table is
-- small and all of it is hot: its pages have room for the next version of each row, and no index moves with them.
CREATE TABLE cohorts (
    id                  bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT cohorts_pkey PRIMARY KEY,
    region              text NOT NULL,
    claimed_to          timestamptz NOT NULL,
    -- The next slot of any member, or an instant before it; none where there is none.
    next_due_at         timestamptz,
    -- Counts the changes of its members.
    version             bigint NOT NULL,
    members             bigint NOT NULL CONSTRAINT cohorts_members_check CHECK (members >= 0),
    slots_a_day         bigint NOT NULL CONSTRAINT cohorts_slots_a_day_check CHECK (slots_a_day >= 0),
    -- The longest interval that a member ever had.
    longest_interval_ms bigint NOT NULL
) WITH (fillfactor = 20);

-- A monitor whose row names no cohort is due by itself at next_due_at. With a cohort that is the first slot that is
-- claimed with it, and changed the version of the cohort at which the row was written.
ALTER TABLE schedule
    ADD COLUMN cohort_id bigint CONSTRAINT schedule_cohort_id_fkey REFERENCES cohorts (id),
    ADD COLUMN changed   bigint,
    ADD CONSTRAINT schedule_changed_check CHECK ((cohort_id IS NULL) = (changed IS NULL));
DROP INDEX schedule_next_due_at_idx;
CREATE INDEX schedule_next_due_at_idx ON schedule (region, next_due_at) WHERE cohort_id IS NULL;
CREATE INDEX schedule_cohort_id_idx ON schedule (cohort_id, changed) WHERE cohort_id IS NOT NULL;

-- Who has left a cohort, for those who remember it: the newest thousand of each.
CREATE TABLE cohort_departures (
    cohort_id  bigint NOT NULL CONSTRAINT cohort_departures_cohort_id_fkey REFERENCES cohorts (id),
    version    bigint NOT NULL,
    monitor_id uuid NOT NULL,
    CONSTRAINT cohort_departures_pkey PRIMARY KEY (cohort_id, version, monitor_id)
);

-- Slots that were claimed together and are not yet recorded: the open part of a claim by cohorts. All lie on the grids of
-- their monitors. What is not simple (a lease that has ended, a monitor that changes) becomes a row of claims.
CREATE TABLE leases (
    token       uuid NOT NULL,
    number      integer NOT NULL,
    cohort_id   bigint NOT NULL CONSTRAINT leases_cohort_id_fkey REFERENCES cohorts (id),
    region      text NOT NULL,
    lease_until timestamptz NOT NULL,
    first_slot  timestamptz NOT NULL,
    monitor_ids uuid[] NOT NULL,
    slots       timestamptz[] NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (token, number),
    CONSTRAINT leases_slots_check CHECK (cardinality(slots) > 0 AND cardinality(slots) = cardinality(monitor_ids))
);
CREATE INDEX leases_lease_until_idx ON leases (region, lease_until);
CREATE INDEX leases_cohort_id_idx ON leases (cohort_id);
