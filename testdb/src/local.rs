//! A throw-away cluster of the PostgreSQL binaries on this machine.

use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use url::Url;

use crate::keeper::Keeper;
use crate::{Log, Server, say, setting};

/// Where ports begin that need no privilege, and how many there are below those that the kernel gives to connections
/// (`net.ipv4.ip_local_port_range`, from 32768 on), less a few that are well known.
const LOWEST_PORT: u16 = 12_000;
const PORTS: u64 = 20_000;
const MOST_PORTS_TRIED: u32 = 100;

/// Another program may take the port between its being found free and being used.
const ATTEMPTS: u32 = 3;

/// Makes and starts the cluster in `$2` on port `$3`, waits until nobody needs it any more, and removes it. What it
/// holds need not survive anything, so nothing is synced to disk.
const SCRIPT: &str = r#"
bin=$1 dir=$2 port=$3
printf postgres > "$dir/password"
{ "$bin/initdb" -D "$dir/data" -U postgres --pwfile="$dir/password" -A scram-sha-256 -E UTF8 --locale=C --no-sync &&
  "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 start -o "-p $port -h 127.0.0.1 -c unix_socket_directories='' \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300"
} > "$dir/start" 2>&1
if [ $? -eq 0 ]; then
  echo ready
  cat > /dev/null
  "$bin/pg_ctl" -D "$dir/data" -m immediate stop > /dev/null 2>&1
else
  cat "$dir/start" "$dir/log" 2> /dev/null | tail -n 5 | tr '\n' ' '
fi
rm -rf "$dir"
"#;

pub(crate) fn start() -> Result<Server, String> {
    let bin = binaries().ok_or("no PostgreSQL server binaries on this machine")?;
    let owner = unprivileged_user()?;
    let mut failure = String::new();
    for _ in 0..ATTEMPTS {
        let dir = tempfile::Builder::new().prefix("watchkeeper-postgres-").tempdir().map_err(|why| why.to_string())?;
        let port = free_port()?;
        let mut script = Command::new("sh");
        script.args(["-c", SCRIPT, "sh"]).arg(&bin).arg(dir.path()).arg(port.to_string());
        if let Some((user, group)) = owner {
            chown(dir.path(), Some(user), Some(group)).map_err(|why| why.to_string())?;
            script.uid(user).gid(group);
        }
        match Keeper::start(&mut script) {
            Ok(keeper) => {
                // From here on the script removes it.
                let dir = dir.keep();
                let url = Url::parse(&format!("postgres://postgres:postgres@127.0.0.1:{port}/postgres"));
                say(&format!("PostgreSQL for the tests: a throw-away cluster of {}", bin.display()));
                return Ok(Server {
                    url: url.map_err(|why| why.to_string())?,
                    is_foreign: false,
                    log: Some(Log::File(dir.join("log"))),
                    _keeper: Some(keeper),
                });
            }
            Err(why) => failure = why,
        }
    }
    Err(format!("the PostgreSQL of {} does not start: {failure}", bin.display()))
}

/// The directory of the server binaries: on the path, or where distributions put them; the newest version.
pub(crate) fn binaries() -> Option<PathBuf> {
    let has_server = |dir: &Path| dir.join("initdb").is_file() && dir.join("pg_ctl").is_file();
    let on_path = setting("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).find(|dir| has_server(dir));
    // Where these are links, the other programs of the server are where they lead.
    let home = |dir: PathBuf| Some(dir.join("initdb").canonicalize().ok()?.parent()?.to_owned());
    on_path.and_then(home).or_else(|| {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
        let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let newest =
            versions.map(|entry| entry.path()).filter(|path| has_server(&path.join("bin"))).max_by_key(version);
        Some(newest?.join("bin"))
    })
}

/// Whom to run the server as: PostgreSQL refuses to run as root. `None` where we are nobody special.
pub(crate) fn unprivileged_user() -> Result<Option<(u32, u32)>, String> {
    let id = |what: &str, user: Option<&str>| {
        let output = Command::new("id").arg(what).args(user).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse::<u32>().ok()
    };
    if id("-u", None) != Some(0) {
        return Ok(None);
    }
    let of = |user: &str| Some((id("-u", Some(user))?, id("-g", Some(user))?));
    of("postgres").or_else(|| of("nobody")).map(Some).ok_or_else(|| "there is no user to run PostgreSQL as".to_owned())
}

/// A port that nobody listens on, of those that the system gives to nobody by itself: a server may end and start again, and
/// finds that no connection of a test has taken it meanwhile.
pub(crate) fn free_port() -> Result<u16, String> {
    let random = RandomState::new();
    let candidates = (0..MOST_PORTS_TRIED).map(|number| LOWEST_PORT + (random.hash_one(number) % PORTS) as u16);
    let mut candidates = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    candidates.next().ok_or_else(|| "no port is free for a test server".to_owned())
}
