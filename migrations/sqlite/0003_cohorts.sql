-- contract: schedule (a program of before would claim with a monitor's own row what is claimed with a cohort now)
--
-- Monitors are claimed by the cohort: one row moves on for thousands of them, and one lease holds dozens of slots.

-- Every slot of a member before claimed_to is claimed, missed or past; every other one is still to be had.
CREATE TABLE cohorts (
    id                   INTEGER PRIMARY KEY,
    region               TEXT NOT NULL,
    claimed_to           INTEGER NOT NULL,
    -- The next slot of any member, or an instant before it; none where there is none.
    next_due_at          INTEGER,
    -- Counts the changes of its members.
    version              INTEGER NOT NULL,
    members              INTEGER NOT NULL CONSTRAINT cohorts_members_count CHECK (members >= 0),
    slots_a_day          INTEGER NOT NULL CONSTRAINT cohorts_slots_count CHECK (slots_a_day >= 0),
    -- The longest interval that a member ever had.
    longest_interval_ms  INTEGER NOT NULL
) STRICT;

-- A monitor whose row names no cohort is due by itself at next_due_at. With a cohort that is the first slot that is
-- claimed with it, and changed the version of the cohort at which the row was written.
ALTER TABLE schedule ADD COLUMN cohort_id INTEGER REFERENCES cohorts (id);
ALTER TABLE schedule ADD COLUMN changed INTEGER
    CONSTRAINT schedule_changed_with_cohort CHECK ((cohort_id IS NULL) = (changed IS NULL));
DROP INDEX schedule_due;
CREATE INDEX schedule_due ON schedule (region, next_due_at) WHERE cohort_id IS NULL;
CREATE INDEX schedule_by_cohort ON schedule (cohort_id, changed) WHERE cohort_id IS NOT NULL;

-- Who has left a cohort, for those who remember it: the newest thousand of each.
CREATE TABLE cohort_departures (
    cohort_id   INTEGER NOT NULL REFERENCES cohorts (id),
    version     INTEGER NOT NULL,
    monitor_id  BLOB NOT NULL,
    PRIMARY KEY (cohort_id, version, monitor_id)
) STRICT, WITHOUT ROWID;

-- Slots that were claimed together and are not yet recorded: the open part of a claim by cohorts. All lie on the grids of
-- their monitors. What is not simple (a lease that has ended, a monitor that changes) becomes a row of claims. A slot takes
-- 24 bytes: the monitor's identifier, and the instant as a big-endian number of microseconds.
CREATE TABLE leases (
    key          INTEGER PRIMARY KEY,
    token        BLOB NOT NULL,
    cohort_id    INTEGER NOT NULL REFERENCES cohorts (id),
    region       TEXT NOT NULL,
    lease_until  INTEGER NOT NULL,
    first_slot   INTEGER NOT NULL,
    slots        BLOB NOT NULL CONSTRAINT leases_slots_whole CHECK (length(slots) > 0 AND length(slots) % 24 = 0)
) STRICT;

CREATE INDEX leases_by_token ON leases (token);
CREATE INDEX leases_by_cohort ON leases (cohort_id);
CREATE INDEX leases_ending ON leases (region, lease_until);
CREATE INDEX leases_by_slot ON leases (first_slot);
