use crate::kernel::Moment;
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

const ENDING: &str = ".eml";
/// A file that is being written. Programs that watch the folder skip hidden files.
const DRAFT: &str = ".draft";

/// Writes a file that only the server's account reads, whole or not at all. The folder is created if it is missing.
pub(super) async fn write(file: &Path, content: Vec<u8>) -> io::Result<()> {
    let file = file.to_owned();
    spawn_blocking(move || write_now(&file, &content)).await?
}

fn write_now(file: &Path, content: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}{DRAFT}"));
    // The draft of an attempt that was interrupted. A link that was put there is removed too, and never followed.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut created = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    created.write_all(content)?;
    created.sync_all()?;
    fs::rename(&draft, file)
}

/// Deletes emails, and drafts, that were enqueued before a time: their links have expired. Other files stay.
pub(super) async fn forget(folder: &Path, before: Moment) -> io::Result<()> {
    let folder = folder.to_owned();
    spawn_blocking(move || forget_now(&folder, before)).await?
}

fn forget_now(folder: &Path, before: Moment) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let enqueued = enqueued_at(&entry.file_name().to_string_lossy());
        if enqueued.is_some_and(|enqueued| enqueued < before) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The name of an email's file: when and why, for readers, and its id.
pub(super) fn name_of(email: Uuid, kind: &str, at: Moment) -> String {
    format!("{}_{kind}_{email}{ENDING}", at.format("%Y-%m-%dT%H-%M-%SZ"))
}

/// When the email of a file was enqueued, by its id (RFC 9562 §5.7). None: the file is not ours.
fn enqueued_at(name: &str) -> Option<Moment> {
    let name = name.strip_suffix(DRAFT).and_then(|name| name.strip_prefix('.')).unwrap_or(name);
    let (_, id) = name.strip_suffix(ENDING)?.rsplit_once('_')?;
    let (seconds, nanoseconds) = Uuid::try_parse(id).ok()?.get_timestamp()?.to_unix();
    Moment::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may fail loudly")]
mod tests {
    use super::*;
    use crate::kernel::{Duration, Rng, new_uuid};
    use std::os::unix::fs::{MetadataExt, symlink};

    fn name_at(at: Moment) -> String {
        name_of(new_uuid(at, &Rng::system()), "new-device", at)
    }

    #[test]
    fn only_the_servers_account_reads_a_file_and_an_interrupted_attempt_leaves_no_half() {
        let parent = tempfile::tempdir().unwrap();
        let (folder, target) = (parent.path().join("data/mail"), parent.path().join("elsewhere"));
        let file = folder.join("a.eml");
        write_now(&file, b"one").unwrap();
        for draft in ["half", "link"] {
            let path = folder.join(".a.eml.draft");
            if draft == "half" {
                fs::write(&path, "half").unwrap();
            } else {
                symlink(&target, &path).unwrap();
            }
            write_now(&file, b"two").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&file), mode(&folder), mode(&parent.path().join("data"))), (0o600, 0o700, 0o700));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(!target.exists(), "a link is not followed");
    }

    #[test]
    fn old_emails_and_drafts_are_deleted_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let now = Moment::from_timestamp(1_800_000_000, 0).unwrap();
        let old = now - Duration::from_hours(1);
        let kept =
            [name_at(now), "notes_about.eml".into(), "a_00000000-0000-4000-8000-000000000000.eml".into(), "x".into()];
        let deleted = [name_at(old), format!(".{}{DRAFT}", name_at(old))];
        for name in kept.iter().chain(&deleted) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        forget_now(folder.path(), now).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let mut expected = kept.to_vec();
        left.sort();
        expected.sort();
        assert_eq!(left, expected);
        forget_now(&folder.path().join("missing"), now).unwrap();
    }
}
