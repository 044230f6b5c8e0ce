//! The stores: the contract suite on each, and what is particular to it.

mod sqlite;
