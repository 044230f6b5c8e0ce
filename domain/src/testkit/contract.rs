//! The contract suite: a case for every MUST of the store's ports that can be seen from outside, which every store passes.
//!
//! ```text
//! watchkeeper_domain::store_contract!(#[tokio::test] my_fresh_store());
//! ```
//!
//! The macro takes the attribute that makes an `async fn` a test, and an expression whose future yields a [`Subject`]: an
//! empty store, with what keeps it alive. It expands to one test for each case, in modules by subject.
//!
//! # Slots, leases, pause, edit, gap and restart
//!
//! The rules that a store holds, and the cases that hold it to them. They come first; stores are written to them.
//!
//! | rule | case |
//! |---|---|
//! | An epoch opens with one slot, at once | [`slots::the_opening_slot_is_due_at_once`] |
//! | Grid slots follow from half an interval later | [`slots::the_grid_follows_from_half_an_interval_later`] |
//! | A slot is given to one claimer | [`slots::a_slot_is_given_once`], [`slots::claimers_at_once_share_the_slots_between_them`] |
//! | A slot may start until the next slot; a late run does not shift it | [`slots::a_late_claim_does_not_shift_the_next_slot`] |
//! | The newest slot that may start is given, older ones are missed | [`slots::slots_that_can_no_longer_start_are_missed`] |
//! | After an outage slots are recorded as missed, not replayed | [`gaps::an_outage_is_one_gap_however_long_it_was`] |
//! | Slots ahead are given up to the horizon | [`slots::a_slot_ahead_is_given_within_the_horizon`] |
//! | Reading ahead takes nothing | [`slots::reading_ahead_takes_nothing`] |
//! | The next slot never moves back | [`slots::the_next_slot_never_moves_back_with_the_clock`] |
//! | At most `limit`, the longest due first | [`slots::the_limit_is_kept_and_the_longest_due_come_first`] |
//! | The same of more than can be taken one by one, as after a restore | [`slots::a_crowd_that_is_overdue_is_given_slot_by_slot`] |
//! | Regions are apart | [`slots::another_region_gets_nothing`] |
//! | A claim carries the version of the settings | [`slots::a_claim_carries_the_version_of_the_settings`] |
//! | A lease that ended is taken over; the former holder is stale | [`leases::a_slot_whose_lease_has_ended_is_given_anew`] |
//! | A lease lasts for timeout and margin | [`leases::a_lease_lasts_from_its_slot_for_the_timeout_and_a_margin`] |
//! | A lease that ended but was not taken over holds | [`leases::a_result_is_kept_after_its_lease_until_somebody_takes_over`] |
//! | A lost slot that may no longer start is missed | [`leases::a_lost_slot_that_may_no_longer_start_is_missed`] |
//! | What is due at one instant may be given in parts; what is under way stays with its monitor | [`leases::a_slot_under_way_stays_with_its_monitor_when_there_is_not_room_for_all`] |
//! | At the start of the one holder leases are void | [`leases::voided_leases_are_given_anew_at_once`], [`leases::voided_leases_that_may_no_longer_start_are_missed`] |
//! | Only `scheduled` checks are slots | [`audit::confirmations_and_manual_checks_are_no_slots`] |
//! | A surprise is confirmed soon | [`confirmation::a_failure_is_confirmed_soon`] |
//! | A confirmation is given from its own instant on, to one holder | [`confirmation::a_confirmation_is_given_once_and_not_before_its_instant`] |
//! | None where the next slot comes as soon | [`confirmation::none_is_made_where_the_next_slot_comes_as_soon`], [`confirmation::none_is_made_where_the_next_slot_has_begun`] |
//! | The grid's instants right after an opening slot are no slots, so that they confirm nothing | [`confirmation::one_is_made_where_the_grid_passes_soon_after_an_opening_slot`] |
//! | One that may no longer start is dropped and is no gap | [`confirmation::one_that_may_no_longer_start_is_dropped`] |
//! | One that is lost in time is given anew | [`confirmation::a_lost_one_is_given_anew`] |
//! | Instants that are taken move on by a microsecond | [`manual::instants_that_are_taken_move_on_by_a_microsecond`], [`manual::a_manual_check_keeps_clear_of_the_slots`], [`manual::a_manual_check_keeps_clear_of_slots_that_are_still_to_be_claimed`], [`pause::an_opening_slot_that_is_taken_moves_on_by_a_microsecond`] |
//! | Manual checks move the status | [`manual::a_manual_check_moves_the_status`] |
//! | ... and not while paused | [`manual::a_manual_check_of_a_paused_monitor_is_kept_and_changes_nothing`] |
//! | Manual claims are not taken over | [`manual::a_manual_claim_is_not_taken_over`] |
//! | An older result changes no status | [`recording::an_older_result_is_logged_and_changes_no_status`], [`recording::a_healthy_newer_result_makes_an_older_one_powerless`] |
//! | Pausing ends the epoch: nothing is due | [`pause::a_paused_monitor_is_not_due`] |
//! | Unclaimed slots that were due are missed | [`pause::what_was_due_and_unclaimed_is_missed`] |
//! | A probe under way is recorded without changing status | [`pause::a_probe_under_way_is_kept_and_changes_no_status`] |
//! | Claims at or after the end, and waiting confirmations, are dropped | [`pause::claims_ahead_are_dropped`], [`pause::a_waiting_confirmation_is_dropped`] |
//! | An open incident closes as paused | [`pause::an_open_incident_closes_as_paused`] |
//! | Resuming starts at pending, with an opening slot | [`pause::resuming_starts_at_pending_with_a_slot_at_once`] |
//! | Epochs never overlap | [`pause::changes_at_the_same_instant_leave_epochs_apart`] |
//! | A changed interval opens an epoch, the status stays | [`edit::a_changed_interval_opens_an_epoch_and_keeps_the_status`], [`edit::a_changed_interval_keeps_the_streak`] |
//! | A changed target resets the streak | [`edit::a_changed_target_opens_an_epoch_and_resets_the_streak`] |
//! | A slot whose lease ends after the end of its epoch is missed | [`edit::a_slot_of_before_the_edit_is_not_given_anew`], [`pause::a_probe_under_way_that_is_lost_is_missed`] |
//! | Any other change leaves the schedule alone | [`edit::a_changed_name_leaves_schedule_and_state_alone`], [`edit::a_changed_timeout_counts_from_the_next_claim_on`] |
//! | A change while paused opens no epoch | [`edit::a_change_while_paused_opens_no_epoch`] |
//! | A change decided upon an older version changes nothing | [`edit::a_change_decided_upon_an_older_version_changes_nothing`] |
//! | Deleting hides everything, and makes results under way stale | [`deletion::a_deleted_monitor_is_hidden_and_not_due`], [`deletion::results_under_way_are_stale`] |
//! | History is purged in bounded steps | [`deletion::history_is_purged_in_bounded_steps`] |
//! | A missed or unknown slot extends the gap before it | [`gaps::a_gap_that_follows_upon_one_of_its_kind_extends_it`], [`gaps::a_gap_belongs_to_one_epoch`] |
//! | A slot at which we had no network is unknown, and no flip | [`gaps::a_slot_without_a_network_is_unknown_and_no_flip`] |
//! | Three in a row and the monitor is unknown, until the next result | [`gaps::three_silent_slots_are_unknown_until_the_next_result`] |
//! | What spoke for a change before that speaks for none after it | [`gaps::a_failure_before_a_blindness_confirms_nothing_after_it`], [`gaps::a_failure_before_we_lost_our_network_confirms_nothing_after_it`] |
//! | A flip to down is dated at the first failing slot | [`status::down_is_dated_at_the_first_failing_slot`] |
//! | A change is dated after what is in the record | [`audit::a_change_is_dated_after_the_slots_in_the_record`] |
//! | What can no longer start is missed, whenever that is written | [`audit::slots_that_nobody_claimed_are_missed_before_that_is_written`], [`audit::a_slot_whose_holder_died_is_missed_before_that_is_written`] |
//! | Every due slot is accounted for, whatever happens | [`audit::every_slot_is_accounted_for_whatever_happens`] |
#![expect(clippy::unwrap_used, clippy::panic, reason = "a case of the contract fails by panicking, as every test does")]

