//! Which CPUs forward, and which do all the rest.

use super::error::StartError;
use crate::config::cpus::CpuList;
use crate::config::system::Cpus;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// Who runs where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    /// One forwarding worker is pinned to each of these; worker 0 has the first.
    pub workers: Vec<u16>,
    /// Every other thread runs on these; never empty.
    pub control: CpuList,
    /// Whether control threads had to be put on workers' CPUs, because there are no others.
    pub shared: bool,
}

impl Placement {
    /// Distributes the CPUs that this process may use. `cpus` has passed the configuration's check
    /// against the same `allowed`, which is never empty.
    #[must_use]
    pub fn plan(cpus: &Cpus, allowed: &CpuList) -> Self {
        let workers: CpuList = match &cpus.workers {
            Some(workers) => workers.clone(),
            // Interrupts and other programs tend to the first CPU, so the last is the quietest.
            None => {
                let candidates = cpus
                    .control
                    .as_ref()
                    .map_or_else(|| allowed.clone(), |control| allowed.without(control));
                candidates
                    .iter()
                    .last()
                    .or(allowed.iter().last())
                    .into_iter()
                    .collect()
            }
        };
        let rest = allowed.without(&workers);
        let control = match &cpus.control {
            Some(control) => control.clone(),
            None if rest.is_empty() => allowed.clone(),
            None => rest,
        };
        let shared = control.iter().any(|cpu| workers.contains(cpu));
        Self {
            workers: workers.iter().collect(),
            control,
            shared,
        }
    }

    /// Keeps the calling thread, and all threads that it will start, off the workers' CPUs. To be called
    /// before any other thread exists.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub fn confine_control_threads(&self) -> Result<(), StartError> {
        let failed = |reason| StartError::Affinity {
            cpus: self.control.clone(),
            reason,
        };
        let mut set = CpuSet::new();
        for cpu in self.control.iter() {
            set.set(usize::from(cpu)).map_err(failed)?;
        }
        sched_setaffinity(Pid::from_raw(0), &set).map_err(failed)
    }
}

/// The CPUs that this process may use, by the kernel, cgroups and taskset.
///
/// # Errors
/// The kernel does not say.
pub fn allowed() -> Result<CpuList, StartError> {
    let set = sched_getaffinity(Pid::from_raw(0)).map_err(StartError::AllowedCpus)?;
    let count = u16::try_from(CpuSet::count()).unwrap_or(u16::MAX);
    Ok((0..count)
        .filter(|cpu| set.is_set(usize::from(*cpu)).unwrap_or(false))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list(text: &str) -> CpuList {
        text.parse().unwrap()
    }

    #[test]
    fn without_configuration_the_last_cpu_forwards() {
        let placement = Placement::plan(&Cpus::default(), &list("0-3"));
        assert_eq!(
            placement,
            Placement {
                workers: vec![3],
                control: list("0-2"),
                shared: false
            }
        );
    }

    #[test]
    fn one_cpu_does_everything() {
        let placement = Placement::plan(&Cpus::default(), &list("5"));
        assert_eq!(
            placement,
            Placement {
                workers: vec![5],
                control: list("5"),
                shared: true
            }
        );
    }

    #[test]
    fn what_is_named_is_kept() {
        let cpus = Cpus {
            workers: Some(list("1,3")),
            control: Some(list("0")),
            ..Cpus::default()
        };
        assert_eq!(
            Placement::plan(&cpus, &list("0-3")),
            Placement {
                workers: vec![1, 3],
                control: list("0"),
                shared: false
            }
        );
        let cpus = Cpus {
            workers: None,
            control: Some(list("3")),
            ..Cpus::default()
        };
        assert_eq!(Placement::plan(&cpus, &list("0-3")).workers, [2]);
    }

    proptest! {
        #[test]
        fn control_threads_share_only_when_nothing_is_left(
            allowed in proptest::collection::btree_set(0..32u16, 1..8),
            workers in proptest::option::of(any::<prop::sample::Index>()),
        ) {
            let allowed: CpuList = allowed.into_iter().collect();
            // Workers on the first n allowed CPUs, or left to the router.
            let workers = workers.map(|index| allowed.iter().take(index.index(allowed.len()) + 1).collect());
            let placement = Placement::plan(&Cpus { workers, ..Cpus::default() }, &allowed);
            prop_assert!(!placement.workers.is_empty());
            prop_assert!(!placement.control.is_empty());
            prop_assert!(placement.control.iter().chain(placement.workers.iter().copied()).all(|cpu| allowed.contains(cpu)));
            prop_assert_eq!(placement.shared, placement.workers.len() == allowed.len());
        }
    }

    #[test]
    fn threads_inherit_the_confinement() {
        let mine = allowed().unwrap();
        let first: CpuList = mine.iter().take(1).collect();
        Placement {
            workers: vec![],
            control: first.clone(),
            shared: false,
        }
        .confine_control_threads()
        .unwrap();
        assert_eq!(
            std::thread::spawn(|| allowed().unwrap()).join().unwrap(),
            first
        );
    }
}
