//! Checks of which the results change all the time, as one element: a letter for each check in place of an array for each change.
//!
//! `[first, step, letters, results, earliest, width, offsets]`. A letter names one of the results, `A` and `a` the first of them.
//! Capitals are scheduled checks, which lie on a grid, `step` from each other. Small letters are confirmations, or manual checks
//! where the result says so; each, in the order of their slots, has `width` digits in `offsets`, which tell by how much more than
//! `earliest` it comes after the slot of the grid before it. Digits are to the base 92, `#` is nought, the most significant comes
//! first. Times are in microseconds, `first` from the beginning of the pack.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use watchkeeper_domain::check::Origin;
use watchkeeper_domain::pack::PackRun;
use watchkeeper_domain::time::Timestamp;

use super::{ResultColumns, micros_after, result};
use crate::row::{Unreadable, duration, micros};

/// A longer run stands by itself, and splits a mixed run around it in two: there it takes some 27 bytes, and in here one for each
/// of its checks.
const LONGEST: u32 = 48;

/// How many checks an element holds at the most: plain SQL goes along its letters once for each of them.
const MOST_LETTERS: usize = 512;

/// The first of the letters of scheduled checks, and of those of others.
const ON_GRID: u8 = b'A';
const OFF_GRID: u8 = b'a';

/// How many results there are at the most: one for each letter.
const MOST_RESULTS: usize = 26;

/// The digits are the printable characters of ASCII from the first one on.
const FIRST_DIGIT: u8 = b'#';
const BASE: u64 = (b'~' - FIRST_DIGIT + 1) as u64;

/// How many digits an offset has at the most: they reach beyond an hour and a half.
const MOST_DIGITS: u32 = 5;

/// Such an element as it stands in the array.
#[derive(Deserialize)]
pub(super) struct MixedColumns(
    i64,
    i64,
    String,
    Vec<ResultColumns>,
    #[serde(default)] i64,
    #[serde(default)] usize,
    #[serde(default)] String,
);

/// Runs that are to become one element.
pub(super) struct Mixed<'a> {
    first: Timestamp,
    step: Duration,
    letters: String,
    results: Vec<&'a PackRun>,
    offsets: Vec<u64>,
}

/// The runs at the beginning of some that one element can hold, and how many they are, if there are several.
pub(super) fn begin(runs: &[PackRun]) -> Option<(Mixed<'_>, usize)> {
    let mut mixed = Mixed::on_the_grid_of(runs)?;
    let (mut next, mut count) = (mixed.first, 0);
    for run in runs {
        let Some(after) = mixed.take(run, next) else { break };
        (next, count) = (after, count + 1);
    }
    (count > 1).then_some((mixed, count))
}

impl<'a> Mixed<'a> {
    /// Nothing yet, on the grid on which some runs begin, if they do on one.
    fn on_the_grid_of(runs: &[PackRun]) -> Option<Self> {
        let (first, later) = runs.split_first().filter(|(first, _)| first.origin == Origin::Scheduled)?;
        let step = match first.count {
            1 => later.iter().find(|run| run.origin == Origin::Scheduled)?.first.since(first.first),
            _ => first.step,
        };
        Some(Self { first: first.first, step, letters: String::new(), results: Vec::new(), offsets: Vec::new() })
    }

    /// Takes the run in, and answers which slot of the grid is the next one then; nothing where the run does not fit in.
    fn take(&mut self, run: &'a PackRun, next: Timestamp) -> Option<Timestamp> {
        if run.count > LONGEST || self.letters.len() + run.count as usize > MOST_LETTERS {
            return None;
        }
        let (offsets, after) = if run.origin == Origin::Scheduled {
            let is_on_grid = run.first == next && (run.count == 1 || run.step == self.step);
            (Vec::new(), is_on_grid.then(|| next.plus(self.step.saturating_mul(run.count)))?)
        } else {
            let before = next.minus(self.step);
            let offset = |number| u64::try_from(run.slot(number).since(before).as_micros()).ok();
            let offsets = (0..run.count).map(offset).collect::<Option<Vec<_>>>()?;
            let is_near = offsets.iter().all(|offset| *offset < BASE.pow(MOST_DIGITS));
            (offsets, is_near.then_some(next)?)
        };
        let first = if run.origin == Origin::Scheduled { ON_GRID } else { OFF_GRID };
        let letter = char::from(first.saturating_add(u8::try_from(self.result(run)?).ok()?));
        self.letters.extend((0..run.count).map(|_| letter));
        self.offsets.extend(offsets);
        Some(after)
    }

