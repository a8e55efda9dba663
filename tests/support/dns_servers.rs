//! NSD and Unbound on ports of their own on loopback. Each ends when dropped, its children with it.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{ports, process, scratch, wait};

/// A running server.
pub(crate) struct DnsServer {
    pub(crate) address: SocketAddr,
    process: Child,
    folder: TempDir,
}

impl DnsServer {
    /// NSD, with zones by their names.
    pub(crate) fn nsd(zones: &[(&str, &str)]) -> Self {
        Self::start("nsd", |folder, address| {
            let mut configuration = format!(
                "server:\n  ip-address: {}@{}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  \
                 zonesdir: \"{at}\"\n  pidfile: \"{at}/pid\"\n  xfrdfile: \"{at}/xfrd\"\n  zonelistfile: \"{at}/zones\"\n  \
                 xfrdir: \"{at}\"\nremote-control:\n  control-enable: no\n",
                address.ip(),
                address.port(),
                at = folder.display()
            );
            for (name, text) in zones {
                fs::write(folder.join(name), text).expect("a zone is writable");
                configuration.push_str(&format!("zone:\n  name: {name}\n  zonefile: {name}\n"));
            }
            configuration
        })
    }

    /// Unbound, which asks these servers for these zones, and refuses names under `refused.example`.
    pub(crate) fn unbound(zones: &[(&str, SocketAddr)]) -> Self {
        Self::start("unbound", |folder, address| {
            let mut configuration = format!(
                "server:\n  interface: {}@{}\n  username: \"\"\n  chroot: \"\"\n  directory: \"{at}\"\n  pidfile: \"{at}/pid\"\n  \
                 use-syslog: no\n  module-config: iterator\n  do-not-query-localhost: no\n  do-ip6: no\n  num-threads: 1\n  \
                 local-zone: \"refused.example.\" refuse\nremote-control:\n  control-enable: no\n",
                address.ip(),
                address.port(),
                at = folder.display()
            );
            for (name, server) in zones {
                let (ip, port) = (server.ip(), server.port());
                configuration.push_str(&format!("stub-zone:\n  name: \"{name}\"\n  stub-addr: {ip}@{port}\n"));
            }
            configuration
        })
    }

    fn start(program: &str, configure: impl Fn(&Path, SocketAddr) -> String) -> Self {
        let folder = scratch::folder(program);
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
        let file = folder.path().join("conf");
        fs::write(&file, configure(folder.path(), address)).expect("a file is writable");
        let log = File::create(folder.path().join("log")).expect("a file is writable");
        let mut command = Command::new(installed(program));
        let spawned = command.arg("-d").arg("-c").arg(&file).stdout(Stdio::null()).stderr(log).spawn();
        let process = spawned.unwrap_or_else(|error| panic!("{program} does not start: {error}; see tests/tools.sh"));
        let mut server = Self { address, process, folder };
        let said = server.folder.path().join("log");
        wait::until("a DNS server to listen", || {
            let ended = server.process.try_wait().expect("a process can be asked for");
            assert!(ended.is_none(), "{program} ended: {}", fs::read_to_string(&said).unwrap_or_default());
            TcpStream::connect(address).ok()
        });
        server
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        // Killed by force, NSD would leave its children behind.
        process::signal(self.process.id(), "TERM");
        let _ = self.process.wait();
    }
}

/// Debian puts servers where not every user's path leads.
fn installed(program: &str) -> PathBuf {
    let file = Path::new("/usr/sbin").join(program);
    if file.exists() { file } else { program.into() }
}
