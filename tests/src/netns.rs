//! Network namespaces, the boxes of a lab.
//!
//! A namespace has no name in the file system: this process holds it by a descriptor, its programs by running in it, and the
//! kernel takes it away, with every link in it, when the last of them is gone. So there is nothing to sweep up, whatever
//! happens to the test. Its [`path`](Namespace::path) serves wherever a program wants a namespace file.
//!
//! The calling thread never moves: what has to happen inside happens in a thread or a process of its own.

use crate::error::LabError;
use crate::process::{Process, confine, name_namespaces, output};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

/// A network namespace of this lab. Clones are the same namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    fd: Arc<OwnedFd>,
    name: Arc<str>,
}

impl Namespace {
    /// A new namespace with its loopback up; it does not forward, and interfaces made in it later neither check for duplicates
    /// of their IPv6 addresses nor ask for routers. The name is for people only.
    ///
    /// # Errors
    /// [`LabError::System`] when the kernel refuses one (no privilege, mostly).
    pub fn new(name: &str) -> Result<Self, LabError> {
        let make = || -> Result<OwnedFd, LabError> {
            unshare(CloneFlags::CLONE_NEWNET)
                .map_err(LabError::system("making a network namespace (needs root)"))?;
            File::open("/proc/thread-self/ns/net")
                .map(OwnedFd::from)
                .map_err(LabError::system("opening a network namespace"))
        };
        let fd = std::thread::scope(|scope| join(scope.spawn(make)))?;
        let namespace = Self {
            fd: Arc::new(fd),
            name: name.into(),
        };
        namespace.run("ip link set lo up")?;
        // Links are usable at once and say nothing of their own accord.
        namespace.sysctl("net.ipv6.conf.default.accept_dad", "0")?;
        namespace.sysctl("net.ipv6.conf.default.router_solicitations", "0")?;
        // Some kernels hand a host's setting down; a box of a lab forwards when it is told to.
        namespace.sysctl("net.ipv4.ip_forward", "0")?;
        Ok(namespace)
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file that stands for it as long as this process lives, as `ip link set … netns PATH` takes one.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.fd.as_raw_fd()).into()
    }

    /// Does something in a thread inside, such as opening a socket.
    ///
    /// # Errors
    /// [`LabError::System`] when the namespace cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        std::thread::scope(|scope| {
            join(scope.spawn(|| {
                setns(&*self.fd, CloneFlags::CLONE_NEWNET)
                    .map_err(LabError::system("entering a network namespace"))?;
                Ok(work())
            }))
        })
    }

    /// The descriptor that holds it.
    pub(crate) fn fd(&self) -> &Arc<OwnedFd> {
        &self.fd
    }

    /// A command that will run inside and die with the calling thread.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        confine(&mut command, Some(Arc::clone(&self.fd)));
        command
    }

    /// The same with a `/run` of its own in which these namespaces stand below `/run/netns` by their names, as
    /// an operator would have made them.
    ///
    /// # Errors
    /// [`LabError::System`] when a name is none.
    pub fn command_with_names(&self, program: &str, named: &[&Self]) -> Result<Command, LabError> {
        let mut command = self.command(program);
        let names: Vec<_> = named
            .iter()
            .map(|other| (&*other.name, Arc::clone(&other.fd)))
            .collect();
        name_namespaces(&mut command, &names)?;
        Ok(command)
    }

    /// Runs a command line, split at white space, to its end and answers what it printed.
    ///
    /// # Errors
    /// As for [`output`].
    pub fn run(&self, line: &str) -> Result<String, LabError> {
        output(&mut self.parse(line))
    }

    /// Pings so many times, each once the one before was answered, with these words of `ping`. A ping that sends several waits
    /// for the last answer no longer than for two round trips; alone, each may take 20 s.
    ///
    /// # Errors
    /// As for [`output`], when one was not answered.
    pub fn pings(&self, count: u32, words: &str) -> Result<(), LabError> {
        (0..count).try_for_each(|_| self.run(&format!("ping -n -c 1 -W 20 {words}")).map(drop))
    }

    /// Starts a command line, split at white space, in the background.
    ///
    /// # Errors
    /// As for [`Process::start`].
    pub fn spawn(&self, line: &str) -> Result<Process, LabError> {
        Process::start(&mut self.parse(line))
    }

    fn parse(&self, line: &str) -> Command {
        let mut words = line.split_whitespace();
        let mut command = self.command(words.next().unwrap_or_default());
        command.args(words);
        command
    }

    /// Sets a kernel parameter of the namespace, for example `net.ipv4.ip_forward`. A dot inside a name is written as a slash,
    /// as `sysctl` has it.
    ///
    /// # Errors
    /// [`LabError::System`] when there is none of that name or the value is refused.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<(), LabError> {
        let swapped = key.chars().map(|c| match c {
            '.' => '/',
            '/' => '.',
            c => c,
        });
        let path = format!("/proc/sys/{}", swapped.collect::<String>());
        self.enter(|| std::fs::write(&path, value))?
            .map_err(LabError::system(format!("setting {key} to {value}")))
    }
}