    /// The number of the result that a run came to, if there is a letter for it.
    fn result(&mut self, run: &'a PackRun) -> Option<usize> {
        let is_manual = |run: &PackRun| run.origin == Origin::Manual;
        let is_it = |result: &&PackRun| result.found_the_same(run) && is_manual(result) == is_manual(run);
        let known = self.results.iter().position(is_it);
        if known.is_none() && self.results.len() < MOST_RESULTS {
            self.results.push(run);
            return Some(self.results.len() - 1);
        }
        known
    }

    /// The element.
    pub(super) fn element(&self, began_at: Timestamp) -> serde_json::Result<String> {
        let of_letter = |run: &&PackRun| match run.origin {
            Origin::Manual => result(run),
            Origin::Scheduled | Origin::Confirmation => {
                result(&PackRun { origin: Origin::Scheduled, ..(*run).clone() })
            }
        };
        let results = self.results.iter().map(of_letter).collect::<Result<Vec<_>, _>>()?;
        let mut element = vec![
            micros_after(began_at, self.first).into(),
            micros(self.step).into(),
            self.letters.as_str().into(),
            json!(results),
        ];
        let ends = self.offsets.iter().min().zip(self.offsets.iter().max());
        if let Some((earliest, latest)) = ends {
            let width = digits_of(latest - earliest);
            let offsets: String = self.offsets.iter().flat_map(|offset| digits(offset - earliest, width)).collect();
            element.extend([(*earliest).into(), width.into(), offsets.into()]);
        }
        Ok(Value::Array(element).to_string())
    }
}

impl MixedColumns {
    /// Adds the checks to runs, each as one of its own.
    pub(super) fn unmix(self, began_at: Timestamp, runs: &mut Vec<PackRun>) -> Result<(), Unreadable> {
        let Self(first, step, letters, results, earliest, width, offsets) = self;
        let results = results.into_iter().map(|result| result.check(began_at)).collect::<Result<Vec<_>, _>>()?;
        let mut next = Timestamp::from_micros(began_at.as_micros().saturating_add(first));
        let (step, mut offsets) = (duration(step), offsets.as_bytes().chunks(width.max(1)));
        for letter in letters.bytes() {
            let is_on_grid = letter < OFF_GRID;
            let number = usize::from(letter.wrapping_sub(if is_on_grid { ON_GRID } else { OFF_GRID }));
            let unreadable = || Unreadable::new("Pack", &letters);
            let result = results.get(number).ok_or_else(unreadable)?;
            let (slot, origin) = if is_on_grid {
                (next, Origin::Scheduled)
            } else {
                let offset = offsets.next().and_then(value).ok_or_else(unreadable)?;
                let slot = next.minus(step).plus(duration(earliest)).plus(Duration::from_micros(offset));
                (slot, if result.origin == Origin::Manual { Origin::Manual } else { Origin::Confirmation })
            };
            if is_on_grid {
                next = next.plus(step);
            }
            runs.push(PackRun { first: slot, origin, ..result.clone() });
        }
        Ok(())
    }
}

/// How many digits a number takes.
fn digits_of(number: u64) -> u32 {
    number.checked_ilog(BASE).unwrap_or(0) + 1
}

fn digits(number: u64, width: u32) -> impl Iterator<Item = char> {
    (0..width).rev().map(move |place| {
        let digit = u8::try_from(number / BASE.pow(place) % BASE).unwrap_or_default();
        char::from(FIRST_DIGIT.saturating_add(digit))
    })
}

/// The number that some digits tell, if they are digits.
fn value(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, digit| {
        let digit = digit.checked_sub(FIRST_DIGIT).map(u64::from).filter(|digit| *digit < BASE)?;
        value.checked_mul(BASE)?.checked_add(digit)
    })
}
