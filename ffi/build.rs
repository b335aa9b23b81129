//! Finds DPDK and libclang, compiles the C shim and generates `raw`.
//!
//! `pkg-config` is run here rather than through the crate of that name: that crate reorders
//! `--whole-archive`, which linking DPDK's archives depends on.

use std::collections::HashSet;
use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The oldest DPDK that the shim compiles with.
const OLDEST: (u32, u32) = (22, 11);
/// Everything of DPDK that `raw` names. Functions and variables only: types follow from them.
const FUNCTIONS: &[&str] = &[
    "rte_eal_(init|cleanup|get_runtime_dir)",
    "rte_(version|strerror)",
    "rte_dev_(probe|remove)",
    "rte_eth_dev_(adjust_nb_rx_tx_desc|close|configure|get_name_by_port|info_get|start|stop)",
    "rte_eth_dev_(conf_get|get_mtu|set_mtu|default_mac_addr_set)",
    "rte_eth_iterator_(init|next|cleanup)",
    "rte_eth_find_next",
    "rte_eth_dev_socket_id",
    "rte_eth_dev_rx_intr_(enable|disable|ctl_q_get_fd)",
    "rte_eth_dev_callback_(register|unregister)",
    "rte_eth_(macaddr_get|rx_queue_setup|tx_queue_setup)",
    "rte_eth_(promiscuous|allmulticast)_(enable|disable|get)",
    "rte_eth_(stats_get|stats_reset|xstats_get|xstats_get_names|xstats_reset)",
    "rte_fib6?_(create|free|add|delete|lookup_bulk)",
    "rte_log_cur_msg_loglevel",
    "rte_openlog_stream",
    "rte_mempool_(free|avail_count|in_use_count)",
    "rte_pktmbuf_(pool_create|free_bulk)",
    "rte_get_tsc_hz",
    "rte_thread_(register|unregister)",
    "shim_.*",
];
const VARIABLES: &[&str] = &["SHIM_.*"];
/// Types that are only pointed to, and the packet buffer: `raw.rs` declares these itself.
const DECLARED: &[&str] = &[
    "rte_mbuf(__.*|_sched)?",
    "rte_mempool(__.*)?",
    "rte_device",
    "rte_bus",
    "rte_class",
    "_IO_FILE",
    "FILE",
];

fn main() {
    if let Err(problem) = build() {
        eprintln!("\nerror: {problem}\n");
        exit(1);
    }
}

fn build() -> Result<(), Problem> {
    for file in ["src/shim.h", "src/shim.c"] {
        println!("cargo:rerun-if-changed={file}");
    }
    for variable in [
        "LIBCLANG_PATH",
        "CLANG_PATH",
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "PKG_CONFIG_LIBDIR",
    ] {
        println!("cargo:rerun-if-env-changed={variable}");
    }

    let is_static = env::var_os("CARGO_FEATURE_STATIC").is_some();
    check_version(&pkg_config(&["--modversion"])?)?;
    let cflags = pkg_config(&["--cflags"])?;
    let cflags: Vec<&str> = cflags.split_whitespace().collect();
    compile_shim(&cflags);
    generate_bindings(&cflags)?;
    if is_static {
        link(&pkg_config(&["--libs", "--static"])?)
    } else {
        link(&pkg_config(&["--libs"])?)
    }
    Ok(())
}

/// What keeps the crate from being built, with what to do about it.
enum Problem {
    NoPkgConfig(std::io::Error),
    NoDpdk(String),
    OldDpdk(String),
    NoLibclang,
    Bindgen(bindgen::BindgenError),
    Write(PathBuf, std::io::Error),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPkgConfig(error) => write!(
                f,
                "cannot run pkg-config ({error}). Install it: apt-get install pkg-config"
            ),
            Self::NoDpdk(said) => write!(
                f,
                "DPDK was not found by pkg-config. Install it: apt-get install libdpdk-dev\n\
                 (or set PKG_CONFIG_PATH to the folder that holds libdpdk.pc). pkg-config said:\n{said}"
            ),
            Self::OldDpdk(version) => write!(
                f,
                "DPDK {version} is too old: {}.{} or newer is needed",
                OLDEST.0, OLDEST.1
            ),
            Self::NoLibclang => write!(
                f,
                "no libclang with its own headers was found (looked at $LIBCLANG_PATH, the clang on the PATH and\n\
                 /usr/lib/llvm-*). Install both: apt-get install clang libclang-dev"
            ),
            Self::Bindgen(error) => write!(f, "bindgen could not read DPDK's headers: {error}"),
            Self::Write(path, error) => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}

fn pkg_config(arguments: &[&str]) -> Result<String, Problem> {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let output = Command::new(program)
        .args(arguments)
        .arg("libdpdk")
        .output()
        .map_err(Problem::NoPkgConfig)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Problem::NoDpdk(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        ))
    }
}

/// Refuses releases that the shim was never compiled with.
fn check_version(version: &str) -> Result<(), Problem> {
    let mut numbers = version
        .trim()
        .split(['.', '-'])
        .map_while(|part| part.parse::<u32>().ok());
    let found = numbers.next().zip(numbers.next()).unwrap_or_default();
    if found < OLDEST {
        return Err(Problem::OldDpdk(version.trim().to_owned()));
    }
    Ok(())
}

