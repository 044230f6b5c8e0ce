//! What a workspace decides for itself: for how long its history is kept.

use std::sync::Arc;

use crate::id::WorkspaceId;
use crate::invalid::Invalid;
use crate::port::{Clock, Keeping, RepoError, WorkspaceRepo};
use crate::retention::{OwnRetention, Retention};

/// Why a workspace could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Fields that break a rule.
    #[error("the workspace's fields break a rule")]
    Invalid(Vec<Invalid>),
    /// There is no such workspace.
    #[error("there is no such workspace")]
    NotFound,
    /// The store could not do it.
    #[error(transparent)]
    Repo(#[from] RepoError),
}

/// For how long the history of a workspace is kept, and by whose word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What the workspace asks for itself.
    pub own: OwnRetention,
    /// What the operator keeps at the most.
    pub most: Retention,
}

impl Kept {
    /// For how long it is kept.
    pub fn retention(&self) -> Retention {
        self.own.within(&self.most)
    }
}

/// What somebody asks to change; `None` leaves it as it is, and `Some(None)` leaves it to the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionPatch {
    /// For how many days checks are kept whole.
    pub raw_days: Option<Option<u32>>,
    /// For how many days checks are kept at all.
    pub packed_days: Option<Option<u32>>,
    /// For how many days the sums of checks are kept.
    pub rollup_days: Option<Option<u32>>,
}

/// Workspaces, for those to whom they belong.
#[derive(Clone)]
pub struct Workspaces {
    /// Keeps them.
    pub repo: Arc<dyn WorkspaceRepo>,
    /// Tells from when on something else holds.
    pub clock: Arc<dyn Clock>,
    /// For how long the operator keeps history at the most.
    pub retention: Retention,
}

impl Workspaces {
    /// For how long the history of a workspace is kept.
    ///
    /// # Errors
    /// `NotFound`, `Repo`.
    pub async fn kept(&self, workspace: WorkspaceId) -> Result<Kept, WorkspaceError> {
        Ok(self.kept_by(self.repo.keeping(workspace).await?.ok_or(WorkspaceError::NotFound)?))
    }

    /// Keeps the history of a workspace for so long from now on. What is older goes for good, at once for whoever reads.
    ///
    /// # Errors
    /// `Invalid` on `retention.raw_days`, `retention.packed_days` or `retention.rollup_days`; `NotFound`, `Repo`.
    pub async fn keep_for(&self, workspace: WorkspaceId, patch: RetentionPatch) -> Result<Kept, WorkspaceError> {
        let Keeping { own, left } = self.repo.keeping(workspace).await?.ok_or(WorkspaceError::NotFound)?;
        let asked = OwnRetention::new(
            patch.raw_days.unwrap_or(own.raw_days()),
            patch.packed_days.unwrap_or(own.packed_days()),
            patch.rollup_days.unwrap_or(own.rollup_days()),
        );
        let asked = asked.and_then(|asked| asked.fits(&self.retention).map(|()| asked));
        let asked = asked.map_err(|invalid| WorkspaceError::Invalid(vec![of_retention(invalid)]))?;
        let left = left.and(own.within(&self.retention).left(self.clock.now()));
        let keeping = self.repo.keep_for(workspace, asked, left).await?;
        Ok(self.kept_by(keeping.ok_or(WorkspaceError::NotFound)?))
    }

    fn kept_by(&self, keeping: Keeping) -> Kept {
        Kept { own: keeping.own, most: self.retention }
    }
}

/// The same, as the sender of a [`RetentionPatch`] knows its field.
fn of_retention(invalid: Invalid) -> Invalid {
    let field = match invalid.field {
        "raw_days" => "retention.raw_days",
        "packed_days" => "retention.packed_days",
        _ => "retention.rollup_days",
    };
    Invalid { field, ..invalid }
}