/// The thread's answer; a panic inside goes on outside.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::time::Duration;

    #[test]
    fn programs_and_threads_are_inside_and_the_caller_is_not() {
        let namespace = Namespace::new("inside").unwrap();
        let here = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let there = namespace
            .enter(|| std::fs::read_link("/proc/thread-self/ns/net").unwrap())
            .unwrap();
        assert_ne!(here, there);
        assert_eq!(
            namespace.run("readlink /proc/self/ns/net").unwrap().trim(),
            there.to_str().unwrap()
        );
        assert_eq!(
            std::fs::read_link("/proc/thread-self/ns/net").unwrap(),
            here
        );
        assert!(namespace.run("ping -c 1 -W 2 127.0.0.1").is_ok());
    }

    #[test]
    fn the_last_handle_takes_the_links_along() {
        let (here, there) = (
            Namespace::new("here").unwrap(),
            Namespace::new("there").unwrap(),
        );
        here.run(&format!(
            "ip link add name a type veth peer name b netns {}",
            there.path().display()
        ))
        .unwrap();
        let watch = here.spawn("ip monitor link").unwrap();
        drop(there);
        // The kernel takes a namespace down in the background; the far end's end tells when.
        for _ in 0..500 {
            if here.run("ip link show dev a").is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the veth outlived its namespace: {}", watch.log());
    }

    #[test]
    fn a_program_sees_the_names_it_was_given_and_nobody_else_does() {
        let (here, there) = (
            Namespace::new("here").unwrap(),
            Namespace::new("there").unwrap(),
        );
        let mut command = here.command_with_names("ip", &[&there]).unwrap();
        let printed =
            output(command.args(["netns", "exec", "there", "readlink", "/proc/self/ns/net"]))
                .unwrap();
        assert_eq!(printed, there.run("readlink /proc/self/ns/net").unwrap());
        assert!(!std::path::Path::new("/run/netns/there").exists());
    }

    #[test]
    fn a_parameter_is_set_inside_only() {
        let namespace = Namespace::new("parameter").unwrap();
        namespace.sysctl("net.ipv4.ip_default_ttl", "77").unwrap();
        assert_eq!(
            namespace
                .run("cat /proc/sys/net/ipv4/ip_default_ttl")
                .unwrap()
                .trim(),
            "77"
        );
        assert!(namespace.sysctl("net.ipv4.no_such_thing", "1").is_err());
    }

    #[test]
    fn a_descriptor_is_not_inherited_by_programs() {
        let namespace = Namespace::new("descriptor").unwrap();
        let flags = nix::fcntl::fcntl(namespace.fd.as_fd(), nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert_eq!(flags & nix::libc::FD_CLOEXEC, nix::libc::FD_CLOEXEC);
    }
}