mod stage;

pub mod accounts;
pub mod audit;
pub mod confirmation;
pub mod deletion;
pub mod edit;
pub mod gaps;
pub mod history;
pub mod incidents;
pub mod latency;
pub mod leases;
pub mod manual;
pub mod monitors;
pub mod notices;
pub mod packs;
pub mod pause;
pub mod recording;
pub mod retention;
pub mod sessions;
pub mod slots;
pub mod status;
pub mod upkeep;

pub use stage::{Specimen, Stage, Subject};

/// Makes a test of every case of the contract: `store_contract!(#[tokio::test] fresh_store())`, where the expression's
/// future yields a [`Subject`](crate::testkit::contract::Subject) whose store is empty.
#[macro_export]
macro_rules! store_contract {
    (#[$attribute:meta] $fixture:expr) => {
        $crate::store_contract! { @cases (#[$attribute] $fixture)
            accounts {
                signing_up_makes_all_that_somebody_begins_with
                an_email_that_is_taken_changes_nothing
                an_email_is_given_once_however_many_ask_at_once
                the_first_user_policy_lets_one_in
                the_first_user_policy_lets_one_in_however_many_come_at_once
                the_closed_policy_lets_nobody_in
                a_refusal_does_not_tell_whether_an_email_is_taken
                who_has_no_account_is_not_found
            }
            sessions {
                tokens_rotate
                a_used_token_ends_its_family
                a_token_works_once_however_many_show_it_at_once
                a_token_whose_time_is_up_is_unknown
                a_token_that_never_was_is_unknown
                a_family_is_ended_by_any_of_its_tokens
            }
            monitors {
                a_monitor_comes_back_as_it_was_made
                another_workspaces_monitor_is_not_there
                monitors_are_listed_page_by_page
                the_limit_of_a_workspace_is_kept
                monitors_are_found_by_their_identifiers
                the_list_shows_what_each_monitor_shows
            }
            slots {
                the_opening_slot_is_due_at_once
                the_grid_follows_from_half_an_interval_later
                a_slot_is_given_once
                claimers_at_once_share_the_slots_between_them
                a_late_claim_does_not_shift_the_next_slot
                slots_that_can_no_longer_start_are_missed
                a_slot_ahead_is_given_within_the_horizon
                reading_ahead_takes_nothing
                the_next_slot_never_moves_back_with_the_clock
                the_limit_is_kept_and_the_longest_due_come_first
                a_crowd_that_is_overdue_is_given_slot_by_slot
                another_region_gets_nothing
                a_claim_carries_the_version_of_the_settings
            }
            leases {
                a_lease_lasts_from_its_slot_for_the_timeout_and_a_margin
                a_slot_whose_lease_has_ended_is_given_anew
                a_result_is_kept_after_its_lease_until_somebody_takes_over
                a_lost_slot_that_may_no_longer_start_is_missed
                a_long_lease_does_not_hold_up_the_next_slot
                a_slot_under_way_stays_with_its_monitor_when_there_is_not_room_for_all
                voided_leases_are_given_anew_at_once
                voided_leases_that_may_no_longer_start_are_missed
            }
            confirmation {
                a_failure_is_confirmed_soon
                a_confirmation_is_given_once_and_not_before_its_instant
                none_is_made_where_the_next_slot_comes_as_soon
                none_is_made_where_the_next_slot_has_begun
                one_is_made_where_the_grid_passes_soon_after_an_opening_slot
                one_that_may_no_longer_start_is_dropped
                a_lost_one_is_given_anew
                a_recovery_is_confirmed_where_the_policy_asks_for_it
            }
            manual {
                a_manual_check_is_claimed_for_the_present_instant
                instants_that_are_taken_move_on_by_a_microsecond
                a_manual_check_keeps_clear_of_the_slots
                a_manual_check_keeps_clear_of_slots_that_are_still_to_be_claimed
                a_manual_check_moves_the_status
                a_manual_check_of_a_paused_monitor_is_kept_and_changes_nothing
                a_manual_claim_is_not_taken_over
                there_is_none_of_what_is_not_there
            }
            pause {
                a_paused_monitor_is_not_due
                what_was_due_and_unclaimed_is_missed
                a_probe_under_way_is_kept_and_changes_no_status
                a_probe_under_way_that_is_lost_is_missed
                claims_ahead_are_dropped
                a_waiting_confirmation_is_dropped
                an_open_incident_closes_as_paused
                resuming_starts_at_pending_with_a_slot_at_once
                an_opening_slot_that_is_taken_moves_on_by_a_microsecond
                changes_at_the_same_instant_leave_epochs_apart
            }
            edit {
                a_changed_interval_opens_an_epoch_and_keeps_the_status
                a_changed_interval_keeps_the_streak
                a_changed_target_opens_an_epoch_and_resets_the_streak
                an_edit_misses_what_was_due_and_keeps_what_is_under_way
                a_slot_of_before_the_edit_is_not_given_anew
                a_changed_name_leaves_schedule_and_state_alone
                a_changed_timeout_counts_from_the_next_claim_on
                a_change_while_paused_opens_no_epoch
                a_change_decided_upon_an_older_version_changes_nothing
                there_is_nothing_to_change_of_what_is_not_there
            }
            deletion {
                a_deleted_monitor_is_hidden_and_not_due
                results_under_way_are_stale
                an_incident_of_a_deleted_monitor_is_hidden
                history_is_purged_in_bounded_steps
                another_monitor_keeps_its_history
            }
            recording {
                a_check_is_in_the_log_to_the_microsecond
                evidence_is_kept_for_what_is_not_up_and_for_no_other
                recording_twice_is_harmless
                a_stale_result_leaves_the_others_of_its_batch_alone
                a_batch_is_applied_in_the_order_of_its_slots
                an_older_result_is_logged_and_changes_no_status
                a_healthy_newer_result_makes_an_older_one_powerless
                a_large_batch_is_recorded_whole
            }
            status {
                the_first_result_ends_pending
                down_is_dated_at_the_first_failing_slot
                a_failure_that_is_not_confirmed_leaves_no_trace
                going_down_opens_an_incident_with_cause_and_evidence
                every_enabled_channel_is_owed_a_notice_of_going_down_and_coming_back
                a_recovery_ends_the_incident
                being_degraded_is_a_span_and_no_news
            }
            gaps {
                an_outage_is_one_gap_however_long_it_was
                a_gap_that_follows_upon_one_of_its_kind_extends_it
                a_gap_belongs_to_one_epoch
                slots_lost_one_by_one_are_one_run
                a_slot_without_a_network_is_unknown_and_no_flip
                a_manual_check_without_a_network_leaves_no_gap
                three_silent_slots_are_unknown_until_the_next_result
                a_failure_before_a_blindness_confirms_nothing_after_it
                a_failure_before_we_lost_our_network_confirms_nothing_after_it
                blind_time_counts_neither_as_up_nor_as_down
                gaps_are_listed_page_by_page
            }
            history {
                every_check_is_read_exactly_once_page_by_page
                a_window_bounds_what_is_read
                checks_are_read_by_their_verdict
                a_rare_verdict_is_found_behind_many_others
                the_log_of_one_monitor_is_its_own
                a_reason_is_read_as_it_was_recorded
                the_newest_checks_of_several_monitors_come_in_their_order
                a_glance_shows_what_is_known_and_what_was_found
                the_newest_checks_are_found_however_old
                time_facts_come_in_the_order_asked_for
                time_facts_are_read_in_bounded_parts
            }
            latency {
                latencies_come_in_stretches_of_the_window
                an_hour_is_rolled_up_when_it_is_closed
                an_hour_with_an_open_claim_is_not_rolled_up
                an_hour_that_a_slot_may_still_be_claimed_of_is_not_rolled_up
                an_hour_stays_open_for_a_long_interval_beside_a_short_one
                what_is_rolled_up_reads_as_the_log_does
            }
            packs {
                days_of_few_checks_age_as_those_of_many
                a_pack_of_some_days_loses_them_one_by_one
                results_that_change_all_the_time_are_all_kept
            }
            retention {
                a_day_is_folded_when_all_of_its_hours_are_rolled_up
                folding_changes_nothing_that_is_read
                packed_checks_read_as_what_is_left_of_them
                a_day_that_is_not_folded_is_not_packed
                the_newest_packed_checks_are_found_however_old
                what_is_older_than_it_is_kept_goes_and_leaves_its_sums
                a_long_time_without_checks_is_passed_over
                a_workspace_keeps_its_own_history_for_less
                the_evidence_of_a_workspace_goes_before_its_checks_are_packed
                what_a_workspace_let_go_of_does_not_come_back
                a_workspace_that_is_not_there_keeps_nothing
                what_is_left_of_a_deleted_monitor_is_purged
            }
            audit {
                the_account_tells_what_became_of_each_slot
                slots_that_nobody_claimed_are_missed_before_that_is_written
                a_slot_whose_holder_died_is_missed_before_that_is_written
                confirmations_and_manual_checks_are_no_slots
                a_change_is_dated_after_the_slots_in_the_record
                every_slot_is_accounted_for_whatever_happens
            }
            incidents {
                incidents_are_listed_page_by_page
                another_workspaces_incident_is_not_there
                the_timeline_tells_all_that_happened_in_its_order
                an_incident_keeps_the_names_of_its_time
            }
            notices {
                a_notice_is_given_anew_when_its_lease_ends
                a_notice_is_given_to_one_of_many_at_once
                a_delivered_notice_is_not_given_again
                a_failed_notice_is_given_again_when_its_time_comes
                a_dead_notice_is_not_given_again
                a_stale_delivery_changes_nothing
                the_oldest_notices_come_first
            }
            upkeep {
                the_store_answers
                a_write_that_changes_nothing_is_taken
                preparing_twice_is_harmless
                the_first_fingerprint_stays
                expired_refresh_tokens_are_purged
                the_size_does_not_shrink_by_storing_more
                what_is_owed_and_how_far_history_has_come_can_be_asked
            }
        }
    };
    (@cases $how:tt $($module:ident { $($case:ident)+ })+) => {
        $(mod $module {
            #[allow(unused_imports, reason = "the expression may name what lies around the macro")]
            use super::*;
            $($crate::store_contract! { @case $how $module $case })+
        })+
    };
    (@case (#[$attribute:meta] $fixture:expr) $module:ident $case:ident) => {
        #[$attribute]
        async fn $case() {
            let subject: $crate::testkit::contract::Subject = $fixture.await;
            let stage = $crate::testkit::contract::Stage::open(&subject).await;
            $crate::testkit::contract::$module::$case(&stage).await;
        }
    };
}
