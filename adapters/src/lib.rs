//! Watchkeeper's ports on real things.

mod row;
