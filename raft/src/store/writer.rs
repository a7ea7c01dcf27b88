//! The one thread that writes the file. It knows no Raft: it puts changes on disk in order, many with one fsync.

use std::fmt::Display;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use openraft::storage::IOFlushed;
use redb::ReadableDatabase;
use tokio::sync::{mpsc, oneshot};

use super::disk::{File, LOG, META, OWNER, PURGED, SNAPSHOT};
use super::seal::ValuePlace;
use crate::codec::{self, CodecError, Format};
use crate::model::NodeId;
use crate::types::TypeConfig;

/// Jobs that may wait for the disk; the sender waits when there are more.
const QUEUE_JOBS: usize = 1024;
/// The most jobs that one fsync covers.
const BATCH_JOBS: usize = 256;
/// How the process ends when the disk fails (`EX_IOERR` of sysexits.h).
const EXIT_DISK_FAILED: i32 = 74;

/// A change of the file.
#[derive(Debug)]
pub(crate) enum FileChange {
    /// Adds or replaces log entries.
    Append(Vec<(u64, Vec<u8>)>),
    /// Removes the log from this index on.
    Truncate { from: u64 },
    /// Removes the log up to and including `upto`, and sets the name `purged` to `id`.
    Purge { upto: u64, id: Vec<u8> },
    /// Sets a single value.
    Put { key: &'static str, value: Vec<u8> },
    /// The file belongs to a node from now on.
    Own { id: Vec<u8> },
    /// Changes nothing. It is durable when everything before it is.
    Nothing,
}

/// The follow-up of a job.
enum Then {
    /// Somebody waits until the change is durable.
    Tell(oneshot::Sender<()>),
    /// openraft is told once the change is durable.
    Flushed(IOFlushed<TypeConfig>),
    Nothing,
}

enum Job {
    Write(FileChange, Then),
    ReadSnapshot(oneshot::Sender<Result<Option<Vec<u8>>, redb::Error>>),
}

/// Where jobs are put in. The thread ends when all handles are gone.
#[derive(Debug, Clone)]
pub(crate) struct WriterHandle {
    jobs: mpsc::Sender<Job>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Job")
    }
}

impl WriterHandle {
    /// Returns when the change is durable.
    pub(crate) async fn write(&self, change: FileChange) -> io::Result<()> {
        let (tell, told) = oneshot::channel();
        self.send(Job::Write(change, Then::Tell(tell))).await?;
        told.await.map_err(|_| gone())
    }

    /// Sets a single value; returns when it is durable.
    pub(crate) async fn put<T: Format>(&self, key: &'static str, value: &T) -> io::Result<()> {
        let value = codec::encode(value).map_err(invalid)?;
        self.write(FileChange::Put { key, value }).await
    }

    /// Makes the file that of a node; returns when that is durable.
    pub(crate) async fn own(&self, id: NodeId) -> io::Result<()> {
        let id = codec::encode(&id).map_err(invalid)?;
        self.write(FileChange::Own { id }).await
    }

    /// Returns when every change that was handed in before is durable.
    pub(crate) async fn flushed(&self) -> io::Result<()> {
        self.write(FileChange::Nothing).await
    }

    /// Returns at once; the change is durable before any later one.
    pub(crate) async fn write_later(&self, change: FileChange) -> io::Result<()> {
        self.send(Job::Write(change, Then::Nothing)).await
    }

    /// Returns at once; `flushed` is told when the change is durable.
    pub(crate) async fn write_then(
        &self,
        change: FileChange,
        flushed: IOFlushed<TypeConfig>,
    ) -> io::Result<()> {
        self.send(Job::Write(change, Then::Flushed(flushed))).await
    }

    /// The bytes of the current snapshot, as they are.
    pub(crate) async fn read_snapshot(&self) -> io::Result<Option<Vec<u8>>> {
        let (tell, told) = oneshot::channel();
        self.send(Job::ReadSnapshot(tell)).await?;
        told.await.map_err(|_| gone())?.map_err(io::Error::other)
    }

    async fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.send(job).await.map_err(|_| gone())
    }
}

/// A value that cannot be encoded or decoded, as an I/O error.
pub(crate) fn invalid(error: CodecError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the storage writer has stopped")
}

/// Starts the thread. It closes the file and ends when all handles are gone.
pub(super) fn start(file: File) -> io::Result<(WriterHandle, JoinHandle<()>)> {
    let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
    let writer = move || {
        // redb panics where it finds its pages damaged; what is on disk is then as unknown as after a failed fsync.
        if catch_unwind(AssertUnwindSafe(|| run(&file, queue))).is_err() {
            end_process("the storage writer panicked");
        }
    };
    let thread = thread::Builder::new()
        .name("klamm-store".to_owned())
        .spawn(writer)?;
    Ok((WriterHandle { jobs }, thread))
}

fn end_process(error: impl Display) -> ! {
    tracing::error!(%error, "the disk failed: this process ends, because it could not keep what it would acknowledge");
    std::process::exit(EXIT_DISK_FAILED);
}

