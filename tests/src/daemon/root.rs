//! A Debian root and the private view of it that the daemons of one box have.

use crate::error::LabError;
use crate::netns::Namespace;
use crate::process::{change_root, output, run_to_end};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A release of Debian, and with it the versions of the daemons.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Release {
    /// FRR 8.4, BIRD 2.0, GoBGP 3.10.
    Debian12,
    /// FRR 10.3, BIRD 3.1, GoBGP 3.36.
    Debian13,
}

/// How long a mirror may need for all packages of a root.
const MADE_WITHIN: Duration = Duration::from_secs(900);

impl Release {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Debian12 => 12,
            Self::Debian13 => 13,
        }
    }

    /// Where its root is, made now if it was not there. That takes a minute, needs root, and happens once.
    fn root(self) -> Result<PathBuf, LabError> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/daemons");
        let number = self.number().to_string();
        run_to_end(Command::new(&script).arg(&number), MADE_WITHIN)?;
        let printed = output(Command::new(&script).args(["path", &number]))?;
        Ok(printed.trim_end().into())
    }
}

/// A root as the daemons of one network namespace see it: `/run`, `/tmp`, `/var/lib` and `/etc/frr` are their own.
#[derive(Debug)]
pub struct Root {
    namespace: Namespace,
    path: PathBuf,
    mounts: Arc<OwnedFd>,
    directory: TempDir,
}

impl Root {
    /// The root of this release for the daemons of a namespace. They find the `named` namespaces below `/run/netns`.
    ///
    /// # Errors
    /// What the script that makes roots says; [`LabError::System`] when the kernel refuses a mount.
    pub fn new(
        namespace: &Namespace,
        release: Release,
        named: &[&Namespace],
    ) -> Result<Self, LabError> {
        let path = release.root()?;
        let directory = tempfile::tempdir().map_err(LabError::system("making a directory"))?;
        // The daemons give up root's rights and go on writing there.
        for (own, open) in [
            ("run/netns", false),
            ("run/frr", true),
            ("lib/frr", true),
            ("frr", false),
        ] {
            let own = directory.path().join(own);
            fs::create_dir_all(&own)
                .and_then(|()| {
                    let mode = if open { 0o777 } else { 0o755 };
                    fs::set_permissions(&own, Permissions::from_mode(mode))
                })
                .map_err(LabError::system("making a daemon's directories"))?;
        }
        let view = View {
            namespace,
            root: &path,
            own: directory.path(),
            named,
        };
        let mounts = std::thread::scope(|scope| {
            let made = scope.spawn(|| view.make()).join();
            made.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
        .map_err(LabError::system("mounting what daemons see (needs root)"))?;
        Ok(Self {
            namespace: namespace.clone(),
            path,
            mounts: Arc::new(mounts),
            directory,
        })
    }

    /// The network namespace to which it belongs.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The path outside of a file below the daemons' `/run`.
    #[must_use]
    pub fn run_file(&self, name: &str) -> PathBuf {
        self.directory.path().join("run").join(name)
    }

    /// The path outside of a file below FRR's `/etc/frr`.
    #[must_use]
    pub fn frr_file(&self, name: &str) -> PathBuf {
        self.directory.path().join("frr").join(name)
    }

    /// A command inside, which dies with the calling thread.
    ///
    /// # Errors
    /// [`LabError::System`] when the root's path is none.
    pub fn command(&self, program: &str) -> Result<Command, LabError> {
        let root = CString::new(self.path.as_os_str().as_bytes())
            .map_err(LabError::system("naming a root"))?;
        let mut command = self.namespace.command(program);
        change_root(&mut command, Arc::clone(&self.mounts), root);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        Ok(command)
    }

    /// What a person types to get in beside a program that runs there.
    #[must_use]
    pub fn way_in(&self, pid: nix::unistd::Pid, program: &str) -> String {
        format!(
            "nsenter -t {pid} -m -n chroot {} {program}",
            self.path.display()
        )
    }
}

/// What is mounted where.
struct View<'a> {
    namespace: &'a Namespace,
    root: &'a Path,
    own: &'a Path,
    named: &'a [&'a Namespace],
}

impl View<'_> {
    /// Makes the mount namespace; the calling thread moves into it.
    fn make(&self) -> io::Result<OwnedFd> {
        setns(self.namespace.fd(), CloneFlags::CLONE_NEWNET)?;
        unshare(CloneFlags::CLONE_NEWNS)?;
        let (nothing, below) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        mount(nothing, "/", nothing, below, nothing)?;
        for (own, place) in [("run", "run"), ("lib", "var/lib"), ("frr", "etc/frr")] {
            self.bind(&self.own.join(own), place)?;
        }
        self.bind(Path::new("/dev"), "dev")?;
        for (kind, place) in [("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "tmp")] {
            let target = self.root.join(place);
            mount(Some("lab"), &target, Some(kind), MsFlags::empty(), nothing)?;
        }
        for named in self.named {
            let place = format!("run/netns/{}", named.name());
            File::create(self.root.join(&place))?;
            self.bind(&named.path(), &place)?;
        }
        File::open("/proc/thread-self/ns/mnt").map(OwnedFd::from)
    }

    fn bind(&self, source: &Path, place: &str) -> io::Result<()> {
        let nothing = None::<&str>;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
        mount(
            Some(source),
            &self.root.join(place),
            nothing,
            flags,
            nothing,
        )?;
        Ok(())
    }
}
