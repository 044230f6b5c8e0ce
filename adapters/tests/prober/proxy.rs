//! Proxies of the environment: a probe that went through one would pass by the guard.

use std::process::Stdio;

use tokio::process::Command;

use crate::server::Server;

#[tokio::test]
async fn proxy_variables_of_the_environment_are_ignored() {
    let proxy = Server::start(|_| async {}).await;
    let url = format!("http://{}", proxy.address);
    // The environment belongs to the process, so another test of this file runs in a process of its own.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "answer::an_answer_is_reported_with_its_evidence"]).stdout(Stdio::piped());
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(variable, &url);
    }
    for variable in ["NO_PROXY", "no_proxy", "REQUEST_METHOD"] {
        child.env_remove(variable);
    }
    let output = child.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(proxy.connections(), 0);
}