fn compile_shim(cflags: &[&str]) {
    let mut shim = cc::Build::new();
    shim.file("src/shim.c")
        .opt_level(2)
        .flag("-std=gnu11")
        .define("ALLOW_EXPERIMENTAL_API", None);
    for flag in cflags {
        shim.flag(flag);
    }
    shim.compile("ferroute_shim");
}

fn generate_bindings(cflags: &[&str]) -> Result<(), Problem> {
    let mut bindings = bindgen::Builder::default()
        .header("src/shim.h")
        .clang_args(cflags)
        .clang_arg("-DALLOW_EXPERIMENTAL_API")
        .allowlist_recursively(true)
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .derive_debug(true)
        .generate_comments(false)
        .layout_tests(false);
    if let Some(resources) = choose_libclang()? {
        bindings = bindings.clang_arg(format!("-resource-dir={}", resources.display()));
    }
    for function in FUNCTIONS {
        bindings = bindings.allowlist_function(function);
    }
    for variable in VARIABLES {
        bindings = bindings.allowlist_var(variable);
    }
    bindings = bindings.allowlist_type("shim_mbuf");
    for name in DECLARED {
        bindings = bindings.blocklist_type(name);
    }
    let path = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("raw.rs");
    let generated = bindings.generate().map_err(Problem::Bindgen)?;
    generated
        .write_to_file(&path)
        .map_err(|error| Problem::Write(path, error))
}

/// Makes bindgen load a libclang whose own headers are installed, and answers where they are.
///
/// Left alone it takes the newest libclang it finds and the headers of whatever `clang` comes first
/// on the PATH; when these two are of different releases, the intrinsics headers do not parse.
/// Answers `None` when the user chose with `LIBCLANG_PATH`.
fn choose_libclang() -> Result<Option<PathBuf>, Problem> {
    if env::var_os("LIBCLANG_PATH").is_some() {
        return Ok(None);
    }
    let of_clang =
        clang_resource_dir().and_then(|dir| dir.ancestors().nth(2).map(Path::to_path_buf));
    let mut installed: Vec<PathBuf> = list(Path::new("/usr/lib"))
        .into_iter()
        .filter(|p| file_name(p).starts_with("llvm-"))
        .map(|p| p.join("lib"))
        .collect();
    installed.sort();
    for library_dir in of_clang.into_iter().chain(installed.into_iter().rev()) {
        let has_library = list(&library_dir).iter().any(|p| is_libclang(file_name(p)));
        let resources = list(&library_dir.join("clang"))
            .into_iter()
            .find(|p| p.join("include/stddef.h").exists());
        if let (true, Some(resources)) = (has_library, resources) {
            let clang = library_dir.join("../bin/clang");
            // SAFETY: a build script's main thread, before anything started another one.
            unsafe {
                env::set_var("LIBCLANG_PATH", &library_dir);
                if clang.exists() {
                    env::set_var("CLANG_PATH", clang);
                }
            }
            return Ok(Some(resources));
        }
    }
    Err(Problem::NoLibclang)
}

/// Where the `clang` on the PATH keeps its own headers, such as `/usr/lib/llvm-14/lib/clang/14.0.6`.
fn clang_resource_dir() -> Option<PathBuf> {
    let program = env::var_os("CLANG_PATH").unwrap_or_else(|| "clang".into());
    let output = Command::new(program)
        .arg("-print-resource-dir")
        .output()
        .ok()
        .filter(|o| o.status.success())?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn is_libclang(name: &str) -> bool {
    name.starts_with("libclang.so")
        || (name.starts_with("libclang-")
            && name.contains(".so")
            && !name.starts_with("libclang-cpp"))
}

fn list(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Hands the linker flags of pkg-config to cargo in their order.
///
/// Shared: the drivers are not among them; EAL loads every one from DPDK's plugin folder. Static:
/// drivers register themselves in constructors, so their archives are linked whole. pkg-config
/// names those a second time as plain libraries, which would link them twice.
fn link(flags: &str) {
    let mut named = HashSet::new();
    let mut whole = false;
    for flag in flags.split_whitespace() {
        match flag {
            "-Wl,--whole-archive" => whole = true,
            "-Wl,--no-whole-archive" => whole = false,
            _ => {
                if let Some(dir) = flag.strip_prefix("-L") {
                    println!("cargo:rustc-link-search=native={dir}");
                } else if let Some(archive) = flag
                    .strip_prefix("-l:lib")
                    .and_then(|l| l.strip_suffix(".a"))
                {
                    let modifier = if whole {
                        "+whole-archive,-bundle"
                    } else {
                        "-bundle"
                    };
                    if named.insert(archive) {
                        println!("cargo:rustc-link-lib=static:{modifier}={archive}");
                    }
                } else if let Some(library) = flag.strip_prefix("-l")
                    && named.insert(library)
                    && is_installed(library)
                {
                    println!("cargo:rustc-link-lib=dylib={library}");
                }
            }
        }
    }
}

/// Whether the linker would find a library. With `--static` pkg-config also names what the shared
/// libraries that DPDK uses were built with (libsystemd, by way of D-Bus), which need not be there.
fn is_installed(library: &str) -> bool {
    ["so", "a"].iter().any(|kind| {
        let file = format!("lib{library}.{kind}");
        let output = Command::new("cc")
            .arg(format!("-print-file-name={file}"))
            .output();
        // The compiler repeats the bare name of what it does not find. Without a compiler that
        // can be asked, the linker is left to judge.
        output.map_or(true, |output| output.stdout.trim_ascii() != file.as_bytes())
    })
}
