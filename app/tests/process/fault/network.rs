//! A node that is cut off from what it watches, and not from the database: it is in a network namespace of its own, and
//! enters the database by a socket in the file system, which both share.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use watchkeeper_testdb::Cluster;

use super::scene::Failure;
use super::{Node, Scene, Watched};
use crate::eventually;
use crate::program::{Program, Setup};
use crate::target::Target;

/// Waits until the interface `$1` has come in, gives it the address `$2`, and becomes the program that follows.
const ENTER: &str = r#"
PATH=/usr/sbin:/usr/bin:/sbin:/bin
until ip link show "$1" > /dev/null 2>&1; do sleep 0.05; done
ip address add "$2" dev "$1" && ip link set "$1" up || exit 1
shift 2
exec "$@"
"#;

/// How many networks of four addresses 198.18.0.0/15 has.
const PARTS: u32 = 1 << 15;

/// A way between this machine and a network namespace that a program is started in. It goes with the namespace, which goes
/// with the program.
struct Way {
    outside: String,
    inside: String,
    here: Ipv4Addr,
    there: Ipv4Addr,
}

impl Way {
    /// Opens it as far as the namespace, which need not be there yet. Its addresses are nobody else's: 198.18.0.0/15 is for
    /// tests of networks (RFC 2544), and of its parts this takes one whose interface nobody has made, which the kernel lets
    /// only one do.
    async fn begin() -> Self {
        for part in 0..PARTS {
            let (outside, inside) = (format!("wktest{part}o"), format!("wktest{part}i"));
            let made = try_ip(&format!("link add {outside} type veth peer name {inside}")).await;
            if made.as_ref().is_err_and(|said| said.contains("File exists")) {
                continue;
            }
            made.unwrap();
            let address = |host| Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + part * 4 + host);
            let way = Self { outside, inside, here: address(1), there: address(2) };
            ip(&format!("address add {}/30 dev {}", way.here, way.outside)).await;
            ip(&format!("link set {} up", way.outside)).await;
            return way;
        }
        panic!("every part of 198.18.0.0/15 is taken")
    }

    /// Leads it into the namespace of a program.
    async fn leads_to(&self, program: &Program) {
        // The namespace is there once it is not ours any more.
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        let theirs = PathBuf::from(format!("/proc/{}/ns/net", program.id()));
        let is_apart = async || std::fs::read_link(&theirs).is_ok_and(|theirs| theirs != ours).then_some(());
        eventually("the node is in a namespace of its own", is_apart).await;
        ip(&format!("link set {} netns {}", self.inside, program.id())).await;
    }

    /// The program started inside.
    fn of(&self, setup: &Setup) -> Setup {
        let address = format!("{}/30", self.there);
        let arguments = ["--net", "sh", "-c", ENTER, "sh", &self.inside, &address];
        setup.clone().within(Path::new("/usr/bin/unshare"), &arguments)
    }

    async fn lose(&self, loss: Loss, program: &Program) {
        self.turn("down", loss, program).await;
    }

    async fn find_again(&self, loss: Loss, program: &Program) {
        self.turn("up", loss, program).await;
    }

    async fn turn(&self, to: &str, loss: Loss, program: &Program) {
        match loss {
            Loss::Silence => ip(&format!("link set {} {to}", self.outside)).await,
            Loss::Interface => {
                let arguments = format!("--target {} --net ip link set {} {to}", program.id(), self.inside);
                let entered = Command::new("nsenter").args(arguments.split(' ')).status().await.unwrap();
                assert!(entered.success(), "nsenter {arguments}");
            }
        }
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        // Gone with the namespace already, but for a test that failed early.
        let _ = std::process::Command::new("ip").args(["link", "delete", &self.outside]).stderr(Stdio::null()).status();
    }
}

async fn ip(arguments: &str) {
    try_ip(arguments).await.unwrap();
}

/// Does it, or answers what was said instead.
async fn try_ip(arguments: &str) -> Result<(), String> {
    let done = Command::new("ip").args(arguments.split(' ')).output().await;
    let Ok(done) = done else { panic!("ip is not on this machine: install it (Debian: apt-get install iproute2)") };
    let said = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(format!("ip {arguments}, which takes root: {said}")) }
}

/// How the way is lost.
#[derive(Clone, Copy)]
enum Loss {
    /// The interface of the node goes down: the machine itself says that there is no way.
    Interface,
    /// The other end goes down: nothing that is sent comes through, and nobody says so.
    Silence,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_interface_goes_down_takes_no_target_for_down() {
    cut_off_from_targets("one node without its network interface", Loss::Interface).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_network_falls_silent_takes_no_target_for_down_where_it_has_addresses_to_compare_with() {
    cut_off_from_targets("the network between one node and its targets silent", Loss::Silence).await;
}

/// Cuts one of two nodes off, which may take less than a third of the slots: those that it holds before it notices, and those
/// that it tries with afterwards. If it took its share it would be half of them or more.
async fn cut_off_from_targets(what: &'static str, loss: Loss) {
    let (cluster, data, way) = (Cluster::start(&[]).await, TempDir::new().unwrap(), Way::begin().await);
    let setup = Setup::on(data.path(), &cluster.url_of_socket()).with("WATCHKEEPER_ALLOW_TARGETS", "198.18.0.0/15");
    let (answering, other) = (Node::answering(&setup).await, Node::working(&setup).await);
    let beacon = Target::start_on(&way.here.to_string()).await;
    let mut inside = way.of(&setup).with("WATCHKEEPER_METRICS_LISTEN", &format!("{}:0", way.there));
    if matches!(loss, Loss::Silence) {
        let beacon = beacon.url().trim_start_matches("http://").trim_end_matches('/');
        inside = inside.with("WATCHKEEPER_NETWORK_CHECKS", beacon);
    }
    let program = inside.start(&["work"]);
    way.leads_to(&program).await;
    let cut_off = Node::at_work(program).await;

    let here = way.here.to_string();
    let watched = Watched { address: &here, ..Watched::default() };
    let mut scene = Scene::open_with(&[&answering, &other, &cut_off], watched).await;
    scene.is_owed_a_notice(&[&other, &cut_off]).await;
    let in_hand = scene.in_hand(Duration::ZERO).await;
    let due_before = scene.slots_that_are("due").await;
    let mut failure = Failure::begins(what);
    way.lose(loss, &cut_off.program).await;
    cut_off.program.logs("this node has no network").await;
    scene.a_target_goes_down();
    scene.is_carried_on_during(&mut failure).await;
    scene.sees_the_target_down().await;
    scene.checks_go_on_for(2 * in_hand.slots).await;
    let due = scene.slots_that_are("due").await - due_before;
    way.find_again(loss, &cut_off.program).await;
    let repair = failure.ends();
    // Only the one that was cut off is left.
    scene.reads(&other);
    other.ends().await;
    scene.comes_back_after(repair).await;
    let unknown = scene.slots_that_are("unknown").await;
    assert!(unknown > 0, "what could not be known is said to be so");
    assert!(unknown * 3 < due, "a node that knows that it is cut off took {unknown} of {due} slots");
    scene.misses_at_most(in_hand).await;
    cut_off.ends().await;
    answering.ends().await;
}
