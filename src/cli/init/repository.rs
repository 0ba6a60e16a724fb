//! What can be found out about a repository from its files alone.

use std::path::{Path, PathBuf};

/// Where an API's address may stand: folders and files that are looked into, in this order.
const PLACES: [&str; 5] = ["load_tests", "k6", "tests/load", ".github/workflows", ".env.example"];
/// The name of this machine.
const LOCAL: &str = "localhost";
/// No file of more bytes is looked into.
const MAX_FILE: u64 = 256 * 1024;
/// No more files of a folder are looked into.
const MAX_FILES: usize = 200;

/// Where the services of a monorepo are, each in a folder of its own.
const SERVICES: [&str; 3] = ["services", "apps", "packages"];
/// More services than these are left to whoever knows them.
const MOST_SERVICES: usize = 20;

/// A repository, as far as it tells.
#[derive(Clone, Debug)]
pub(super) struct Repository {
    /// The folder that holds `.git`, or the one that was named.
    pub(super) root: PathBuf,
    /// The default branch.
    pub(super) branch: String,
    /// `owner/name`.
    pub(super) slug: Option<String>,
    /// The staging API's address.
    pub(super) staging: Option<Surroundings>,
    /// An address that may as well be production's.
    pub(super) unsure: Option<Surroundings>,
    /// The services of a monorepo that have a staging address, by name.
    pub(super) services: Vec<(String, Surroundings)>,
}

/// An address and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Surroundings {
    pub(super) url: String,
    /// The file, from the root.
    pub(super) file: String,
}

impl Repository {
    /// Looks at the repository that `dir` is in.
    pub(super) fn look(dir: &Path) -> std::io::Result<Self> {
        let dir = dir.canonicalize()?;
        if !dir.is_dir() {
            return Err(std::io::ErrorKind::NotADirectory.into());
        }
        let root = dir.ancestors().find(|dir| dir.join(".git").exists()).unwrap_or(&dir).to_owned();
        let git = git_dir(&root);
        Ok(Self {
            branch: git.as_deref().and_then(default_branch).unwrap_or_else(|| "main".to_owned()),
            slug: git.as_deref().and_then(slug),
            unsure: address_in(&root, |host| !is_for_trying(host)),
            // Of this machine only where nothing else is named: no workflow finds it running.
            staging: address_in(&root, |host| host != LOCAL && is_for_trying(host))
                .or_else(|| address_in(&root, is_for_trying)),
            services: services(&root),
            root,
        })
    }

    /// Hour (2 to 5, UTC) and minute of the nightly run: the same for one
    /// repository, different between them, and never on the hour, when GitHub is
    /// busiest and runs start late.
    pub(super) fn nightly_at(&self) -> (u32, u32) {
        let name = self.slug.as_deref().unwrap_or(&self.branch);
        let hash = name.bytes().fold(5381_u32, |hash, b| hash.wrapping_mul(33) ^ u32::from(b));
        (2 + hash % 4, 7 + (hash / 4) % 47)
    }
}

/// The folder of Git's own files that branches share: also of a worktree and a submodule.
fn git_dir(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(&git).ok()?;
    let own = root.join(text.trim().strip_prefix("gitdir:")?.trim());
    let common = std::fs::read_to_string(own.join("commondir")).ok();
    Some(common.map_or_else(|| own.clone(), |common| own.join(common.trim())))
}

/// The remote's default branch, else a local branch of a usual name, else the current one.
fn default_branch(git: &Path) -> Option<String> {
    let head_of = |path: &str, prefix: &str| {
        let text = std::fs::read_to_string(git.join(path)).ok()?;
        Some(text.trim().strip_prefix("ref:")?.trim().strip_prefix(prefix)?.to_owned())
    };
    let usual = || {
        let packed = std::fs::read_to_string(git.join("packed-refs")).unwrap_or_default();
        let is_there = |name: &&str| {
            git.join("refs/heads").join(name).is_file()
                || packed.lines().any(|line| line.ends_with(&format!(" refs/heads/{name}")))
        };
        ["main", "master", "trunk"].into_iter().find(is_there).map(str::to_owned)
    };
    let name = head_of("refs/remotes/origin/HEAD", "refs/remotes/origin/")
        .or_else(usual)
        .or_else(|| head_of("HEAD", "refs/heads/"))?;
    // It goes into YAML and into a shell's line as it is.
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let starts_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    (name.chars().all(plain) && starts_plain).then_some(name)
}

