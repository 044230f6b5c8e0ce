//! Making, finding and listing monitors.

use std::time::Duration;

use super::Stage;
use crate::address::AddressGuard;
use crate::id::{MonitorId, WorkspaceId};
use crate::monitor::{
    Expectation, HttpMethod, HttpTarget, Interval, Monitor, MonitorName, Settings, StatusCodes, Target, Timeout,
};
use crate::port::{Created, MonitorView};
use crate::schedule::Schedule;
use crate::status::{Confirmation, State};
use crate::testkit::fixture::{self, T0};

/// Every value that can be chosen comes back as it was chosen.
pub async fn a_monitor_comes_back_as_it_was_made(stage: &Stage) {
    let workspace = stage.workspace().await;
    let url = "https://exämple.org:8443/a%20b?c=d&e=“f”#g";
    let target = HttpTarget::parse(url, HttpMethod::Head, false, &AddressGuard::default()).unwrap();
    let settings = Settings {
        name: MonitorName::parse("Über – “quoted” ✓").unwrap(),
        target: Target::Http(target),
        interval: Interval::from_secs(86_400).unwrap(),
        timeout: Timeout::from_secs(17),
        expectation: Expectation {
            statuses: StatusCodes::parse("200-204,301,418").unwrap(),
            slow_after: Some(Duration::from_millis(1_234)),
        },
        confirmation: Confirmation { before_down: 3, before_up: 2 },
    };
    let (id, created_at) = (stage.monitor_id(), T0.next());
    let monitor = Monitor { id, workspace, settings, is_active: true, created_at, version: 1 };
    stage.create(&monitor).await;
    let view = stage.view(&monitor).await;
    let next_slot = Some((created_at, Schedule::of(id, monitor.settings.interval)));
    assert_eq!(view, MonitorView { monitor: monitor.clone(), state: State::pending(created_at), next_slot });
    assert_eq!(stage.store().monitors_by_id(&[id]).await.unwrap(), std::slice::from_ref(&monitor));
    let plain = fixture::settings(60);
    let changed = stage.change(&monitor, created_at.next(), |change| change.settings = plain.clone()).await;
    assert_eq!(changed.monitor, Monitor { settings: plain, version: 2, ..monitor });
    assert_eq!(stage.view(&changed.monitor).await, changed);
}

/// Someone else's thing is not there.
pub async fn another_workspaces_monitor_is_not_there(stage: &Stage) {
    let m = stage.monitor_every(60).await;
    let eve = stage.workspace_of("eve@example.org").await;
    assert_eq!(stage.store().monitor(eve, m.id()).await.unwrap(), None);
    assert_eq!(stage.store().monitors(eve, None, 10).await.unwrap(), []);
    assert_eq!(stage.store().monitor(m.monitor.workspace, stage.monitor_id()).await.unwrap(), None);
}

/// In the order in which they were made, each once.
pub async fn monitors_are_listed_page_by_page(stage: &Stage) {
    let mut made = Vec::new();
    for _ in 0..7 {
        made.push(stage.monitor_every(60).await.id());
    }
    let (ada, eve) = (stage.workspace().await, stage.workspace_of("eve@example.org").await);
    stage.create(&fixture::monitor(stage.monitor_id(), eve, 60, T0)).await;
    let gone = made.remove(4);
    assert!(stage.store().delete_monitor(ada, gone, T0).await.unwrap());
    assert_eq!(page_through(stage, ada, 3).await, made);
    assert_eq!(page_through(stage, ada, 1).await, made);
    assert_eq!(page_through(stage, ada, 100).await, made);
}

async fn page_through(stage: &Stage, workspace: WorkspaceId, limit: u32) -> Vec<MonitorId> {
    let (mut listed, mut after): (Vec<MonitorId>, _) = (Vec::new(), None);
    loop {
        let page = stage.store().monitors(workspace, after, limit).await.unwrap();
        assert!(page.len() <= limit as usize);
        listed.extend(page.iter().map(|view| view.monitor.id));
        match page.last() {
            Some(last) => {
                assert!(after.is_none_or(|after| last.monitor.id > after), "reading on makes progress");
                after = Some(last.monitor.id);
            }
            None => return listed,
        }
    }
}

/// Deleting makes room again, and one workspace does not take another's.
pub async fn the_limit_of_a_workspace_is_kept(stage: &Stage) {
    let (ada, eve) = (stage.workspace().await, stage.workspace_of("eve@example.org").await);
    let new = |workspace| fixture::monitor(stage.monitor_id(), workspace, 60, T0);
    let (first, second, third) = (new(ada), new(ada), new(ada));
    let store = stage.store();
    assert_eq!(store.create_monitor(&first, 2).await.unwrap(), Created::Created);
    assert_eq!(store.create_monitor(&second, 2).await.unwrap(), Created::Created);
    assert_eq!(store.create_monitor(&third, 2).await.unwrap(), Created::LimitReached);
    assert_eq!(store.monitor(ada, third.id).await.unwrap(), None);
    assert_eq!(store.create_monitor(&new(eve), 2).await.unwrap(), Created::Created);
    assert!(store.delete_monitor(ada, first.id, T0).await.unwrap());
    assert_eq!(store.create_monitor(&third, 2).await.unwrap(), Created::Created);
    assert_eq!(store.create_monitor(&new(ada), 0).await.unwrap(), Created::LimitReached);
}

/// For those who probe: any workspace's, without those that are not there.
pub async fn monitors_are_found_by_their_identifiers(stage: &Stage) {
    let (ada, eve) = (stage.workspace().await, stage.workspace_of("eve@example.org").await);
    let new = |workspace| fixture::monitor(stage.monitor_id(), workspace, 60, T0);
    let (hers, his, gone) = (new(ada), new(eve), new(ada));
    for monitor in [&hers, &his, &gone] {
        stage.create(monitor).await;
    }
    assert!(stage.store().delete_monitor(ada, gone.id, T0).await.unwrap());
    let mut found = stage.store().monitors_by_id(&[his.id, gone.id, stage.monitor_id(), hers.id]).await.unwrap();
    found.sort_by_key(|monitor| monitor.id);
    assert_eq!(found, [hers, his]);
    assert_eq!(stage.store().monitors_by_id(&[]).await.unwrap(), []);
}

/// The list shows each as it stands, as looking at it alone does.
pub async fn the_list_shows_what_each_monitor_shows(stage: &Stage) {
    let (down, paused) = (stage.monitor_every(60).await, stage.monitor_every(60).await);
    stage.pause(&paused.monitor, paused.slot(0)).await;
    stage.take_down(&down).await;
    let listed = stage.store().monitors(down.monitor.workspace, None, 10).await.unwrap();
    assert_eq!(listed, [stage.view(&down.monitor).await, stage.view(&paused.monitor).await]);
}