fn run(file: &File, mut queue: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH_JOBS);
    while queue.blocking_recv_many(&mut batch, BATCH_JOBS) > 0 {
        let mut changes = Vec::new();
        for job in batch.drain(..) {
            match job {
                Job::Write(change, then) => changes.push((change, then)),
                Job::ReadSnapshot(tell) => {
                    flush(file, &mut changes);
                    // The reader may have given up; then nobody needs the answer.
                    tell.send(read_snapshot(file)).ok();
                }
            }
        }
        flush(file, &mut changes);
    }
}

/// Makes `changes` durable, then tells. The process ends if that fails: after a failed fsync nobody knows what is on
/// disk, so nothing may be acknowledged any more.
fn flush(file: &File, changes: &mut Vec<(FileChange, Then)>) {
    let is_nothing = |(change, _): &(FileChange, Then)| matches!(change, FileChange::Nothing);
    if !changes.iter().all(is_nothing)
        && let Err(error) = commit(file, changes)
    {
        end_process(error);
    }
    for (_, then) in changes.drain(..) {
        match then {
            Then::Tell(tell) => {
                // The waiter may have given up; the change stays.
                tell.send(()).ok();
            }
            Then::Flushed(flushed) => flushed.io_completed(Ok(())),
            Then::Nothing => {}
        }
    }
}

/// Makes changes durable, all or none of them, where no thread writes the file.
pub(super) fn commit_alone(file: &File, changes: Vec<FileChange>) -> Result<(), redb::Error> {
    let mut changes: Vec<_> = changes
        .into_iter()
        .map(|change| (change, Then::Nothing))
        .collect();
    commit(file, &mut changes)
}

fn commit(file: &File, changes: &mut [(FileChange, Then)]) -> Result<(), redb::Error> {
    let mut transaction = file.database.begin_write()?;
    // With one phase, redb answers damage found after a crash by going back one commit, which was acknowledged.
    transaction.set_two_phase_commit(true);
    {
        let mut log = transaction.open_table(LOG)?;
        let mut meta = transaction.open_table(META)?;
        for (change, _) in changes {
            match change {
                FileChange::Append(entries) => {
                    for (index, bytes) in entries {
                        log.insert(*index, sealed(file, ValuePlace::Log(*index), bytes)?)?;
                    }
                }
                FileChange::Truncate { from } => log.retain_in(*from.., |_, _| false)?,
                FileChange::Purge { upto, id } => {
                    log.retain_in(..=*upto, |_, _| false)?;
                    meta.insert(PURGED, sealed(file, ValuePlace::Single(PURGED), id)?)?;
                }
                FileChange::Own { id } => {
                    meta.insert(OWNER, id.as_slice())?;
                }
                FileChange::Put { key, value } => {
                    meta.insert(*key, sealed(file, ValuePlace::Single(key), value)?)?;
                }
                FileChange::Nothing => {}
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// A value as it is written.
fn sealed<'a>(file: &File, place: ValuePlace<'_>, value: &'a mut Vec<u8>) -> Result<&'a [u8], redb::Error> {
    if let Some(seal) = &file.seal {
        let sealed = seal.seal(place, value);
        sealed.map_err(|_unspecified| io::Error::other("a value could not be encrypted"))?;
    }
    Ok(value)
}

fn read_snapshot(file: &File) -> Result<Option<Vec<u8>>, redb::Error> {
    let transaction = file.database.begin_read()?;
    let meta = transaction.open_table(META)?;
    let Some(mut bytes) = meta.get(SNAPSHOT)?.map(|bytes| bytes.value().to_vec()) else {
        return Ok(None);
    };
    if let Some(seal) = &file.seal {
        let opened = seal.open(ValuePlace::Single(SNAPSHOT), &mut bytes);
        opened
            .map_err(|_unspecified| redb::Error::Corrupted("the snapshot cannot be decrypted".to_owned()))?;
    }
    Ok(Some(bytes))
}

#[cfg(test)]
pub(super) mod stalled {
    //! A disk that takes its time.

    use super::{FileChange, Job, QUEUE_JOBS, Then, WriterHandle};
    use tokio::sync::mpsc;

    /// A handle whose changes wait until somebody makes them durable.
    pub(in crate::store) fn writer() -> (WriterHandle, StalledDisk) {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
        (WriterHandle { jobs }, StalledDisk(queue))
    }

    pub(in crate::store) struct StalledDisk(mpsc::Receiver<Job>);

    impl StalledDisk {
        /// Makes the changes that wait durable. The names of single values among them.
        pub(in crate::store) fn write_all(&mut self) -> Vec<&'static str> {
            let mut names = Vec::new();
            while let Ok(Job::Write(change, then)) = self.0.try_recv() {
                if let FileChange::Put { key, .. } = change {
                    names.push(key);
                }
                if let Then::Tell(tell) = then {
                    tell.send(()).expect("somebody waits");
                }
            }
            names
        }
    }
}