/// `owner/name` of the remote `origin`.
fn slug(git: &Path) -> Option<String> {
    let config = std::fs::read_to_string(git.join("config")).ok()?;
    let origin = config.split("[remote \"origin\"]").nth(1)?;
    let section = origin.split("\n[").next()?;
    let url = section.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "url").then(|| value.trim())
    })?;
    let url = url.trim_end_matches('/').trim_end_matches(".git");
    let mut parts = url.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    let plain = |text: &str| {
        let inside = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inside)
    };
    (plain(owner) && plain(name)).then(|| format!("{owner}/{name}"))
}

/// Whether a host is for trying things on, by its own name: a pull request's load
/// must not go to production because somebody's script names it.
fn is_for_trying(host: &str) -> bool {
    const WORDS: [&str; 10] =
        ["stag", "stg", "test", "dev", "preview", "qa", "uat", "sandbox", LOCAL, "embedded"];
    // A top-level domain says nothing: api.example.dev may be production.
    let name = host.rsplit_once('.').map_or(host, |(name, _)| name);
    let parts = name.split(['.', '-', '_']);
    let is = |part: &str, word: &str| match word {
        // `device` and `latest` are other words.
        "dev" | "test" | "qa" | "uat" | "stg" => {
            part.trim_end_matches(|c: char| c.is_ascii_digit()) == word
                || (word == "test"
                    && part.trim_end_matches(|c: char| c.is_ascii_digit()) == "testing")
        }
        _ => part.starts_with(word),
    };
    parts.into_iter().any(|part| WORDS.iter().any(|word| is(part, word)))
}

/// The services with an address for trying things on, in the order of their names.
fn services(root: &Path) -> Vec<(String, Surroundings)> {
    let mut found = Vec::new();
    for place in SERVICES {
        let Ok(entries) = std::fs::read_dir(root.join(place)) else { continue };
        let folders = entries.take(MAX_FILES).filter_map(|entry| Some(entry.ok()?.path()));
        for folder in folders.filter(|path| path.is_dir()) {
            let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
            let taken = matches!(name, "embedded" | "staging" | "production");
            if !starts || taken || !name.chars().all(plain) {
                continue;
            }
            if let Some(mut at) = address_in(&folder, is_for_trying) {
                at.file = format!("{place}/{name}/{}", at.file);
                found.push((name.to_owned(), at));
            }
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found.dedup_by(|one, other| one.0 == other.0);
    found.truncate(MOST_SERVICES);
    found
}

/// The first address that stands on a line with `API_URL` or `BASE_URL` and whose host `suits`.
fn address_in(root: &Path, suits: impl Fn(&str) -> bool) -> Option<Surroundings> {
    for place in PLACES {
        let path = root.join(place);
        let mut files = Vec::new();
        if path.is_file() {
            files.push(path);
        } else if let Ok(entries) = std::fs::read_dir(&path) {
            files.extend(entries.take(MAX_FILES).filter_map(|entry| Some(entry.ok()?.path())));
            files.sort();
        }
        for file in files {
            let small = file.metadata().is_ok_and(|data| data.is_file() && data.len() <= MAX_FILE);
            let text = small.then(|| std::fs::read_to_string(&file).ok()).flatten();
            let suiting = |line: &str| {
                address(line).filter(|url| {
                    let parsed = url::Url::parse(url).ok();
                    parsed.is_some_and(|url| url.host_str().is_some_and(&suits))
                })
            };
            let url = text.and_then(|text| text.lines().find_map(suiting));
            if let Some(url) = url {
                let file = file.strip_prefix(root).unwrap_or(&file);
                return Some(Surroundings {
                    url,
                    file: file.display().to_string().replace('\\', "/"),
                });
            }
        }
    }
    None
}

/// The base URL on a line such as `const BASE_URL = __ENV.API_URL || 'https://api.example.org';`.
fn address(line: &str) -> Option<String> {
    if !line.contains("API_URL") && !line.contains("BASE_URL") {
        return None;
    }
    let from = ["https://", "http://"].into_iter().find_map(|scheme| line.find(scheme))?;
    let from = &line[from..];
    let in_url = |c: char| c.is_ascii_alphanumeric() || ":/._-".contains(c);
    let text = from.split(|c: char| !in_url(c)).next()?;
    let url = url::Url::parse(text).ok()?;
    let host = url.host_str()?;
    // A name without a dot is a service of some network's own, this machine apart.
    let named = host.contains('.') || host == LOCAL;
    let plain = url.username().is_empty() && url.path() == "/" && named;
    plain.then(|| url.as_str().trim_end_matches('/').to_owned())
}
